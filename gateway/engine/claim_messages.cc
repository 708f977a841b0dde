#include "gateway/engine/claim_messages.h"

#include "base/log.h"
#include "gateway/engine/settler.h"
#include "gateway/engine/undertaking.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using storage::FileVerdict;

std::optional<ClaimMessages::Opened> ClaimMessages::Open(std::string_view compact_jwe,
                                                         std::string_view member,
                                                         std::string_view typ,
                                                         Reply& reply) const {
  std::string compact;
  const auto parse = [&]() -> Result<protocol::UnverifiedJws> {
    ASSIGN_OR_RETURN(const auto jwe, p_.envelope.Parse(compact_jwe, ""));
    ASSIGN_OR_RETURN(const std::string opened, p_.envelope.Open(jwe));
    ASSIGN_OR_RETURN(compact, protocol::ParseSingle(opened, member));
    return protocol::ParseJws(compact, typ, protocol::KeyName::kX5c);
  };
  auto jws = parse();
  if (!jws) {
    reply.Problem(jws.error());
    return std::nullopt;
  }
  // What was taken once is acknowledged again, whatever has become of it or its sender since.
  const auto taken = p_.claims.Taken(jws->Digest());
  if (!taken) {
    reply.Problem(taken.error());
    return std::nullopt;
  }
  if (*taken) {
    p_.messages.AcknowledgeAgain(*jws, reply);
    return std::nullopt;
  }
  if (p_.messages.AnswerRefusedBefore(*jws, reply)) return std::nullopt;
  auto message = p_.messages.Verify(std::move(*jws));
  if (!message) {
    reply.Problem(message.error());
    return std::nullopt;
  }
  return Opened{std::move(compact), std::move(*message)};
}

void ClaimMessages::File(std::string_view jwe, Reply reply) {
  const auto opened = Open(jwe, "claim", protocol::kTypRefundClaim, reply);
  if (!opened) return;
  if (auto taken = TakeClaim(*opened); !taken) {
    return p_.messages.Refuse(opened->message, taken.error(), reply);
  }
  p_.messages.Acknowledge(opened->message, reply);
}

base::Status ClaimMessages::TakeClaim(const Opened& opened) const {
  const VerifiedMessage& message = opened.message;
  ASSIGN_OR_RETURN(const auto claim, protocol::RefundClaimPayload::Parse(message.payload));
  ASSIGN_OR_RETURN(const auto paid, CheckClaim(message, claim));
  ASSIGN_OR_RETURN(const auto seller, p_.participants.NewestEncryptionCertificate(paid.seller_id));
  ASSIGN_OR_RETURN(std::string mail,
                   Envelope::Seal(seller, protocol::PrintSingle("refund_claim", opened.compact)));
  ASSIGN_OR_RETURN(const FileVerdict verdict,
                   p_.claims.File({.payment_id = paid.payment_id,
                                   .claim_id = message.digest,
                                   .buyer_id = paid.buyer_id,
                                   .seller_id = paid.seller_id,
                                   .jws = opened.compact,
                                   .filed_at = p_.clock.Now()},
                                  {paid.seller_id, std::move(mail)}));
  switch (verdict) {
    case FileVerdict::kFiled:
      break;
    case FileVerdict::kSeenBefore:
      return Fail(ErrorCode::kOverloaded, "the same message is being decided");
    case FileVerdict::kClaimed:
      return Fail(ErrorCode::kClaimClosed, "the payment was claimed already");
    case FileVerdict::kNotRefundable:
      return Fail(ErrorCode::kNotFound, "no such payment");
    case FileVerdict::kNothingLeft:
      return Fail(ErrorCode::kRefundExceedsPayment, "nothing is left to claim");
  }
  base::LogInfo("claim.filed", {{"claim", message.digest}, {"payment_id", paid.payment_id}});
  p_.parking.WakeAll(Settler::MailboxKey(paid.seller_id));
  return {};
}

Result<storage::IntentRecord> ClaimMessages::CheckClaim(
    const VerifiedMessage& message, const protocol::RefundClaimPayload& claim) const {
  RETURN_IF_ERROR(p_.messages.CheckParties(message, claim.iss, claim.aud));
  RETURN_IF_ERROR(CheckTime(p_.clock, claim.iat, p_.limits.clock_skew));
  ASSIGN_OR_RETURN(const auto payment, p_.payments.Find(claim.payment_id));
  if (!payment || payment->intent.record().is_refund()) {
    return Fail(ErrorCode::kNotFound, "no such payment");
  }
  const storage::IntentRecord& paid = payment->intent.record();
  if (paid.buyer_id != message.sender.id()) {
    return Fail(ErrorCode::kNotYours, "another buyer's payment");
  }
  if (!payment->settlement) return Fail(ErrorCode::kInFlight, "the payment is not settled");
  if (!payment->settlement->outcome().completed) {
    return Fail(ErrorCode::kNotFound, "the payment failed: there is nothing to claim");
  }
  ASSIGN_OR_RETURN(const auto promise, UndertakingOf(p_.csblks, paid.csblk_id));
  if (!promise) return Fail(ErrorCode::kClaimClosed, "the seller gave no undertaking");
  const int64_t now = base::ToNumericDate(p_.clock.Now());
  if (now < promise->payload.deliver_by || now > promise->payload.claim_until) {
    return Fail(ErrorCode::kClaimClosed, "too early or too late for the undertaking");
  }
  return paid;
}

void ClaimMessages::Answer(std::string_view jwe, Reply reply) {
  const auto opened = Open(jwe, "answer", protocol::kTypRefundAnswer, reply);
  if (!opened) return;
  auto taken = TakeAnswer(*opened);
  if (!taken && taken.error().code == ErrorCode::kAlreadyExists) {
    return reply.Problem({ErrorCode::kOverloaded, "the same message is being decided"});
  }
  if (!taken) return p_.messages.Refuse(opened->message, taken.error(), reply);
  p_.messages.Acknowledge(opened->message, reply);
}

base::Status ClaimMessages::TakeAnswer(const Opened& opened) const {
  const VerifiedMessage& message = opened.message;
  ASSIGN_OR_RETURN(const auto answer, protocol::RefundAnswerPayload::Parse(message.payload));
  RETURN_IF_ERROR(p_.messages.CheckParties(message, answer.iss, answer.aud));
  RETURN_IF_ERROR(CheckTime(p_.clock, answer.iat, p_.limits.clock_skew));
  RETURN_IF_ERROR(p_.claims.Answer({.digest = message.digest,
                                    .jws = opened.compact,
                                    .claim_id = answer.claim,
                                    .seller_id = message.sender.id(),
                                    .at = p_.clock.Now()}));
  base::LogInfo("claim.answered", {{"claim", answer.claim}});
  return {};
}

}  // namespace paygate::gateway::engine
