// Intents and settlements (protocol.md sections 6 and 7): the one place that decides whether a
// CSBLK may be paid, and whether money of a payment may go back. Every check and the write that
// rests on it happen under the locks of the authorisation and of the CSBLK, or of the refunded
// payment; readers take none and see only what is durable.
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
  base::Result<RecordResult> RecordRefund(IntentRecord refund) override;
  base::Result<RecordResult> RecordClaimRefund(IntentRecord refund) override;
  base::Status Settle(const Settlement& settlement, const SignedResults& results,
                      const std::vector<Delivery>& deliveries) override;
  base::Status RecordOutcome(const Settlement& settlement) override;

  base::Result<std::optional<Payment>> Find(std::string_view payment_id) const override;
  base::Result<std::vector<Refund>> Refunds(std::string_view payment_id) const override;
  base::Result<std::string> SealedAccounts(std::string_view payment_id) const override;
  std::vector<std::string> OldestOpen(size_t limit) const override {
    return open_.PaymentIds(limit);
  }
  size_t OpenCount() const override { return open_.Count(); }
  std::vector<std::string> PreparedKeysInUse() const override { return open_.KeysInUse(); }

 private:
  static base::Status CheckIntent(const IntentRecord& intent);
  KeyLocks::Hold LockFor(const IntentRecord& intent) const {
    return locks_.Lock({intent.payment_id,
                        intent.is_refund() ? intent.refund_of : intent.csblk_id});
  }
  // What both kinds of intent have in common, with what is in the batch already.
  base::Result<RecordResult> WriteIntent(IntentRecord intent, Batch& batch);
  // The verdict if it is not kRecorded.
  base::Result<std::optional<RecordResult>> Refuse(const IntentRecord& intent) const;
  // What is stored of a settlement that may still be completed; kAlreadyExists if it may not be,
  // kNotFound if there is no such open intent.
  base::Result<std::optional<SettlementRecord>> Completable(const Settlement& settlement) const;
  // The effects of the bank's word on the CSBLK, the tries and the prepared bytes.
  base::Status AddOutcome(const Settlement& settlement, Batch& batch) const;

  // Of refunds; under the lock of the payment.
  base::Result<std::optional<RecordVerdict>> RefuseRefund(const IntentRecord& refund,
                                                           size_t most) const;
  base::Result<std::optional<Refund>> FindRefund(const IntentRecord& refund) const;
  base::Status AddRefundOutcome(const Settlement& settlement, Batch& batch) const;

  Database& database_;
  KeyLocks& locks_;
  MailCursors& cursors_;
  OpenIntents open_;
};

}  // namespace paygate::storage::rocksdb
