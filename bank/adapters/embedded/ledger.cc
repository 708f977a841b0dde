#include "bank/adapters/embedded/ledger.h"

#include "base/crypto.h"

namespace paygate::bank::embedded {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MutexLock;

}  // namespace

Ledger::Ledger(Config config, Now now, size_t max_waiting)
    : config_(std::move(config)),
      now_(std::move(now)),
      max_waiting_(max_waiting),
      books_(config_),
      orders_(config_.ledger) {}

base::Result<std::unique_ptr<Ledger>> Ledger::Open(Config config, Now now, size_t max_waiting) {
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(config), std::move(now), max_waiting));
  RETURN_IF_ERROR(ledger->Load());
  ledger->writer_ = std::thread([raw = ledger.get()] { raw->Write(); });
  return ledger;
}

base::Status Ledger::Load() {
  MutexLock lock(mutex_);
  const auto apply = [this](std::string_view bytes) NO_THREAD_SAFETY_ANALYSIS -> base::Status {
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(bytes));
    return books_.Apply(record);
  };
  ASSIGN_OR_RETURN(journal_, Journal::Open(config_.ledger, apply));
  std::vector<std::string> opened;
  for (const Record& record : books_.AccountsToOpen(now_())) {
    RETURN_IF_ERROR(books_.Apply(record));
    opened.push_back(EncodeRecord(record));
  }
  if (!opened.empty()) RETURN_IF_ERROR(journal_->Append(opened));
  return books_.CheckConservation();
}

Ledger::~Ledger() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  if (writer_.joinable()) writer_.join();
}

base::Status Ledger::CheckRoom() {
  if (in_flight_ >= max_waiting_) return Fail(ErrorCode::kOverloaded, "too many requests wait");
  // What follows is written in the order of the queue: an answer never leaves before its order.
  for (const Order& order : orders_.ReadNew()) {
    auto record = order.close ? books_.DecideClose(order.account, now_())
                              : books_.DecideRevoke(order.account, order.participant,
                                                    order.reason, now_());
    if (record) Enqueue(record, [](bool) {});
  }
  return {};
}

base::Status Ledger::Notices(uint64_t after, size_t limit, NoticesDone done) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  Enqueue(std::nullopt,
          [page = books_.NoticesAfter(after, limit), done = std::move(done)](
              bool durable) mutable { done(durable, std::move(page)); });
  return {};
}

base::Status Ledger::AskStatement(uint64_t after, size_t limit, StatementDone done) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  Statement page{.bookings = books_.BookingsAfter(after, limit),
                 .more = after + limit < books_.bookings(),
                 .complete_until = now_()};
  // Others of that second may follow.
  if (page.more) page.complete_until = page.bookings.back().time;
  Enqueue(std::nullopt, [page = std::move(page), done = std::move(done)](bool durable) mutable {
    done(durable, std::move(page));
  });
  return {};
}

void Ledger::Enqueue(const std::optional<Record>& record,
                     std::move_only_function<void(bool)> done) {
  Waiting entry{.done = std::move(done)};
  if (record) {
    // What Decide made, Apply takes; if not, the books are wrong and nothing more may be said.
    if (books_.Apply(*record))
      entry.record = EncodeRecord(*record);
    else
      broken_ = true;
  }
  waiting_.push_back(std::move(entry));
  ++in_flight_;
  work_.NotifyOne();
}

base::Status Ledger::Submit(std::string_view prepared, TransferDone done) {
  ASSIGN_OR_RETURN(const TransferOrder order, ParsePrepared(prepared));
  const std::string content = base::Sha256(prepared);
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  auto decision = books_.DecideSubmit(order, content, now_());
  Enqueue(decision.record,
          [answer = std::move(decision.answer), done = std::move(done)](bool durable) mutable {
            done(durable ? std::move(answer) : TransferAnswer{});
          });
  return {};
}

base::Status Ledger::Inquire(std::string_view prepared, TransferDone done) {
  ASSIGN_OR_RETURN(const TransferOrder order, ParsePrepared(prepared));
  const std::string content = base::Sha256(prepared);
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  auto decision = books_.DecideStatus(order, content, now_());
  Enqueue(decision.record,
          [answer = std::move(decision.answer), done = std::move(done)](bool durable) mutable {
            done(durable ? std::move(answer) : TransferAnswer{});
          });
  return {};
}

base::Status Ledger::VerifyAccount(std::string_view account, std::string_view participant,
                                   VerifyDone done) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  Enqueue(std::nullopt,
          [answer = books_.VerifyAccount(account, participant),
           done = std::move(done)](bool durable) mutable { done(durable, std::move(answer)); });
  return {};
}

base::Status Ledger::Enrol(std::string_view account, std::string_view code,
                           std::string_view registration, std::string_view participant,
                           VerifyDone done) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckRoom());
  auto decision = books_.DecideEnrolment(account, code, registration, participant, now_());
  Enqueue(decision.record, [answer = std::move(decision.answer), done = std::move(done)](
                               bool durable) mutable { done(durable, std::move(answer)); });
  return {};
}

void Ledger::Write() {
  for (;;) {
    std::vector<Waiting> batch;
    bool broken;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) work_.Wait(mutex_);
      if (waiting_.empty()) return;
      batch.swap(waiting_);
      broken = broken_;
    }
    if (!broken && !Append(batch)) {
      broken = true;
      MutexLock lock(mutex_);
      broken_ = true;
    }
    for (Waiting& w : batch) w.done(!broken);
    MutexLock lock(mutex_);
    in_flight_ -= batch.size();
    if (in_flight_ == 0) idle_.NotifyAll();
  }
}

bool Ledger::Append(const std::vector<Waiting>& batch) {
  std::vector<std::string> records;
  size_t bytes = 0;
  for (const Waiting& w : batch) {
    if (w.record.empty()) continue;
    if (bytes + w.record.size() + 4 > kMaxBlockBytes) {
      if (!journal_->Append(records)) return false;
      records.clear();
      bytes = 0;
    }
    bytes += w.record.size() + 4;
    records.push_back(w.record);
  }
  return records.empty() || journal_->Append(records).has_value();
}

void Ledger::Drain() {
  MutexLock lock(mutex_);
  while (in_flight_ > 0) idle_.Wait(mutex_);
}

bool Ledger::Healthy() const {
  MutexLock lock(mutex_);
  return !broken_;
}

base::Status Ledger::CheckConservation() const {
  MutexLock lock(mutex_);
  return books_.CheckConservation();
}

std::optional<int64_t> Ledger::Balance(std::string_view account) const {
  MutexLock lock(mutex_);
  return books_.Balance(account);
}

}  // namespace paygate::bank::embedded
