#include "storage/rocksdb/payments.h"

#include "base/crypto.h"

namespace paygate::storage::rocksdb {
namespace {

std::string DigestOrNone(std::string_view bytes) {
  return bytes.empty() ? "" : base::Sha256Base64Url(bytes);
}

void RecordAuthorisation(const IntentRecord& intent, Batch& batch) {
  batch.Record({.kind = audit::EntryKind::kAuthorised,
                .at = intent.recorded_at,
                .values = {intent.payment_id, intent.csblk_id, intent.buyer_id, intent.seller_id,
                           intent.amount.ToString(),
                           DigestOrNone(intent.sealed_accounts)}});
  if (!intent.sealed_accounts.empty()) {
    batch.Put(Family::kAccounts, intent.payment_id, EncodePacked(intent.sealed_accounts));
  }
}

}  // namespace

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

Status Payments::CheckIntent(const IntentRecord& r) {
  for (const std::string* id : {&r.payment_id, &r.csblk_id, &r.buyer_id, &r.seller_id,
                                &r.prepared_key}) {
    RETURN_IF_ERROR(CheckId(*id));
  }
  if (base::ToNumericDate(r.recorded_at) < 0) {
    return Fail(ErrorCode::kInvalidArgument, "an intent recorded before 1970");
  }
  return {};
}

Status Payments::LoadOpen() {
  return database_.ForEach(
      Family::kOpen, "", "", [&](std::string_view key, std::string_view value) -> Result<bool> {
        const Result<OpenEntry> entry = ParseOpenKey(key);
        if (!entry) return Database::Damaged(Family::kOpen, key, entry.error());
        const Result<std::string> prepared_key = DecodeBytes(value);
        if (!prepared_key) return Database::Damaged(Family::kOpen, key, prepared_key.error());
        open_.Add(entry->recorded_at, entry->payment_id, *prepared_key);
        return true;
      });
}

Result<RecordResult> Payments::RecordIntent(IntentRecord intent) {
  RETURN_IF_ERROR(CheckIntent(intent));
  if (intent.is_refund()) return Fail(ErrorCode::kInvalidArgument, "a refund is no payment");
  const auto hold = locks_.Lock({intent.payment_id, intent.csblk_id});
  ASSIGN_OR_RETURN(std::optional<RecordResult> refused, Refuse(intent));
  if (refused) return std::move(*refused);

  Batch batch(database_);
  batch.Put(Family::kCsblkStates, intent.csblk_id,
            EncodeCsblkStatus({CsblkState::kInFlight, intent.payment_id, intent.buyer_id}));
  return WriteIntent(std::move(intent), batch);
}

Result<RecordResult> Payments::WriteIntent(IntentRecord intent, Batch& batch) {
  batch.Put(Family::kFates, intent.payment_id,
            EncodeFate({FateKind::kRecorded, intent.csblk_id, intent.recorded_at}));
  batch.Put(Family::kIntents, intent.payment_id, EncodeIntent(intent));
  batch.Put(Family::kPrepared, intent.payment_id, EncodeBytes(intent.prepared));
  batch.Put(Family::kOpen, OpenKey(intent.recorded_at, intent.payment_id),
            EncodeBytes(intent.prepared_key));
  // Stays if the write fails: whether the disk has the intent is then unknown, and its storage key
  // must outlive that doubt.
  open_.Add(intent.recorded_at, intent.payment_id, intent.prepared_key);
  RecordAuthorisation(intent, batch);
  RETURN_IF_ERROR(database_.Write(batch));
  return RecordResult{RecordVerdict::kRecorded, Make(std::move(intent)), {}, {}};
}

Result<std::optional<RecordResult>> Payments::Refuse(const IntentRecord& intent) const {
  const std::string tries_key = PairOfIds(intent.csblk_id, intent.buyer_id);
  ASSIGN_OR_RETURN(const auto found, database_.GetMany({{Family::kFates, intent.payment_id},
                                                        {Family::kCsblkStates, intent.csblk_id},
                                                        {Family::kTries, tries_key}}));
  const auto verdict = [](RecordVerdict v) { return std::optional(RecordResult{v, {}, {}, {}}); };
  if (found[0]) return verdict(RecordVerdict::kSeenBefore);
  ASSIGN_OR_RETURN(const auto status,
                   Database::Decoded<CsblkStatus>(Family::kCsblkStates, intent.csblk_id, found[1],
                                                  DecodeCsblkStatus));
  if (!status) return verdict(RecordVerdict::kCsblkUnknown);
  switch (status->state) {
    case CsblkState::kPaid:
      return std::optional(RecordResult{
          RecordVerdict::kAlreadyPaid, {}, status->payment_id, status->buyer_id});
    case CsblkState::kInFlight:
      return verdict(RecordVerdict::kInFlight);
    case CsblkState::kCancelled:
      return verdict(RecordVerdict::kCancelled);
    case CsblkState::kPayable:
      break;
  }
  ASSIGN_OR_RETURN(const auto tries, Database::Decoded<uint64_t>(Family::kTries, tries_key,
                                                                 found[2], DecodeNumber));
  if (tries.value_or(0) >= kMaxFailedTries) return verdict(RecordVerdict::kTooManyTries);
  return std::optional<RecordResult>();
}

Status Payments::Settle(const Settlement& settlement, const SignedResults& results,
                        const std::vector<Delivery>& deliveries) {
  if (results.receipt.empty() || results.confirmation.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a settlement without its two signed results");
  }
  for (const Delivery& delivery : deliveries) RETURN_IF_ERROR(CheckId(delivery.recipient_id));
  const IntentRecord& intent = settlement.intent().record();
  const auto hold = LockFor(intent);
  ASSIGN_OR_RETURN(auto record, Completable(settlement));
  if (!record && intent.is_refund()) {
    return Fail(ErrorCode::kInvalidArgument, "a refund's outcome must be recorded before its end");
  }

  Batch batch(database_);
  if (!record) {
    RETURN_IF_ERROR(AddOutcome(settlement, batch));
    record = SettlementRecord{settlement.outcome(), settlement.settled_at(), {}};
  }
  record->results = results;
  batch.Put(Family::kSettlements, intent.payment_id, EncodeSettlement(*record));
  batch.Delete(Family::kOpen, OpenKey(intent.recorded_at, intent.payment_id));
  batch.Record({.kind = audit::EntryKind::kResults,
                .at = settlement.settled_at(),
                .values = {intent.payment_id, audit::DocumentDigest(results.receipt),
                           audit::DocumentDigest(results.confirmation)}});
  MailCursors::Reservation reservation(cursors_);
  for (const Delivery& delivery : deliveries) {
    ASSIGN_OR_RETURN(const uint64_t cursor, reservation.Take(delivery.recipient_id));
    batch.Put(Family::kMail, MailKey(delivery.recipient_id, cursor), EncodePacked(delivery.jwe));
  }
  RETURN_IF_ERROR(database_.Write(batch));
  open_.Remove(intent.recorded_at, intent.payment_id);
  return {};
}

Status Payments::RecordOutcome(const Settlement& settlement) {
  const IntentRecord& intent = settlement.intent().record();
  const auto hold = LockFor(intent);
  ASSIGN_OR_RETURN(const auto stored, Completable(settlement));
  if (stored) return Fail(ErrorCode::kAlreadyExists, "the payment's outcome is recorded already");

  Batch batch(database_);
  RETURN_IF_ERROR(AddOutcome(settlement, batch));
  batch.Put(Family::kSettlements, intent.payment_id,
            EncodeSettlement({settlement.outcome(), settlement.settled_at(), {}}));
  batch.Put(Family::kOpen, OpenKey(intent.recorded_at, intent.payment_id), EncodeBytes(""));
  RETURN_IF_ERROR(database_.Write(batch));
  open_.ReleaseKey(intent.recorded_at, intent.payment_id);
  return {};
}

Result<std::optional<SettlementRecord>> Payments::Completable(const Settlement& settlement) const {
  const IntentRecord& intent = settlement.intent().record();
  ASSIGN_OR_RETURN(auto stored,
                   database_.Read<SettlementRecord>(Family::kSettlements, intent.payment_id,
                                                    DecodeSettlement));
  if (stored) {
    if (!stored->results.receipt.empty()) {
      return Fail(ErrorCode::kAlreadyExists, "the payment is settled already");
    }
    if (stored->outcome.completed != settlement.outcome().completed) {
      return Fail(ErrorCode::kAlreadyExists, "the payment's recorded outcome is the opposite one");
    }
    return stored;
  }
  if (intent.is_refund()) {
    ASSIGN_OR_RETURN(const auto refund, FindRefund(intent));
    if (refund && refund->state == RefundState::kOpen) return stored;
    return Fail(ErrorCode::kNotFound, "this store has no such open refund");
  }
  ASSIGN_OR_RETURN(const auto status,
                   database_.Read<CsblkStatus>(Family::kCsblkStates, intent.csblk_id,
                                               DecodeCsblkStatus));
  if (!status || status->state != CsblkState::kInFlight ||
      status->payment_id != intent.payment_id) {
    return Fail(ErrorCode::kNotFound, "this store has no such open intent");
  }
  return stored;
}

Status Payments::AddOutcome(const Settlement& settlement, Batch& batch) const {
  const IntentRecord& intent = settlement.intent().record();
  const FinalOutcome& outcome = settlement.outcome();
  batch.Record({.kind = audit::EntryKind::kOutcome,
                .at = settlement.settled_at(),
                .values = {intent.payment_id, outcome.completed ? "completed" : "failed",
                           outcome.reason, outcome.bank_reference,
                           DigestOrNone(outcome.evidence)}});
  batch.Delete(Family::kPrepared, intent.payment_id);
  if (outcome.completed) {  // its booking in the bank's statement is looked for from now on
    batch.Put(Family::kUnreconciled, intent.payment_id, EncodeSince(settlement.settled_at()));
  }
  if (intent.is_refund()) return AddRefundOutcome(settlement, batch);
  if (settlement.outcome().completed) {
    batch.Put(Family::kCsblkStates, intent.csblk_id,
              EncodeCsblkStatus({CsblkState::kPaid, intent.payment_id, intent.buyer_id}));
    return {};
  }
  const std::string tries_key = PairOfIds(intent.csblk_id, intent.buyer_id);
  ASSIGN_OR_RETURN(const auto tries,
                   database_.Read<uint64_t>(Family::kTries, tries_key, DecodeNumber));
  batch.Put(Family::kTries, tries_key, EncodeNumber(tries.value_or(0) + 1));
  batch.Put(Family::kCsblkStates, intent.csblk_id,
            EncodeCsblkStatus({CsblkState::kPayable, {}, {}}));
  return {};
}

Result<std::optional<Payment>> Payments::Find(std::string_view payment_id) const {
  const std::string id(payment_id);
  ASSIGN_OR_RETURN(auto found, database_.GetMany({{Family::kIntents, id},
                                                  {Family::kSettlements, id},
                                                  {Family::kPrepared, id}}));
  ASSIGN_OR_RETURN(auto intent, Database::Decoded<IntentRecord>(
                                    Family::kIntents, id, found[0],
                                    [&](std::string_view v) { return DecodeIntent(id, v); }));
  if (!intent) return std::optional<Payment>();
  ASSIGN_OR_RETURN(auto settled, Database::Decoded<SettlementRecord>(Family::kSettlements, id,
                                                                     found[1], DecodeSettlement));
  ASSIGN_OR_RETURN(auto prepared, Database::Decoded<std::string>(Family::kPrepared, id, found[2],
                                                                 DecodeBytes));
  if (prepared.has_value() == settled.has_value()) {
    return Database::Damaged(
        Family::kPrepared, id,
        {ErrorCode::kMalformed, "it must be there exactly while the payment is not settled"});
  }
  if (prepared) intent->prepared = std::move(*prepared);
  Payment payment{Make(std::move(*intent)), {}, {}};
  if (settled) {
    payment.settlement = Settlement::Decide(payment.intent, settled->outcome, settled->settled_at);
    payment.results = std::move(settled->results);
  }
  return std::optional(std::move(payment));
}

Result<std::string> Payments::SealedAccounts(std::string_view payment_id) const {
  ASSIGN_OR_RETURN(auto sealed,
                   database_.Read<std::string>(Family::kAccounts, payment_id, DecodePacked));
  return std::move(sealed).value_or("");
}

}  // namespace paygate::storage::rocksdb
