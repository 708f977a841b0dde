// The correspondent's questions that go to every bank at once and are answered by all of them
// together: the statement, and the notices. All banks' answers come from the exchange's one thread,
// so that a round needs no lock. A bank that does not answer keeps its place in the cursor.
#include <algorithm>

#include "bank/adapters/iso20022/correspondent.h"

namespace paygate::bank::iso20022 {
namespace {

using base::MutexLock;

constexpr size_t kMostInARound = 256;  // bookings; PAYGATE_BANK_MAX_BOOKINGS
constexpr size_t kMostNotices = 64;    // PAYGATE_BANK_MAX_NOTICES

bool IsWord(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

StatementEnd::Booking ToBooking(const std::string& bic, const OrderBooking& b) {
  std::string id = IsWord(b.own_id) ? b.own_id : b.transaction_id;
  std::ranges::replace(id, ' ', '_');
  return {.id = std::move(id),
          .is_return = b.is_return,
          .amount = b.amount.minor_units(),
          .currency = std::string(b.amount.currency().code()),
          .bank_reference =
              BankReference(bic, b.reference.empty() ? b.transaction_id : b.reference),
          .booked = b.booked / 1000};
}

}  // namespace

struct Correspondent::StatementRound {
  Positions positions;
  StatementEnd end;
  size_t waiting = 0, silent = 0;
  int64_t complete_until = INT64_MAX;  // Unix milliseconds
  StatementDone done;
};

struct Correspondent::NoticesRound {
  struct Found {
    uint64_t number;
    ParticipantNotice notice;
  };
  Positions positions;
  std::map<std::string, std::vector<Found>> found;  // by BIC
  size_t waiting = 0, silent = 0;
  NoticesDone done;
};

bool Correspondent::BeginRound() {
  MutexLock lock(mutex_);
  if (draining_ || rounds_ + calls_.size() >= config_.max_waiting) return false;
  ++rounds_;
  return true;
}

void Correspondent::EndRound() {
  MutexLock lock(mutex_);
  --rounds_;
  if (rounds_ == 0 && calls_.empty()) idle_.NotifyAll();
}

// The answer, or one that did not come, from a thread of the exchange.
void Correspondent::Read(const BankRoute& bank, const std::string& path, Exchange::Done done) {
  auto shared = std::make_shared<Exchange::Done>(std::move(done));
  HttpRequest request{.bank = &bank, .path = path, .timeout = config_.answer_timeout};
  if (exchange_->Send(std::move(request),
                      [shared](HttpAnswer answer) { (*shared)(std::move(answer)); }))
    return;
  exchange_->After(std::chrono::milliseconds(0), [shared] { (*shared)({}); });
}

bool Correspondent::AskStatement(Positions after, StatementDone done) {
  if (!BeginRound()) return false;
  auto round = std::make_shared<StatementRound>();
  round->positions = std::move(after);
  round->waiting = config_.banks.size();
  round->done = std::move(done);
  const size_t limit = std::min(kMaxBookings, kMostInARound / config_.banks.size());
  std::vector<std::string> paths;  // all before the first answer may change the positions
  for (const BankRoute& bank : config_.banks)
    paths.push_back("/bookings?after=" + std::to_string(round->positions[bank.bic]) +
                    "&limit=" + std::to_string(limit));
  for (size_t i = 0; i < paths.size(); ++i)
    Read(config_.banks[i], paths[i], [this, round, i, limit](HttpAnswer answer) {
      OnBookings(*round, config_.banks[i], limit, answer);
    });
  return true;
}

void Correspondent::OnBookings(StatementRound& round, const BankRoute& bank, size_t limit,
                               const HttpAnswer& answer) {
  std::string evidence;
  const auto message =
      answer.status == 200 ? Open(bank, answer, evidence) : std::optional<Message>();
  const auto* report = message ? std::get_if<BookingReport>(&message->body) : nullptr;
  uint64_t& position = round.positions[bank.bic];
  const bool follows = report && report->bookings.size() <= limit &&
                       (report->bookings.empty() || report->bookings[0].number == position + 1) &&
                       (report->bookings.empty() || report->bookings.back().number ==
                                                        position + report->bookings.size());
  if (report && !follows)
    environment_.log(Level::kError, bank.bic + ": a statement with a gap, or not what was asked");
  if (!follows) {
    ++round.silent;
  } else {
    position += report->bookings.size();
    for (const OrderBooking& b : report->bookings)
      round.end.bookings.push_back(ToBooking(bank.bic, b));
    round.end.more |= report->more && !report->bookings.empty();
    round.complete_until = std::min(round.complete_until, report->complete_until);
  }
  if (--round.waiting > 0) return;
  round.end.answered = round.silent < config_.banks.size();
  // Up to when nothing is missing is known only if every bank said so.
  round.end.complete_until = round.silent > 0 ? 0 : round.complete_until / 1000;
  round.end.cursor = Print(round.positions);
  round.done(std::move(round.end));
  EndRound();
}

bool Correspondent::AskNotices(Positions after, NoticesDone done) {
  if (!BeginRound()) return false;
  auto round = std::make_shared<NoticesRound>();
  round->positions = std::move(after);
  round->waiting = config_.banks.size();
  round->done = std::move(done);
  std::vector<uint64_t> begins;
  for (const BankRoute& bank : config_.banks) begins.push_back(round->positions[bank.bic]);
  for (size_t i = 0; i < begins.size(); ++i) AskNotice(round, config_.banks[i], begins[i]);
  return true;
}

void Correspondent::AskNotice(const std::shared_ptr<NoticesRound>& round, const BankRoute& bank,
                              uint64_t after) {
  const std::string path = "/inbox?only=notices&wait=0&after=" + std::to_string(after);
  Read(bank, path, [this, round, &bank, after](HttpAnswer answer) {
    OnNotice(round, bank, after, answer);
  });
}

// One after the other, until a bank has no more, or its share of the round is full.
void Correspondent::OnNotice(const std::shared_ptr<NoticesRound>& round, const BankRoute& bank,
                             uint64_t after, const HttpAnswer& answer) {
  std::string evidence;
  const auto message = answer.status == 200 && answer.inbox_number > after
                           ? Open(bank, answer, evidence)
                           : std::optional<Message>();
  const auto* notice = message ? std::get_if<ParticipantNotice>(&message->body) : nullptr;
  if (notice && IsWord(notice->participant_id)) {
    auto& found = round->found[bank.bic];
    found.push_back({answer.inbox_number, *notice});
    if (found.size() < kMostNotices / config_.banks.size())
      return AskNotice(round, bank, answer.inbox_number);
  } else if (answer.status != 204) {
    // A notice that is none is not passed over: it could leave a thief at large.
    if (answer.status == 200)
      environment_.log(Level::kError, bank.bic + ": a notice that cannot be taken; nothing after "
                                                 "it is either");
    ++round->silent;
  }
  if (--round->waiting > 0) return;
  NoticesEnd end{.answered = round->silent < config_.banks.size(), .list = {}};
  for (auto& [bic, found] : round->found) {
    for (auto& [number, each] : found) {
      round->positions[bic] = number;
      end.list.push_back({Print(round->positions), std::move(each)});
    }
  }
  if (!end.list.empty()) end.answered = true;
  round->done(std::move(end));
  EndRound();
}

}  // namespace paygate::bank::iso20022
