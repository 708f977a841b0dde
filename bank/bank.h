// Bank: the engine's view of one bank adapter, which runs in its own process (paygate-bank).
//
// Guarantees: Submit, Status, Verify… and Ask… call `done` exactly once, from a thread of the bank
// client, never from inside the call. When the host process dies, everything in flight that
// may have reached the bank completes as kUnknown, and what had not left this process as kNotSent.
// No call waits for a bank; Prepare and PrepareReturn alone wait for the host process (pure, no
// I/O, has a deadline). Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/money.h"
#include "base/result.h"

namespace paygate::bank {

enum class Outcome : uint8_t {
  kCompleted = 1,  // final: irrevocably credited at the seller's bank
  kPending = 2,
  kRejected = 3,  // final: no money moved and none will
  kNotSent = 4,   // proven not to have reached the bank
  kUnknown = 5,
  kNotFound = 6,
  kBusy = 7,
};
std::string_view Name(Outcome outcome);

struct Answer {
  Outcome outcome = Outcome::kUnknown;
  std::string reason;          // ISO 20022 code with kRejected
  std::string bank_reference;  // with kCompleted
  std::string evidence;
};

enum class Verdict : uint8_t { kVerified = 1, kRefused = 2, kNoAnswer = 3 };
struct Verification {
  Verdict verdict = Verdict::kNoAnswer;
  std::string reason;
  std::string currency;  // of the account, if told
};

// What the bank tells on its own account (paygate_bank_notice).
enum class NoticeReason : uint8_t { kKeyCompromise = 1, kCessationOfOperation, kSuperseded };
struct Notice {
  std::string cursor;
  bool account_closed = false;  // otherwise the bank orders a revocation
  NoticeReason reason = NoticeReason::kKeyCompromise;
  std::string participant_id;
};
struct Notices {
  bool answered = false;  // false: the bank was not asked or did not answer
  std::vector<Notice> list;
};
constexpr size_t kMaxNotices = 64;       // in one answer
constexpr size_t kMaxCursorBytes = 2048;
constexpr size_t kMaxParticipantIdBytes = 64;

// What the bank has booked for good on the gateway's orders (paygate_bank_booking).
struct Booking {
  std::string id;  // payment_id or refund_id; or how else the bank names the order
  bool is_return = false;
  int64_t minor_units = 0;
  std::string currency;
  std::string bank_reference;
  base::UnixTime booked{};  // by the bank's clock, as complete_until
};
struct StatementPage {
  bool answered = false;
  std::vector<Booking> bookings;
  std::string cursor;  // begins the next page
  bool more = false;   // which has something already
  base::UnixTime complete_until{};  // the epoch: nothing can be said
};
constexpr size_t kMaxBookings = 256;  // in one page
constexpr size_t kMaxBookingIdBytes = 64;
constexpr size_t kMaxReferenceBytes = 35;

struct Transfer {
  std::string payment_id;
  std::string debtor_account;
  std::string creditor_account;
  base::Money amount;
  std::string remittance;
  base::UnixTime deadline;
  base::UnixTime created;
};

// Money back for a completed transfer, named by the bank's own reference: no account travels.
struct Return {
  std::string refund_id;
  std::string payment_id;      // of the transfer
  std::string bank_reference;  // of the transfer
  base::Money amount;
  base::UnixTime deadline;
  base::UnixTime created;
};

struct Capabilities {
  bool notfound_is_final = false;
  bool returns = false;
  bool enrolment = false;
  bool notices = false;
  bool statement = false;
  std::string adapter;  // its name
};

class Bank {
 public:
  using AnswerCallback = std::move_only_function<void(Answer)>;
  using VerificationCallback = std::move_only_function<void(Verification)>;
  using NoticesCallback = std::move_only_function<void(Notices)>;
  using StatementCallback = std::move_only_function<void(StatementPage)>;

  virtual ~Bank() = default;
  virtual base::Result<Capabilities> GetCapabilities() = 0;  // kBankUnavailable while no host is up
  virtual bool Healthy() const = 0;
  virtual base::Result<std::string> Prepare(const Transfer& transfer) = 0;
  // As Prepare; its bytes go through Submit and Status like any others. kInvalidArgument if the
  // adapter has no returns.
  virtual base::Result<std::string> PrepareReturn(const Return& ret) = 0;
  virtual void Submit(std::string_view prepared, AnswerCallback done) = 0;
  virtual void Status(std::string_view prepared, AnswerCallback done) = 0;
  virtual void VerifyAccount(std::string_view account, std::string_view participant_id,
                             VerificationCallback done) = 0;
  virtual void VerifyEnrolment(std::string_view account, std::string_view enrolment_code,
                               std::string_view registration_digest,
                               std::string_view participant_id, VerificationCallback done) = 0;
  // At most kMaxNotices that came after this cursor, oldest first.
  virtual void AskNotices(std::string_view after, NoticesCallback done) = 0;
  // At most kMaxBookings that came after this cursor; "" for the first of all.
  virtual void AskStatement(std::string_view after, StatementCallback done) = 0;
};

struct BankClientOptions {
  std::string socket;  // of the paygate-bank process
  std::chrono::milliseconds prepare_deadline{2000};
  std::chrono::milliseconds answer_deadline{30000};  // then kUnknown / kNoAnswer
  size_t max_in_flight = 4096;                       // beyond: kBusy at once (still by callback)
};

// Connects in the background and reconnects for ever; `clock` must outlive the bank.
std::unique_ptr<Bank> OpenBankClient(BankClientOptions options, const base::Clock& clock);

}  // namespace paygate::bank
