// protocol.md section 7: the seller's undertaking, the buyer's claim, the seller's answer, and the
// decision.
#include "base/crypto.h"
#include "protocol/internal/message_reader.h"
#include "protocol/messages.h"

namespace paygate::protocol {
namespace {

constexpr int64_t kShortestClaimSeconds = std::chrono::seconds(kShortestClaimTime).count();

// One of two names.
template <typename E>
E TakeEither(MessageReader& r, std::string_view name, E one, E other) {
  const std::string value = r.object().TakeString(name);
  if (value == Name(one)) return one;
  if (value != Name(other)) r.Fail(name, "none of its values");
  return other;
}

}  // namespace

base::Result<UndertakingPayload> UndertakingPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  UndertakingPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .sblk_nonce = r.Nonce("sblk_nonce"),
      .terms = r.Lines("terms"),
      .deliver_by = r.Time("deliver_by"),
      .claim_until = r.Time("claim_until"),
  };
  if (m.claim_until - m.deliver_by < kShortestClaimSeconds) {
    r.Fail("claim_until", "less than 14 days after \"deliver_by\"");
  }
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string UndertakingPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("sblk_nonce", sblk_nonce)
      .String("terms", terms)
      .Integer("deliver_by", deliver_by)
      .Integer("claim_until", claim_until)
      .Take();
}

base::Status UndertakingPayload::CheckFits(const std::string& seller_id,
                                           const std::string& gateway_id, const Sblk& sblk,
                                           int64_t csblk_exp) const {
  if (iss != seller_id || aud != gateway_id || sblk_nonce != sblk.nonce) {
    return base::Fail(base::ErrorCode::kBlockMismatch, "the undertaking is of another sale");
  }
  if (deliver_by <= csblk_exp) {
    return base::Fail(base::ErrorCode::kMalformed,
                      "the undertaking's deliver_by is not after the offer's expiry");
  }
  return {};
}

base::Result<RefundClaimPayload> RefundClaimPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RefundClaimPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .payment_id = r.Digest("payment_id"),
      .statement = r.Lines("statement"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundClaimPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .String("payment_id", payment_id)
      .String("statement", statement)
      .Take();
}

base::Result<RefundAnswerPayload> RefundAnswerPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RefundAnswerPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .claim = r.Digest("claim"),
      .evidence = r.Lines("evidence"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundAnswerPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .String("claim", claim)
      .String("evidence", evidence)
      .Take();
}

std::string_view Name(ClaimDecision decision) {
  return decision == ClaimDecision::kRefund ? "refund" : "reject";
}

std::string_view Name(ClaimGrounds grounds) {
  return grounds == ClaimGrounds::kUnanswered ? "unanswered" : "operator";
}

base::Result<RefundDecisionPayload> RefundDecisionPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RefundDecisionPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .claim = r.Digest("claim"),
      .payment_id = r.Digest("payment_id"),
      .decision = TakeEither(r, "decision", ClaimDecision::kRefund, ClaimDecision::kReject),
      .grounds = TakeEither(r, "grounds", ClaimGrounds::kUnanswered, ClaimGrounds::kOperator),
      .reason = r.OptionalText("reason", kMaxGoodsBytes),
  };
  const bool unanswered = m.grounds == ClaimGrounds::kUnanswered;
  if (unanswered != m.reason.empty() || (unanswered && m.decision == ClaimDecision::kReject)) {
    r.Fail("grounds", "at odds with the decision or its reason");
  }
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundDecisionPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("sub", sub).Integer("iat", iat).String("claim", claim);
  writer.String("payment_id", payment_id).String("decision", Name(decision));
  writer.String("grounds", Name(grounds));
  if (!reason.empty()) writer.String("reason", reason);
  return writer.Take();
}

std::string ClaimRefundId(std::string_view claim, uint32_t attempt) {
  return base::Sha256Base64Url(std::string(claim) + "." + std::to_string(attempt));
}

}  // namespace paygate::protocol
