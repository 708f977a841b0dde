#include "gateway/engine/refund.h"

#include "base/crypto.h"
#include "base/log.h"
#include "gateway/engine/return_order.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using storage::RecordVerdict;

void Refund::Authorise(protocol::ParsedJwe jwe, Result<Handshake> handshake, Reply reply) {
  auto opened = p_.envelope.Open(jwe);
  if (!opened) return reply.Problem(opened.error());
  auto compact = protocol::ParseSingle(*opened, "authorisation");
  if (!compact) return reply.Problem(compact.error());
  auto jws = protocol::ParseJws(*compact, protocol::kTypRefundAuthorisation,
                                protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (p_.awaiting.AnswerSeenBefore(jws->Digest(), reply)) return;
  if (p_.messages.AnswerRefusedBefore(*jws, reply)) return;
  if (!handshake) return reply.Problem(handshake.error());

  auto message = p_.messages.Verify(std::move(*jws), jwe.extra.accept);
  if (!message) return reply.Problem(message.error());
  auto payload = Check(*message, *handshake);
  if (!payload) return p_.messages.Refuse(*message, payload.error(), reply);
  auto payment = CheckPayment(message->sender.id(), payload->refund);
  if (!payment) return p_.messages.Refuse(*message, payment.error(), reply);
  Record(*message, *compact, *payload, *payment, *handshake, std::move(reply));
}

Result<Refund::Payload> Refund::Check(const VerifiedMessage& message,
                                      const Handshake& handshake) const {
  ASSIGN_OR_RETURN(Payload payload, Payload::Parse(message.payload));
  RETURN_IF_ERROR(p_.messages.CheckParties(message, payload.iss, payload.aud));
  // Cert_VS and the Cert_PS of message 1 are of one registration: the register knows the pair.
  if (handshake.encryption_certificate != message.sender.encryption.fingerprint()) {
    return Fail(ErrorCode::kCertificateInvalid, "Cert_P and Cert_V of two registrations");
  }
  if (handshake.participant_id != payload.iss || handshake.nonce_participant != payload.r5 ||
      handshake.nonce_gateway != payload.r6 ||
      handshake.block_digest != base::Sha256(payload.refund.Print())) {
    return Fail(ErrorCode::kBlockMismatch, "refund and challenge differ");
  }
  RETURN_IF_ERROR(CheckTime(p_.clock, payload.iat, p_.limits.clock_skew));
  return payload;
}

Result<storage::Payment> Refund::CheckPayment(const std::string& seller_id,
                                              const protocol::RefundBlock& refund) const {
  ASSIGN_OR_RETURN(auto payment, p_.payments.Find(refund.payment_id));
  if (!payment || payment->intent.record().is_refund()) {
    return Fail(ErrorCode::kNotFound, "no such payment");
  }
  const storage::IntentRecord& paid = payment->intent.record();
  if (paid.seller_id != seller_id) return Fail(ErrorCode::kNotYours, "another seller's payment");
  if (!payment->settlement) return Fail(ErrorCode::kInFlight, "the payment is not settled");
  if (!payment->settlement->outcome().completed) {
    return Fail(ErrorCode::kNotFound, "the payment failed: there is nothing to refund");
  }
  if (paid.amount.currency() != refund.amount.currency()) {
    return Fail(ErrorCode::kUnsupportedCurrency, "paid in another currency");
  }
  return std::move(*payment);
}

// The authorisation becomes durable; only then may the bank hear of it.
void Refund::Record(const VerifiedMessage& message, const std::string& authorisation_jws,
                    const Payload& payload, const storage::Payment& payment,
                    const Handshake& handshake, Reply reply) {
  const storage::IntentRecord& paid = payment.intent.record();
  auto order = PrepareReturn({.clock = p_.clock,
                              .payments = p_.payments,
                              .bank = p_.bank,
                              .storage_keys = p_.storage_keys,
                              .limits = p_.limits},
                             message.digest, payment, payload.refund.amount);
  if (!order) return reply.Problem(order.error());

  if (auto still = p_.messages.CheckStillTakes(handshake); !still) {
    return reply.Problem(still.error());
  }
  auto recorded = p_.authorisations.RecordRefund(
      {.payment_id = message.digest,
       .csblk_id = paid.csblk_id,
       .buyer_id = paid.buyer_id,
       .seller_id = paid.seller_id,
       .authorisation = authorisation_jws,
       .reply_certificate = message.sender.encryption.fingerprint(),
       .amount = payload.refund.amount,
       .authorised_at = base::FromNumericDate(payload.iat),
       .recorded_at = order->created,
       .deadline = order->deadline,
       .prepared_key = order->sealed.key_name,
       .prepared = std::move(order->sealed.bytes),
       .refund_of = paid.payment_id});
  if (!recorded) return reply.Problem(recorded.error());
  switch (recorded->verdict) {
    case RecordVerdict::kRecorded:
      base::LogInfo("refund.recorded",
                    {{"refund_id", message.digest}, {"payment_id", paid.payment_id}});
      p_.awaiting.Await(*recorded->intent, std::move(reply));
      return p_.settler.Begin(*recorded->intent, order->prepared, message.forms);
    case RecordVerdict::kSeenBefore:
      if (p_.awaiting.AnswerSeenBefore(message.digest, reply)) return;
      return reply.Problem({ErrorCode::kOverloaded, "the same message is being decided"});
    case RecordVerdict::kExceedsPayment:
    case RecordVerdict::kTooManyRefunds:
      return p_.messages.Refuse(
          message, {ErrorCode::kRefundExceedsPayment, "more than is left, or too many tries"},
          reply);
    default:
      return p_.messages.Refuse(message, {ErrorCode::kNotFound, "no such payment"}, reply);
  }
}

}  // namespace paygate::gateway::engine
