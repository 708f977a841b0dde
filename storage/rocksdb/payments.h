// Intents and settlements (protocol.md section 6): the one place that decides whether a CSBLK may
// be paid. Every check and the write that rests on it happen under the locks of the authorisation
// and of the CSBLK; readers take none and see only what is durable.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/rocksdb/mail_cursors.h"
#include "storage/rocksdb/open_intents.h"
#include "storage/rocksdb/records.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

class Payments final : public AuthorisationStore, public AuthorisationReader, IntentMaker {
 public:
  Payments(Database& database, KeyLocks& locks, MailCursors& cursors)
      : database_(database), locks_(locks), cursors_(cursors) {}
  // Before anything else: fills the index of open intents from the store.
  base::Status LoadOpen();

  base::Result<RecordResult> RecordIntent(IntentRecord intent) override;
  base::Status Settle(const Settlement& settlement, const SignedResults& results,
                      const std::vector<Delivery>& deliveries) override;
  base::Status RecordOutcome(const Settlement& settlement) override;

  base::Result<std::optional<Payment>> Find(std::string_view payment_id) const override;
  base::Status ForEachOpen(const std::function<void(const Payment&)>& visit) const override;
  std::vector<std::string> OldestOpen(size_t limit) const override {
    return open_.PaymentIds(limit);
  }
  size_t OpenCount() const override { return open_.Count(); }
  std::vector<std::string> PreparedKeysInUse() const override { return open_.KeysInUse(); }

 private:
  // The verdict if it is not kRecorded.
  base::Result<std::optional<RecordResult>> Refuse(const IntentRecord& intent) const;
  // What is stored of a settlement that may still be completed; kAlreadyExists if it may not be,
  // kNotFound if there is no such open intent.
  base::Result<std::optional<SettlementRecord>> Completable(const Settlement& settlement) const;
  // The effects of the bank's word on the CSBLK, the tries and the prepared bytes.
  base::Status AddOutcome(const Settlement& settlement, Batch& batch) const;

  Database& database_;
  KeyLocks& locks_;
  MailCursors& cursors_;
  OpenIntents open_;
};

}  // namespace paygate::storage::rocksdb
