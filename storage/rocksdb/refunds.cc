// Refunds: the rest of payments.h. What was given back of a payment is the sum over its rows in the
// family `refunds`, which are read, judged and written under the payment's lock: no counter can
// disagree with them.
#include "storage/rocksdb/claims.h"
#include "storage/rocksdb/payments.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

std::string RefundKey(const IntentRecord& refund) {
  return PairOfIds(refund.refund_of, refund.payment_id);
}

// Each amount is below 10^15 and there are less than a hundred: no sum leaves int64.
int64_t SumOf(const std::vector<Refund>& refunds, bool open_too) {
  int64_t sum = 0;
  for (const Refund& r : refunds) {
    const bool counts = r.state == RefundState::kCompleted ||
                        (open_too && r.state == RefundState::kOpen);
    if (counts) sum += r.amount;
  }
  return sum;
}

}  // namespace

Result<RecordResult> Payments::RecordRefund(IntentRecord refund) {
  RETURN_IF_ERROR(CheckIntent(refund));
  RETURN_IF_ERROR(CheckId(refund.refund_of));
  const auto hold = LockFor(refund);
  ASSIGN_OR_RETURN(const auto refused, RefuseRefund(refund, kMaxRefunds));
  if (refused) return RecordResult{*refused, {}, {}, {}};
  Batch batch(database_);
  batch.Put(Family::kRefunds, RefundKey(refund),
            EncodeRefund({.refund_id = refund.payment_id, .amount = refund.amount.minor_units()}));
  return WriteIntent(std::move(refund), batch);
}

Result<RecordResult> Payments::RecordClaimRefund(IntentRecord refund) {
  RETURN_IF_ERROR(CheckIntent(refund));
  RETURN_IF_ERROR(CheckId(refund.refund_of));
  const auto hold = LockFor(refund);
  ASSIGN_OR_RETURN(const auto refused, RefuseRefund(refund, kMaxRefunds + kClaimRefundReserve));
  if (refused) return RecordResult{*refused, {}, {}, {}};
  ASSIGN_OR_RETURN(const auto claim, ReadClaim(database_, refund.refund_of));
  if (!claim || claim->state != ClaimState::kToRefund || claim->due > refund.recorded_at) {
    return RecordResult{RecordVerdict::kNotRefundable, {}, {}, {}};
  }
  ASSIGN_OR_RETURN(const auto payment, Find(refund.refund_of));
  ASSIGN_OR_RETURN(const auto refunds, Refunds(refund.refund_of));
  const int64_t done = SumOf(refunds, false);
  if (SumOf(refunds, true) != done ||
      refund.amount.minor_units() != payment->intent.record().amount.minor_units() - done) {
    return RecordResult{RecordVerdict::kExceedsPayment, {}, {}, {}};
  }
  Claim after = *claim;
  after.state = ClaimState::kRefunding;
  after.due = kNeverDue;
  after.attempts += 1;
  after.refund_id = refund.payment_id;
  Batch batch(database_);
  PutClaim(&*claim, after, batch);
  batch.Put(Family::kRefunds, RefundKey(refund),
            EncodeRefund({.refund_id = refund.payment_id, .amount = refund.amount.minor_units()}));
  return WriteIntent(std::move(refund), batch);
}

Result<std::optional<RecordVerdict>> Payments::RefuseRefund(const IntentRecord& refund,
                                                            size_t most) const {
  using Verdict = std::optional<RecordVerdict>;
  ASSIGN_OR_RETURN(const auto fate, database_.Get(Family::kFates, refund.payment_id));
  if (fate) return Verdict(RecordVerdict::kSeenBefore);
  ASSIGN_OR_RETURN(const auto payment, Find(refund.refund_of));
  if (!payment || !payment->settlement || !payment->settlement->outcome().completed) {
    return Verdict(RecordVerdict::kNotRefundable);
  }
  const IntentRecord& paid = payment->intent.record();
  if (paid.is_refund() || paid.seller_id != refund.seller_id || paid.buyer_id != refund.buyer_id ||
      paid.csblk_id != refund.csblk_id || paid.amount.currency() != refund.amount.currency()) {
    return Verdict(RecordVerdict::kNotRefundable);
  }
  ASSIGN_OR_RETURN(const auto refunds, Refunds(refund.refund_of));
  if (refunds.size() >= most) return Verdict(RecordVerdict::kTooManyRefunds);
  const int64_t left = paid.amount.minor_units() - SumOf(refunds, true);
  if (refund.amount.minor_units() > left) return Verdict(RecordVerdict::kExceedsPayment);
  return Verdict();
}

Result<std::vector<Refund>> Payments::Refunds(std::string_view payment_id) const {
  RETURN_IF_ERROR(CheckId(payment_id));
  std::vector<Refund> refunds;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kRefunds, PairOfIds(payment_id, ""), PairOfIds(payment_id, ""),
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        Result<std::string> refund_id = ParseSecondId(key);
        if (!refund_id) return Database::Damaged(Family::kRefunds, key, refund_id.error());
        Result<Refund> refund = DecodeRefund(*refund_id, value);
        if (!refund) return Database::Damaged(Family::kRefunds, key, refund.error());
        refunds.push_back(std::move(*refund));
        return true;
      }));
  return refunds;
}

Result<std::optional<Refund>> Payments::FindRefund(const IntentRecord& refund) const {
  return database_.Read<Refund>(
      Family::kRefunds, RefundKey(refund),
      [&](std::string_view value) { return DecodeRefund(refund.payment_id, value); });
}

Status Payments::AddRefundOutcome(const Settlement& settlement, Batch& batch) const {
  const IntentRecord& intent = settlement.intent().record();
  ASSIGN_OR_RETURN(auto refund, FindRefund(intent));
  if (!refund) return Fail(ErrorCode::kInternal, "a refund that was completable is not there");
  ASSIGN_OR_RETURN(const auto refunds, Refunds(intent.refund_of));
  const bool completed = settlement.outcome().completed;
  refund->state = completed ? RefundState::kCompleted : RefundState::kFailed;
  refund->refunded_total = SumOf(refunds, false) + (completed ? refund->amount : 0);
  batch.Put(Family::kRefunds, RefundKey(intent), EncodeRefund(*refund));
  ASSIGN_OR_RETURN(const auto claim, ReadClaim(database_, intent.refund_of));
  if (!claim) return {};
  ASSIGN_OR_RETURN(const auto payment, Find(intent.refund_of));
  if (!payment) return Fail(ErrorCode::kInternal, "a refunded payment is not there");
  const bool all_back = refund->refunded_total == payment->intent.record().amount.minor_units();
  PutClaim(&*claim, AfterRefund(*claim, settlement, all_back), batch);
  return {};
}

}  // namespace paygate::storage::rocksdb
