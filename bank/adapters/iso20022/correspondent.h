// Correspondent: the gateway's conversation with its banks: sends orders and questions, takes their
// answers, at once or from the inbox, and gives each call exactly one end.
//
// Ends come from a thread of the exchange, never from inside the starting call. A starting function
// that returns false ends never, and nothing happened. In doubt the end is kUnknown. Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bank/adapters/iso20022/config.h"
#include "bank/adapters/iso20022/exchange.h"
#include "bank/adapters/iso20022/judgement.h"
#include "bank/adapters/iso20022/positions.h"
#include "base/mutex.h"

namespace paygate::bank::iso20022 {

struct TransferEnd {
  Judgement judgement;
  std::string bank_reference;  // with kCompleted
  std::string evidence;        // the bank's signed answer: signature header, empty line, bytes
};

struct VerificationEnd {
  enum class Verdict : uint8_t { kVerified, kRefused, kNoAnswer } verdict = Verdict::kNoAnswer;
  std::string reason, currency;
};

struct StatementEnd {
  struct Booking {
    std::string id;  // payment_id or refund_id; the TxId if the bank does not give that back
    bool is_return = false;
    int64_t amount = 0;
    std::string currency, bank_reference;
    int64_t booked = 0;  // Unix seconds, as complete_until
  };
  bool answered = false;  // by one bank at least
  std::vector<Booking> bookings;
  std::string cursor;  // Positions
  bool more = false;
  int64_t complete_until = 0;
};

struct NoticesEnd {
  struct One {
    std::string cursor;
    ParticipantNotice notice;
  };
  bool answered = false;
  std::vector<One> list;
};

class Correspondent {
 public:
  using TransferDone = std::move_only_function<void(TransferEnd)>;
  using VerificationDone = std::move_only_function<void(VerificationEnd)>;
  using StatementDone = std::move_only_function<void(StatementEnd)>;
  using NoticesDone = std::move_only_function<void(NoticesEnd)>;
  enum class Level { kDebug, kInfo, kWarning, kError };
  struct Environment {
    std::function<int64_t()> unix_time;
    std::function<void(Level, const std::string&)> log;  // no account numbers, no codes
  };

  static base::Result<std::unique_ptr<Correspondent>> Open(Config config, Environment environment);
  ~Correspondent();

  bool Submit(const Prepared& prepared, TransferDone done) EXCLUDES(mutex_);
  bool Status(const Prepared& prepared, TransferDone done) EXCLUDES(mutex_);
  // `message_id` of the request is made here.
  bool Verify(const BankRoute& bank, VerificationRequest request, VerificationDone done)
      EXCLUDES(mutex_);
  // Of all banks, what comes after these positions.
  bool AskStatement(Positions after, StatementDone done) EXCLUDES(mutex_);
  bool AskNotices(Positions after, NoticesDone done) EXCLUDES(mutex_);
  bool Healthy() const EXCLUDES(mutex_);  // at least one bank answered lately
  void Drain() EXCLUDES(mutex_);          // no new calls; returns when there are none
  const Config& config() const { return config_; }

 private:
  struct Call {
    const BankRoute* bank = nullptr;
    bool is_status = false;
    Prepared about;          // of a transfer
    std::string message_id;  // of a verification
    std::string verification_id;
    TransferDone done;
    VerificationDone verified;
    bool waits_for_inbox = false;
    std::optional<std::pair<Message, std::string>> early;  // from the inbox, with its evidence
  };
  struct Inbox {
    bool started = false;  // where it begins is known
    uint64_t after = 0;
    bool reachable = false;
  };

  Correspondent(Config config, Environment environment);
  bool Start(std::shared_ptr<Call> call, const std::string& key, std::string bytes)
      EXCLUDES(mutex_);
  void OnAnswer(uint64_t id, HttpAnswer answer) EXCLUDES(mutex_);
  void OnAccepted(uint64_t id, const std::shared_ptr<Call>& call) EXCLUDES(mutex_);
  std::shared_ptr<Call> Find(uint64_t id) const EXCLUDES(mutex_);
  // Judges and ends the call; false if the message is not about it.
  bool EndWith(uint64_t id, const std::shared_ptr<Call>& call, const Message& message,
               const std::string& evidence) EXCLUDES(mutex_);
  void End(uint64_t id, const std::shared_ptr<Call>& call, TransferEnd end,
           VerificationEnd verification) EXCLUDES(mutex_);
  void Remember(const std::string& transaction, const Judgement& judgement) REQUIRES(mutex_);

  struct StatementRound;
  struct NoticesRound;
  bool BeginRound() EXCLUDES(mutex_);
  void EndRound() EXCLUDES(mutex_);
  void Read(const BankRoute& bank, const std::string& path, Exchange::Done done);
  void OnBookings(StatementRound& round, const BankRoute& bank, size_t limit,
                  const HttpAnswer& answer) EXCLUDES(mutex_);
  void AskNotice(const std::shared_ptr<NoticesRound>& round, const BankRoute& bank,
                 uint64_t after);
  void OnNotice(const std::shared_ptr<NoticesRound>& round, const BankRoute& bank, uint64_t after,
                const HttpAnswer& answer) EXCLUDES(mutex_);

  void Poll(const BankRoute& bank) EXCLUDES(mutex_);
  void OnInbox(const BankRoute& bank, HttpAnswer answer) EXCLUDES(mutex_);
  void NoteContradiction(const BankRoute& bank, const std::string& transaction, Outcome first,
                         const Message& message) const;
  void TakeFromInbox(const BankRoute& bank, const Message& message, const std::string& evidence)
      EXCLUDES(mutex_);
  // The message, if it is this bank's and to us; otherwise the reason is logged.
  std::optional<Message> Open(const BankRoute& bank, const HttpAnswer& answer,
                              std::string& evidence) const;

  const Config config_;
  const Environment environment_;
  mutable base::Mutex mutex_;
  base::CondVar idle_;
  bool draining_ GUARDED_BY(mutex_) = false;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  size_t rounds_ GUARDED_BY(mutex_) = 0;  // in flight
  std::map<uint64_t, std::shared_ptr<Call>> calls_ GUARDED_BY(mutex_);
  std::multimap<std::string, uint64_t> by_key_ GUARDED_BY(mutex_);  // transaction or message id
  std::map<std::string, Inbox> inboxes_ GUARDED_BY(mutex_);         // by BIC
  // The last ends, to notice a bank that contradicts itself later.
  std::map<std::string, Outcome> recent_ GUARDED_BY(mutex_);
  std::deque<std::string> recent_order_ GUARDED_BY(mutex_);
  std::unique_ptr<Exchange> exchange_;  // last: its thread uses all the rest
};

}  // namespace paygate::bank::iso20022
