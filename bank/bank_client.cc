// The engine's end of the connection to the bank host.
//
// A caller writes a small request itself, unless it would have to wait. Three threads: the
// connector connects, reads and dispatches replies; the sender writes what had to be queued; the
// completer gives the answers that are due without a reply (refusals, deadlines), so that none is
// given from inside a call, and pings the host.
//
// What became of a request is decided by one mark, `sent`, set before its first byte is written:
// unsent → proven not sent; sent → nobody knows until the bank is asked.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "bank/bank.h"
#include "bank/frames.h"
#include "bank/internal/endings.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/outside_text.h"
#include "base/mutex.h"
#include "base/secret_bytes.h"

namespace paygate::bank {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MonotonicTime;
using base::MutexLock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{20};
constexpr milliseconds kLastBackoff{2000};
constexpr milliseconds kTick{100};             // the longest sleep of the completer
constexpr milliseconds kHealthPeriod{1000};    // between pings of the host
constexpr milliseconds kHealthDeadline{5000};  // a host that is silent for longer is not healthy
constexpr size_t kWholeBytes = 16u << 10;      // a frame of so much is written whole or not at all

using Completion = std::move_only_function<void(End)>;

struct Pending {
  RequestKind kind = RequestKind::kHealth;
  std::string frame;  // emptied when sent
  bool sent = false;
  MonotonicTime deadline;
  Completion done;
};

struct ToSend {
  std::shared_ptr<base::Channel> channel;
  std::string frame;
};

class BankClient final : public Bank {
 public:
  BankClient(BankClientOptions options, const base::Clock& clock)
      : options_(std::move(options)), clock_(clock) {
    connector_ = std::thread([this] { Connect(); });
    sender_ = std::thread([this] { SendQueued(); });
    completer_ = std::thread([this] { Complete(); });
  }

  ~BankClient() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      if (channel_) channel_->Close();
      stopped_.notify_all();
      to_send_changed_.notify_all();
      due_changed_.notify_all();
    }
    connector_.join();  // ends everything outstanding
    sender_.join();
    completer_.join();
    for (auto& [ending, done] : due_) done(ending);  // started by a last callback
  }

  base::Result<Capabilities> GetCapabilities() override {
    MutexLock lock(mutex_);
    if (!hello_) return Fail(ErrorCode::kBankUnavailable, "no bank host is connected");
    return hello_->capabilities;
  }

  bool Healthy() const override {
    MutexLock lock(mutex_);
    return hello_ && healthy_ && clock_.Monotonic() - last_health_ < kHealthDeadline;
  }

  base::Result<std::string> Prepare(const Transfer& t) override {
    Request request{.kind = RequestKind::kPrepare, .payment_id = t.payment_id,
                    .debtor_account = t.debtor_account, .creditor_account = t.creditor_account,
                    .amount_minor_units = t.amount.minor_units(),
                    .currency = t.amount.currency().code(),
                    .fraction_digits = static_cast<uint32_t>(t.amount.currency().fraction_digits()),
                    .remittance = t.remittance,
                    .deadline = base::ToNumericDate(t.deadline),
                    .created = base::ToNumericDate(t.created)};
    return AskPrepared(request);
  }
  base::Result<std::string> PrepareReturn(const Return& r) override {
    return AskPrepared(
        {.kind = RequestKind::kPrepareReturn,
         .refund_id = r.refund_id, .bank_reference = r.bank_reference, .payment_id = r.payment_id,
         .amount_minor_units = r.amount.minor_units(),
         .currency = r.amount.currency().code(),
         .fraction_digits = static_cast<uint32_t>(r.amount.currency().fraction_digits()),
         .deadline = base::ToNumericDate(r.deadline), .created = base::ToNumericDate(r.created)});
  }

  void Submit(std::string_view prepared, AnswerCallback done) override {
    Ask(RequestKind::kSubmit, prepared, std::move(done));
  }
  void Status(std::string_view prepared, AnswerCallback done) override {
    Ask(RequestKind::kStatus, prepared, std::move(done));
  }

  void VerifyAccount(std::string_view account, std::string_view participant_id,
                     VerificationCallback done) override {
    Verify(
        {.kind = RequestKind::kVerifyAccount, .account = account, .participant_id = participant_id},
        std::move(done));
  }
  void VerifyEnrolment(std::string_view account, std::string_view enrolment_code,
                       std::string_view registration_digest, std::string_view participant_id,
                       VerificationCallback done) override {
    Verify({.kind = RequestKind::kVerifyEnrolment,
            .account = account, .participant_id = participant_id,
            .enrolment_code = enrolment_code, .registration_digest = registration_digest},
           std::move(done));
  }

  void AskNotices(std::string_view after, NoticesCallback done) override {
    Start({.kind = RequestKind::kNotices, .cursor = after}, options_.answer_deadline,
          [done = std::move(done)](End end) mutable { done(ToNotices(std::move(end))); });
  }

  void AskStatement(std::string_view after, StatementCallback done) override {
    Start({.kind = RequestKind::kStatement, .cursor = after}, options_.answer_deadline,
          [done = std::move(done)](End end) mutable { done(ToStatement(std::move(end))); });
  }

 private:
  base::Result<std::string> AskPrepared(const Request& request) {
    std::promise<End> promise;
    auto future = promise.get_future();
    Start(request, options_.prepare_deadline,
          [&promise](End end) { promise.set_value(std::move(end)); });
    return ToPrepared(future.get());  // bounded: every request ends by its deadline
  }

  void Ask(RequestKind kind, std::string_view prepared, AnswerCallback done) {
    Start({.kind = kind, .prepared = prepared}, options_.answer_deadline,
          [kind, done = std::move(done)](End e) mutable { done(ToAnswer(kind, std::move(e))); });
  }

  void Verify(Request request, VerificationCallback done) {
    Start(request, options_.answer_deadline,
          [done = std::move(done)](End end) mutable { done(ToVerification(std::move(end))); });
  }

  void Start(Request request, milliseconds deadline, Completion done) {
    std::optional<ToSend> mine;
    {
      MutexLock lock(mutex_);
      if (!StartLocked(request, deadline, std::move(done))) return;
      const bool small = pending_.at(request.id).frame.size() <= kWholeBytes;
      if (small && to_send_.size() == 1) mine = TakeToSendLocked();  // nobody is before this one
    }
    if (!mine) return to_send_changed_.notify_one();
    const auto sent = mine->channel->TrySend(mine->frame);
    if (sent || sent.error().code != ErrorCode::kOverloaded) return Sent(*mine, sent);
    MutexLock lock(mutex_);
    auto it = pending_.find(request.id);
    if (it == pending_.end()) return Sent(*mine, {});  // its deadline passed, or it was lost
    it->second.sent = false;
    it->second.frame = std::move(mine->frame);
    to_send_.push_back(request.id);
    to_send_changed_.notify_one();
  }

  // False: it will be completed without being sent.
  bool StartLocked(Request& request, milliseconds deadline, Completion done) REQUIRES(mutex_) {
    const bool away = !hello_ || stopping_;
    if (away || pending_.size() >= LimitFor(request.kind)) {
      CompleteSoonLocked(away ? Ending::kNotSent : Ending::kBusy, std::move(done));
      return false;
    }
    request.id = next_id_++;
    const MonotonicTime until = clock_.Monotonic() + deadline;
    pending_.emplace(request.id, Pending{.kind = request.kind,
                                         .frame = EncodeRequest(request),
                                         .deadline = until,
                                         .done = std::move(done)});
    deadlines_.emplace(until, request.id);
    to_send_.push_back(request.id);
    return true;
  }

  // Anyone can make the gateway ask about an account or a code, as often as the bank is slow to
  // answer: half of the places are for payments alone.
  size_t LimitFor(RequestKind kind) const {
    const bool verification =
        kind == RequestKind::kVerifyAccount || kind == RequestKind::kVerifyEnrolment;
    return verification ? (options_.max_in_flight + 1) / 2 : options_.max_in_flight;
  }

  void CompleteSoonLocked(Ending ending, Completion done) REQUIRES(mutex_) {
    due_.emplace_back(ending, std::move(done));
    due_changed_.notify_one();
  }

  // The request leaves the tables; the caller completes it outside the lock.
  Pending TakeLocked(std::map<uint64_t, Pending>::iterator it) REQUIRES(mutex_) {
    Pending pending = std::move(it->second);
    deadlines_.erase({pending.deadline, it->first});
    pending_.erase(it);
    base::Cleanse(pending.frame.data(), pending.frame.size());  // may hold an enrolment code
    return pending;
  }

  // --- connector ---------------------------------------------------------------------------
  void Connect() {
    milliseconds backoff = kFirstBackoff;
    for (;;) {
      auto channel = base::Channel::Connect(options_.socket);
      std::shared_ptr<base::Channel> shared;
      if (channel) shared = std::move(*channel);
      {
        MutexLock lock(mutex_);
        if (stopping_) break;
        channel_ = shared;  // so that the destructor can wake Receive
      }
      if (shared && ReadHello(*shared)) {
        backoff = kFirstBackoff;
        Read(*shared);
        base::LogWarning("bank.lost");
      }
      EndAll();
      MutexLock lock(mutex_);
      if (!stopping_) stopped_.wait_for(mutex_, backoff);
      if (stopping_) break;
      backoff = std::min(backoff * 2, kLastBackoff);
    }
    EndAll();
  }

  bool ReadHello(base::Channel& channel) {
    auto frame = channel.Receive();
    if (!frame) return false;
    auto hello = DecodeHello(*frame);
    if (!hello) {
      base::LogError("bank.hello_refused", {{"error", hello.error().ToString()}});
      return false;
    }
    base::LogInfo("bank.connected", {{"adapter", hello->adapter}});
    MutexLock lock(mutex_);
    hello_ = std::move(*hello);
    healthy_ = true;
    last_health_ = clock_.Monotonic();
    return !stopping_;
  }

  void Read(base::Channel& channel) {
    for (;;) {
      auto frame = channel.Receive();
      if (!frame) return;
      auto reply = DecodeReply(*frame);
      if (!reply) {
        base::LogError("bank.reply_malformed", {{"error", reply.error().ToString()}});
        channel.Close();
        return;
      }
      std::optional<Pending> pending;
      {
        MutexLock lock(mutex_);
        // Not there: its deadline passed before. What it says is learnt by Status.
        if (auto it = pending_.find(reply->id); it != pending_.end()) pending = TakeLocked(it);
      }
      if (pending) pending->done(std::move(*reply));
    }
  }

  // The connection is gone: everything in flight ends, by what is known of it.
  void EndAll() {
    std::vector<Pending> ended;
    {
      MutexLock lock(mutex_);
      if (channel_) channel_->Close();
      channel_.reset();
      hello_.reset();
      to_send_.clear();
      while (!pending_.empty()) ended.push_back(TakeLocked(pending_.begin()));
    }
    for (Pending& p : ended) p.done(p.sent ? Ending::kLost : Ending::kNotSent);
  }

  void SendQueued() {
    for (;;) {
      std::optional<ToSend> next;
      {
        MutexLock lock(mutex_);
        while (!stopping_ && to_send_.empty()) to_send_changed_.wait(mutex_);
        if (stopping_) return;
        next = TakeToSendLocked();
      }
      if (next) Sent(*next, next->channel->Send(next->frame));
    }
  }

  // The next in the queue, marked as sent; nullopt if its deadline passed first.
  std::optional<ToSend> TakeToSendLocked() REQUIRES(mutex_) {
    auto it = pending_.find(to_send_.front());
    to_send_.pop_front();
    if (it == pending_.end() || !channel_) return std::nullopt;
    it->second.sent = true;
    return ToSend{channel_, std::move(it->second.frame)};
  }

  // A failure closes the channel, and the connector then ends everything.
  static void Sent(ToSend& it, const base::Status& status) {
    if (!status) it.channel->Close();
    base::Cleanse(it.frame.data(), it.frame.size());
  }

  void Complete() {
    for (;;) {
      std::vector<std::pair<Ending, Completion>> due;
      {
        MutexLock lock(mutex_);
        if (!stopping_ && due_.empty()) due_changed_.wait_for(mutex_, kTick);
        due.swap(due_);
        const MonotonicTime now = clock_.Monotonic();
        while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
          Pending p = TakeLocked(pending_.find(deadlines_.begin()->second));
          due.emplace_back(p.sent ? Ending::kLost : Ending::kNotSent, std::move(p.done));
        }
        PingLocked(now);
        if (stopping_ && due.empty()) return;
      }
      for (auto& [ending, done] : due) done(ending);
    }
  }

  void PingLocked(MonotonicTime now) REQUIRES(mutex_) {
    if (!hello_ || stopping_ || ping_in_flight_ || now < next_ping_) return;
    next_ping_ = now + kHealthPeriod;
    ping_in_flight_ = true;
    Request request{.kind = RequestKind::kHealth};
    const bool queued = StartLocked(request, kHealthDeadline, [this](End end) {
      MutexLock lock(mutex_);
      ping_in_flight_ = false;
      const auto* reply = std::get_if<Reply>(&end);
      const auto* health = reply ? std::get_if<HealthReply>(&reply->body) : nullptr;
      healthy_ = health && health->healthy;
      if (healthy_) last_health_ = clock_.Monotonic();
    });
    if (queued) to_send_changed_.notify_one();
  }

  const BankClientOptions options_;
  const base::Clock& clock_;

  mutable base::Mutex mutex_;
  // Not base::CondVar: these wait for a length of time, not until a time of clock_, so that a clock
  // that a test turns cannot make them spin.
  std::condition_variable_any stopped_;
  std::condition_variable_any to_send_changed_;
  std::condition_variable_any due_changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<base::Channel> channel_ GUARDED_BY(mutex_);
  std::optional<Hello> hello_ GUARDED_BY(mutex_);  // there while connected
  bool healthy_ GUARDED_BY(mutex_) = false;
  bool ping_in_flight_ GUARDED_BY(mutex_) = false;
  MonotonicTime last_health_ GUARDED_BY(mutex_);
  MonotonicTime next_ping_ GUARDED_BY(mutex_);
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;  // never reused, so a late reply hits nothing
  std::map<uint64_t, Pending> pending_ GUARDED_BY(mutex_);
  std::set<std::pair<MonotonicTime, uint64_t>> deadlines_ GUARDED_BY(mutex_);
  std::deque<uint64_t> to_send_ GUARDED_BY(mutex_);
  std::vector<std::pair<Ending, Completion>> due_ GUARDED_BY(mutex_);

  std::thread connector_;
  std::thread sender_;
  std::thread completer_;
};

}  // namespace

std::unique_ptr<Bank> OpenBankClient(BankClientOptions options, const base::Clock& clock) {
  return std::make_unique<BankClient>(std::move(options), clock);
}

}  // namespace paygate::bank
