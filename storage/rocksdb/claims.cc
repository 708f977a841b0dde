#include "storage/rocksdb/claims.h"

#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

Result<std::optional<Claim>> ReadClaim(const Database& database, std::string_view payment_id) {
  return database.Read<Claim>(Family::kClaims, payment_id, [&](std::string_view value) {
    return DecodeClaim(payment_id, value);
  });
}

void PutClaim(const Claim* before, const Claim& after, Batch& batch) {
  if (before != nullptr && !IsClosed(before->state)) {
    batch.Delete(Family::kOpenClaims, OpenKey(before->due, before->payment_id));
  }
  batch.Put(Family::kClaims, after.payment_id, EncodeClaim(after));
  if (!IsClosed(after.state)) {
    batch.Put(Family::kOpenClaims, OpenKey(after.due, after.payment_id), EncodeBytes(""));
  }
}

Claim AfterRefund(const Claim& claim, const Settlement& settlement, bool all_back) {
  Claim after = claim;
  const bool own = claim.state == ClaimState::kRefunding &&
                   claim.refund_id == settlement.intent().payment_id();
  if (all_back && !IsClosed(claim.state)) {
    after.state = ClaimState::kRefunded;
  } else if (own && claim.attempts >= kMaxClaimRefunds) {
    after.state = ClaimState::kStuck;
    after.due = kNeverDue;
  } else if (own) {
    after.state = ClaimState::kToRefund;
    after.due = settlement.settled_at() + kClaimRetryInterval;
  }
  return after;
}

Result<FileVerdict> ClaimRegister::File(Claim claim, const Delivery& to_seller) {
  for (const std::string* id :
       {&claim.payment_id, &claim.claim_id, &claim.buyer_id, &claim.seller_id}) {
    RETURN_IF_ERROR(CheckId(*id));
  }
  const auto hold = locks_.Lock({claim.claim_id, claim.payment_id});
  ASSIGN_OR_RETURN(const auto refused, RefuseFiling(claim));
  if (refused) return *refused;
  claim.state = ClaimState::kFiled;
  claim.answer_by = claim.due = claim.filed_at + kClaimAnswerTime;
  Batch batch(database_);
  PutClaim(nullptr, claim, batch);
  batch.Put(Family::kFates, claim.claim_id,
            EncodeFate({FateKind::kClaimed, claim.payment_id, claim.filed_at}));
  batch.Record({.kind = audit::EntryKind::kClaimed,
                .at = claim.filed_at,
                .values = {claim.payment_id, claim.claim_id, claim.buyer_id, claim.seller_id}});
  MailCursors::Reservation reservation(cursors_);
  RETURN_IF_ERROR(Deliver({to_seller}, reservation, batch));
  RETURN_IF_ERROR(database_.Write(batch));
  return FileVerdict::kFiled;
}

Result<std::optional<FileVerdict>> ClaimRegister::RefuseFiling(const Claim& claim) const {
  using Verdict = std::optional<FileVerdict>;
  ASSIGN_OR_RETURN(const auto fate, database_.Get(Family::kFates, claim.claim_id));
  if (fate) return Verdict(FileVerdict::kSeenBefore);
  ASSIGN_OR_RETURN(const auto other, database_.Get(Family::kClaims, claim.payment_id));
  if (other) return Verdict(FileVerdict::kClaimed);
  ASSIGN_OR_RETURN(const auto payment, payments_.Find(claim.payment_id));
  if (!payment || !payment->settlement || !payment->settlement->outcome().completed) {
    return Verdict(FileVerdict::kNotRefundable);
  }
  const IntentRecord& paid = payment->intent.record();
  if (paid.is_refund() || paid.buyer_id != claim.buyer_id || paid.seller_id != claim.seller_id) {
    return Verdict(FileVerdict::kNotRefundable);
  }
  ASSIGN_OR_RETURN(const auto refunds, payments_.Refunds(claim.payment_id));
  int64_t left = paid.amount.minor_units();
  for (const Refund& refund : refunds) {
    if (refund.state != RefundState::kFailed) left -= refund.amount;
  }
  if (left <= 0) return Verdict(FileVerdict::kNothingLeft);
  return Verdict();
}

Status ClaimRegister::Answer(const ClaimAnswer& answer) {
  RETURN_IF_ERROR(CheckId(answer.digest));
  ASSIGN_OR_RETURN(const auto named, FindById(answer.claim_id));
  if (!named) return Fail(ErrorCode::kNotFound, "no such claim");
  const auto hold = locks_.Lock({answer.digest, named->payment_id});
  ASSIGN_OR_RETURN(const auto fate, database_.Get(Family::kFates, answer.digest));
  if (fate) return Fail(ErrorCode::kAlreadyExists, "the answer was taken or refused already");
  ASSIGN_OR_RETURN(const auto claim, ReadClaim(database_, named->payment_id));
  if (!claim) return Fail(ErrorCode::kInternal, "a claim that was filed is not there");
  if (claim->seller_id != answer.seller_id) {
    return Fail(ErrorCode::kNotYours, "the claim is on another seller");
  }
  if (claim->state != ClaimState::kFiled || answer.at > claim->answer_by) {
    return Fail(ErrorCode::kClaimClosed, "it is answered, decided, or too late");
  }
  Claim after = *claim;
  after.state = ClaimState::kAnswered;
  after.due = kNeverDue;
  after.answer = answer.jws;
  after.answered_at = answer.at;
  Batch batch(database_);
  PutClaim(&*claim, after, batch);
  batch.Put(Family::kFates, answer.digest,
            EncodeFate({FateKind::kAnswered, claim->payment_id, answer.at}));
  batch.Record({.kind = audit::EntryKind::kClaimAnswered,
                .at = answer.at,
                .values = {claim->payment_id, claim->claim_id, answer.digest}});
  return database_.Write(batch);
}

Status ClaimRegister::Decide(std::string_view payment_id, const ClaimOrder& order,
                             const std::vector<Delivery>& deliveries) {
  RETURN_IF_ERROR(CheckId(payment_id));
  const auto hold = locks_.Lock({payment_id});
  ASSIGN_OR_RETURN(const auto claim, ReadClaim(database_, payment_id));
  if (!claim) return Fail(ErrorCode::kNotFound, "no claim of this payment");
  const bool unanswered = claim->state == ClaimState::kFiled;
  if (unanswered && (order.by_operator || order.at <= claim->answer_by)) {
    return Fail(ErrorCode::kInFlight, "the seller may still answer");
  }
  const bool answered = claim->state == ClaimState::kAnswered && order.by_operator;
  const bool again = claim->state == ClaimState::kStuck && order.by_operator && order.refund;
  if (!(unanswered && order.refund) && !answered && !again) {
    return Fail(ErrorCode::kAlreadyExists, "the claim is decided");
  }
  Claim after = *claim;
  after.state = order.refund ? ClaimState::kToRefund : ClaimState::kRejected;
  after.due = order.at;
  after.order = order;
  Batch batch(database_);
  PutClaim(&*claim, after, batch);
  batch.Record({.kind = audit::EntryKind::kClaimDecided,
                .at = order.at,
                .values = {claim->payment_id, claim->claim_id, order.refund ? "refund" : "reject",
                           order.by_operator ? "operator" : "unanswered",
                           audit::DocumentDigest(order.to_buyer),
                           audit::DocumentDigest(order.to_seller)}});
  MailCursors::Reservation reservation(cursors_);
  RETURN_IF_ERROR(Deliver(deliveries, reservation, batch));
  return database_.Write(batch);
}

Status ClaimRegister::Postpone(std::string_view payment_id, base::UnixTime due) {
  RETURN_IF_ERROR(CheckId(payment_id));
  const auto hold = locks_.Lock({payment_id});
  ASSIGN_OR_RETURN(const auto claim, ReadClaim(database_, payment_id));
  if (!claim) return Fail(ErrorCode::kNotFound, "no claim of this payment");
  if (claim->state != ClaimState::kToRefund) return {};
  Claim after = *claim;
  after.due = due;
  Batch batch(database_);
  PutClaim(&*claim, after, batch);
  return database_.Write(batch);
}

Status ClaimRegister::Deliver(const std::vector<Delivery>& deliveries,
                              MailCursors::Reservation& reservation, Batch& batch) const {
  for (const Delivery& delivery : deliveries) {
    RETURN_IF_ERROR(CheckId(delivery.recipient_id));
    ASSIGN_OR_RETURN(const uint64_t cursor, reservation.Take(delivery.recipient_id));
    batch.Put(Family::kMail, MailKey(delivery.recipient_id, cursor), EncodePacked(delivery.jwe));
  }
  return {};
}

Result<std::optional<Claim>> ClaimRegister::Find(std::string_view payment_id) const {
  return ReadClaim(database_, payment_id);
}

Result<std::optional<Claim>> ClaimRegister::FindById(std::string_view claim_id) const {
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, claim_id, DecodeFate));
  if (!fate || fate->kind != FateKind::kClaimed) return std::optional<Claim>();
  return ReadClaim(database_, fate->reference);
}

Result<bool> ClaimRegister::Taken(std::string_view digest) const {
  ASSIGN_OR_RETURN(const auto fate, database_.Read<Fate>(Family::kFates, digest, DecodeFate));
  return fate && (fate->kind == FateKind::kClaimed || fate->kind == FateKind::kAnswered);
}

Result<std::vector<std::string>> ClaimRegister::Due(base::UnixTime now, size_t limit) const {
  std::vector<std::string> due;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kOpenClaims, "", "", [&](std::string_view key, std::string_view) -> Result<bool> {
        auto entry = ParseOpenKey(key);
        if (!entry) return Database::Damaged(Family::kOpenClaims, key, entry.error());
        if (entry->recorded_at > now || due.size() >= limit) return false;
        due.push_back(std::move(entry->payment_id));
        return true;
      }));
  return due;
}

Result<std::vector<Claim>> ClaimRegister::Open(size_t skip, size_t limit) const {
  std::vector<std::string> ids;
  size_t seen = 0;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kOpenClaims, "", "", [&](std::string_view key, std::string_view) -> Result<bool> {
        auto entry = ParseOpenKey(key);
        if (!entry) return Database::Damaged(Family::kOpenClaims, key, entry.error());
        if (seen++ >= skip) ids.push_back(std::move(entry->payment_id));
        return ids.size() < limit;
      }));
  std::vector<Claim> claims;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(auto claim, ReadClaim(database_, id));
    if (claim && !IsClosed(claim->state)) claims.push_back(std::move(*claim));
  }
  return claims;
}

}  // namespace paygate::storage::rocksdb
