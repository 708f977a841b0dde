#include "gateway/engine/claim_executor.h"

#include "base/log.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using storage::Claim;
using storage::ClaimState;
using storage::RecordVerdict;

namespace {

constexpr std::chrono::seconds kInterval{5};
constexpr std::chrono::seconds kWhileHindered{60};    // no bank, no token
constexpr size_t kAtOnce = 32;                        // claims in one tick
constexpr std::chrono::minutes kWhileRefundOpen{10};  // until it is looked at again
constexpr std::chrono::hours kAfterTrouble{1};

// What hinders one claim hinders all.
bool IsEverybodys(ErrorCode code) {
  return code == ErrorCode::kBankUnavailable || code == ErrorCode::kTokenUnavailable ||
         code == ErrorCode::kTimeout || code == ErrorCode::kStoreUnavailable;
}

}  // namespace

void ClaimExecutor::Tick() {
  const base::MonotonicTime now = p_.clock.Monotonic();
  if (busy_ || now < next_ || !p_.envelope.keys()->available()) return;
  next_ = now + (hindered_ ? kWhileHindered : kInterval);
  busy_ = true;
  const auto taken = p_.workers.TrySubmit([this] {
    Run();
    busy_ = false;
  });
  if (!taken) busy_ = false;
}

void ClaimExecutor::Run() {
  hindered_ = false;
  const auto due = p_.claims.Due(p_.clock.Now(), kAtOnce);
  if (!due) return base::LogError("claims.delayed", {{"why", due.error().ToString()}});
  for (const std::string& payment_id : *due) {
    const Status done = Advance(payment_id);
    if (done) continue;
    base::LogError("claims.delayed",
                   {{"payment_id", payment_id}, {"why", done.error().ToString()}});
    hindered_ = IsEverybodys(done.error().code);
    if (hindered_) return;
  }
}

Status ClaimExecutor::Advance(const std::string& payment_id) {
  ASSIGN_OR_RETURN(const auto claim, p_.claims.Find(payment_id));
  if (!claim) return Fail(ErrorCode::kInternal, "a claim that is due is not there");
  if (claim->state == ClaimState::kToRefund) return Execute(*claim);
  if (claim->state != ClaimState::kFiled) return {};
  // Durable first, and only then may the refund be made: in the next tick, or after a crash.
  Status ordered = Order(*claim, {.refund = true, .at = p_.clock.Now()});
  // Answered this very moment, or due to the second.
  const bool settled = !ordered && (ordered.error().code == ErrorCode::kInFlight ||
                                    ordered.error().code == ErrorCode::kAlreadyExists);
  return settled ? Status() : ordered;
}

Result<Claim> ClaimExecutor::Find(const std::string& id) const {
  ASSIGN_OR_RETURN(auto claim, p_.claims.FindById(id));
  if (!claim) {
    ASSIGN_OR_RETURN(claim, p_.claims.Find(id));
  }
  if (!claim) return Fail(ErrorCode::kNotFound, "no claim, and no claimed payment, has this ID");
  return std::move(*claim);
}

Result<Claim> ClaimExecutor::Decide(const std::string& id, bool refund,
                                    const std::string& reason) {
  ASSIGN_OR_RETURN(const Claim claim, Find(id));
  const bool same = claim.order && claim.order->refund == refund &&
                    claim.state != ClaimState::kStuck;
  if (same) return claim;
  RETURN_IF_ERROR(Order(claim, {.refund = refund,
                                .by_operator = true,
                                .reason = reason,
                                .at = p_.clock.Now()}));
  return Find(id);
}

// Signed for both sides in one trip to the token; decision and deliveries in one durable batch.
Status ClaimExecutor::Order(const Claim& claim, storage::ClaimOrder order) {
  protocol::RefundDecisionPayload payload{
      .iss = p_.envelope.keys()->id,
      .sub = claim.buyer_id,
      .iat = base::ToNumericDate(order.at),
      .claim = claim.claim_id,
      .payment_id = claim.payment_id,
      .decision = order.refund ? protocol::ClaimDecision::kRefund
                               : protocol::ClaimDecision::kReject,
      .grounds = order.by_operator ? protocol::ClaimGrounds::kOperator
                                   : protocol::ClaimGrounds::kUnanswered,
      .reason = order.reason};
  const std::string to_buyer = payload.Print();
  payload.sub = claim.seller_id;
  ASSIGN_OR_RETURN(const auto jws,
                   p_.envelope.SignAll({{protocol::kTypRefundDecision, to_buyer},
                                        {protocol::kTypRefundDecision, payload.Print()}}));
  order.to_buyer = jws[0];
  order.to_seller = jws[1];
  std::vector<storage::Delivery> deliveries;
  for (const auto& [id, statement] :
       {std::pair(claim.buyer_id, jws[0]), std::pair(claim.seller_id, jws[1])}) {
    ASSIGN_OR_RETURN(const auto recipient, p_.participants.NewestEncryptionCertificate(id));
    ASSIGN_OR_RETURN(
        std::string jwe,
        Envelope::Seal(recipient, protocol::PrintSingle("refund_decision", statement)));
    deliveries.push_back({id, std::move(jwe)});
  }
  RETURN_IF_ERROR(p_.claims.Decide(claim.payment_id, order, deliveries));
  base::LogInfo("claim.decided", {{"claim", claim.claim_id},
                                  {"decision", order.refund ? "refund" : "reject"},
                                  {"by", order.by_operator ? "operator" : "time"}});
  p_.parking.WakeAll(Settler::MailboxKey(claim.buyer_id));
  p_.parking.WakeAll(Settler::MailboxKey(claim.seller_id));
  return {};
}

Status ClaimExecutor::Execute(const Claim& claim) {
  ASSIGN_OR_RETURN(const auto payment, p_.returns.payments.Find(claim.payment_id));
  if (!payment || !payment->settlement) {
    return Fail(ErrorCode::kInternal, "a claimed payment is not there");
  }
  ASSIGN_OR_RETURN(const auto refunds, p_.returns.payments.Refunds(claim.payment_id));
  const base::Money& price = payment->intent.record().amount;
  int64_t left = price.minor_units();
  for (const storage::Refund& refund : refunds) {
    // The seller gives back of his own accord this moment: its end decides what is left.
    if (refund.state == storage::RefundState::kOpen) return Postpone(claim, kWhileRefundOpen);
    if (refund.state == storage::RefundState::kCompleted) left -= refund.amount;
  }
  ASSIGN_OR_RETURN(const auto amount, base::Money::Of(left, price.currency()));
  Status recorded = Record(claim, *payment, amount);
  if (recorded) return {};
  if (IsEverybodys(recorded.error().code)) return recorded;
  base::LogAlarm("claim.cannot_refund", {{"claim", claim.claim_id},
                                         {"payment_id", claim.payment_id},
                                         {"why", recorded.error().ToString()}});
  return Postpone(claim, kAfterTrouble);
}

Status ClaimExecutor::Record(const Claim& claim, const storage::Payment& payment,
                             const base::Money& amount) {
  const std::string refund_id = protocol::ClaimRefundId(claim.claim_id, claim.attempts + 1);
  ASSIGN_OR_RETURN(ReturnOrder order, PrepareReturn(p_.returns, refund_id, payment, amount));
  const storage::IntentRecord& paid = payment.intent.record();
  ASSIGN_OR_RETURN(auto recorded, p_.authorisations.RecordClaimRefund(
                                      {.payment_id = refund_id,
                                       .csblk_id = paid.csblk_id,
                                       .buyer_id = paid.buyer_id,
                                       .seller_id = paid.seller_id,
                                       .authorisation = claim.jws,
                                       .reply_certificate = {},
                                       .amount = amount,
                                       .authorised_at = claim.order->at,
                                       .recorded_at = order.created,
                                       .deadline = order.deadline,
                                       .prepared_key = order.sealed.key_name,
                                       .prepared = std::move(order.sealed.bytes),
                                       .refund_of = paid.payment_id}));
  switch (recorded.verdict) {
    case RecordVerdict::kRecorded:
      break;
    case RecordVerdict::kExceedsPayment:  // a refund came in between: looked at again
      return Postpone(claim, kWhileRefundOpen);
    case RecordVerdict::kTooManyRefunds:
      return Fail(ErrorCode::kRefundExceedsPayment, "the payment has had too many refunds");
    default:
      return Fail(ErrorCode::kInternal, "the store has no such claim to refund");
  }
  base::LogInfo("claim.refund_recorded", {{"claim", claim.claim_id},
                                          {"refund_id", refund_id},
                                          {"payment_id", paid.payment_id}});
  p_.settler.Begin(*recorded.intent, order.prepared, protocol::JwsForms::kSingle);
  return {};
}

Status ClaimExecutor::Postpone(const Claim& claim, std::chrono::seconds by) {
  return p_.claims.Postpone(claim.payment_id, p_.clock.Now() + by);
}

}  // namespace paygate::gateway::engine
