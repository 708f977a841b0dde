// From a durable intent, of a payment or of a refund, to its end: asks the bank, believes only the
// bank, signs both results, makes them durable, wakes who waits. Every open intent is in one table
// here, whether it is a minute old or was found at start-up: recovery is the same path. The table
// holds what the store does not; who is asked about again is read from there, a few at a time, so
// that a hundred thousand open intents take little of a start and leave room for new ones.
//
//   kSubmit ──submit──▶ completed | rejected ─────────────▶ settled
//      ▲  ▲               │ pending, unknown
//      │  └ not sent, busy│
//      │                  ▼
//      └─not found──── kInquire ──status──▶ completed | rejected ─▶ settled
//        (before the deadline)    not found after it ─▶ failed, if the adapter declares it final
//
// A time-out is no answer: the intent stays open. Thread-safe; runs on workers and callbacks.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/participants.h"
#include "gateway/engine/reader_forms.h"
#include "gateway/engine/storage_keys.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Settler {
 public:
  Settler(const base::Clock& clock, const Envelope& envelope, Participants& participants,
          const ReaderForms& readers, storage::AuthorisationStore& store,
          const storage::AuthorisationReader& payments, bank::Bank& bank,
          StorageKeys& storage_keys, Parking& parking, base::WorkerPool& workers,
          const Limits& limits);

  // A fresh intent, with the bytes that it was recorded with, and the signature forms that who
  // authorised takes: after a restart those that everyone takes.
  void Begin(const storage::Intent& intent, std::string_view prepared, protocol::JwsForms forms)
      EXCLUDES(mutex_);
  // Every open intent of the store, at start-up: each is asked about before anything is sent.
  void Recover() EXCLUDES(mutex_);
  // From the ticker: asks about what is due.
  void Tick() EXCLUDES(mutex_);
  // What waits to be signed is due now.
  void TokenIsBack() EXCLUDES(mutex_);
  // The bank states that it has booked these: those that are open are asked about at once.
  void AskSoon(const std::set<std::string>& payment_ids) EXCLUDES(mutex_);
  // The final receipt of what was settled a moment ago, for those whom that wakes. Else nullopt:
  // the store knows.
  std::optional<std::string> FreshReceipt(const std::string& payment_id) const EXCLUDES(mutex_);
  // The signed `pending` of protocol.md sections 6 and 7; nullopt if the payment is being settled
  // this moment: then wait for it. Once given, the end also goes to the mailbox of who authorised.
  base::Result<std::optional<std::string>> PendingReceipt(const storage::Intent& intent)
      EXCLUDES(mutex_);

  static std::string MailboxKey(std::string_view participant_id);  // for Parking
  static std::string PaymentKey(std::string_view payment_id);

 private:
  enum class Step : uint8_t { kSubmit, kInquire };
  struct Open {
    Step step;
    bool settling = false;         // from the bank's final word until the results are durable
    bool maybe_sent = false;       // some byte of it may have reached the bank
    bool tell_mailbox = false;     // who authorised was, or may have been, told `pending`
    int attempts = 0;
    protocol::JwsForms receipt_forms = protocol::JwsForms::kSingle;
    bool outcome_kept = false;     // the bank's word is durable, the results are to be signed
    std::string receipt;           // the results are durable, and who waits is being woken
  };
  void AskWhatIsDue() EXCLUDES(mutex_);
  void Ask(const std::string& payment_id) EXCLUDES(mutex_);
  void Send(const storage::Intent& intent, Step step, std::string_view prepared);
  void OnAnswer(const storage::Intent& intent, const bank::Answer& answer) EXCLUDES(mutex_);
  std::optional<storage::FinalOutcome> Decide(const storage::Intent& intent, Open& open,
                                              const bank::Answer& answer) REQUIRES(mutex_);
  bool PastDeadline(const storage::Intent& intent) const;
  void Settle(const storage::Intent& intent, const storage::FinalOutcome& outcome)
      EXCLUDES(mutex_);
  // The bank's word alone, durable. kAlreadyExists: it was before.
  base::Status KeepOutcome(const storage::Settlement& settlement) EXCLUDES(mutex_);
  struct Telling {  // how who authorised is told
    bool mailbox = true;
    protocol::JwsForms forms = protocol::JwsForms::kSingle;
  };
  // The receipt, durable.
  base::Result<std::string> SignAndStore(const storage::Settlement& settlement,
                                         Telling authoriser);
  struct Statements;  // the two results of one kind of intent
  base::Result<Statements> StatementsOf(const storage::Settlement& settlement) const;
  void Later(const std::string& payment_id, Step step) EXCLUDES(mutex_);
  void Schedule(const std::string& payment_id, Open& open) REQUIRES(mutex_);
  Telling StartSettling(const std::string& payment_id) EXCLUDES(mutex_);

  const base::Clock& clock_;
  const Envelope& envelope_;
  Participants& participants_;
  const ReaderForms& readers_;
  storage::AuthorisationStore& store_;
  const storage::AuthorisationReader& payments_;
  bank::Bank& bank_;
  StorageKeys& storage_keys_;
  Parking& parking_;
  base::WorkerPool& workers_;
  const Limits& limits_;
  mutable base::Mutex mutex_;
  std::unordered_map<std::string, Open> open_ GUARDED_BY(mutex_);
  // When to ask again. An intent that is being asked about or settled is not in here, so there is
  // one call to the bank, or one settlement, for it at a time.
  std::multimap<base::MonotonicTime, std::string> due_ GUARDED_BY(mutex_);
  size_t askers_ GUARDED_BY(mutex_) = 0;        // workers that ask about what is due
  size_t may_be_asked_ GUARDED_BY(mutex_) = 0;  // until the next tick
};

}  // namespace paygate::gateway::engine
