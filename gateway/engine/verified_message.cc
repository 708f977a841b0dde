#include "gateway/engine/verified_message.h"

#include "base/crypto.h"
#include "base/log.h"
#include "gateway/engine/wire_error.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

Result<VerifiedMessage> SignedMessages::Verify(protocol::UnverifiedJws jws,
                                               Admission admission) const {
  if (jws.x5c.size() != 1) {
    return base::Fail(ErrorCode::kMalformed, "x5c must hold the signature certificate alone");
  }
  ASSIGN_OR_RETURN(Participant sender,
                   participants_.Find(jws.x5c[0], protocol::Role::kParticipantSignature,
                                      admission));
  ASSIGN_OR_RETURN(protocol::VerifiedJws verified,
                   protocol::VerifyJws(std::move(jws), sender.signature.key()));
  return VerifiedMessage{.sender = std::move(sender),
                         .digest = verified.Digest(),
                         .payload = verified.payload()};
}

Result<VerifiedMessage> SignedMessages::Verify(protocol::UnverifiedJws jws,
                                               protocol::JwsForms forms) const {
  ASSIGN_OR_RETURN(VerifiedMessage message, Verify(std::move(jws)));
  message.forms = forms;
  readers_.Note(message.sender.id(), forms);
  return message;
}

base::Status SignedMessages::CheckParties(const VerifiedMessage& message, std::string_view iss,
                                          std::string_view aud) const {
  if (iss != message.sender.id()) {
    return base::Fail(ErrorCode::kNotYours, "iss is not the certificate's subject");
  }
  if (aud != envelope_.keys()->id) {
    return base::Fail(ErrorCode::kMalformed, "aud is not this gateway");
  }
  return {};
}

base::Status CheckTime(const base::Clock& clock, int64_t iat, std::chrono::seconds skew) {
  const int64_t now = base::ToNumericDate(clock.Now());
  if (iat > now + skew.count() || iat < now - skew.count()) {
    return base::Fail(ErrorCode::kClockSkew, "iat is too far from the gateway's clock");
  }
  return {};
}

base::Status SignedMessages::CheckStillTakes(const Handshake& handshake) const {
  if (clock_.Now() >= handshake.expires) {
    return base::Fail(ErrorCode::kHandshakeExpired, "it expired while the message waited");
  }
  if (!envelope_.keys()->available()) {
    return base::Fail(ErrorCode::kTokenUnavailable, "the token went while the message waited");
  }
  return {};
}

void SignedMessages::Answer(const protocol::Certificate& recipient, uint32_t status,
                            std::string_view payload, Reply& reply) {
  auto jwe = Envelope::Seal(recipient, payload);
  if (!jwe) return reply.Problem(jwe.error());
  reply.Jose(status, std::move(*jwe));
}

bool SignedMessages::AnswerRefusedBefore(const protocol::UnverifiedJws& jws, Reply& reply) const {
  auto refusal = refusals_.Find(jws.Digest());
  if (!refusal) {
    reply.Problem(refusal.error());
    return true;
  }
  if (!*refusal) return false;
  auto parsed = protocol::ParseJws(**refusal, protocol::kTypRefusal, protocol::KeyName::kX5t);
  auto payload = parsed ? protocol::RefusalPayload::Parse(parsed->payload)
                        : std::unexpected(parsed.error());
  auto wire = payload ? WireErrorNamed(payload->code) : std::nullopt;
  // Same digest, so the same x5c as in the message that was verified when it was refused.
  auto recipient = jws.x5c.size() == 1
                       ? participants_.EncryptionCertificateOf(base::Sha256Base64Url(jws.x5c[0]))
                       : base::Fail(ErrorCode::kMalformed, "no x5c");
  if (!wire || !recipient) {
    reply.Problem({ErrorCode::kInternal, "a stored refusal cannot be read"});
    return true;
  }
  Answer(*recipient, wire->status, protocol::PrintSingle("refusal", **refusal), reply);
  return true;
}

void SignedMessages::Refuse(const VerifiedMessage& message, const base::Error& error, Reply& reply,
                            std::string_view payment_id) const {
  const WireError wire = ToWire(error.code);
  if (!wire.decides) return reply.Problem(error);
  base::LogInfo("message.refused",
                {{"code", wire.code}, {"why", error.message}, {"from", message.sender.id()}});
  protocol::RefusalPayload refusal{.iss = envelope_.keys()->id,
                                   .sub = message.sender.id(),
                                   .iat = base::ToNumericDate(clock_.Now()),
                                   .request = message.digest,
                                   .code = std::string(wire.code),
                                   .payment_id = std::string(payment_id)};
  auto jws = envelope_.Sign(protocol::kTypRefusal, refusal.Print());
  if (!jws) return reply.Problem(jws.error());
  if (auto stored = refusals_.Record(message.digest, *jws, clock_.Now()); !stored) {
    // Decided meanwhile by another worker: the client asks again and gets that answer.
    if (stored.error().code == ErrorCode::kAlreadyExists) {
      return reply.Problem({ErrorCode::kOverloaded, "the same message is being decided"});
    }
    return reply.Problem(stored.error());
  }
  Answer(message.sender.encryption, wire.status, protocol::PrintSingle("refusal", *jws), reply);
}

void SignedMessages::Acknowledge(const VerifiedMessage& message, Reply& reply) const {
  AcknowledgeTo(message.sender.encryption, message.digest, reply);
}

void SignedMessages::AcknowledgeAgain(const protocol::UnverifiedJws& jws, Reply& reply) const {
  // Same digest, so the same x5c as in the message that was carried out.
  if (jws.x5c.size() != 1) return reply.Problem({ErrorCode::kMalformed, "no x5c"});
  auto recipient = participants_.EncryptionCertificateOf(base::Sha256Base64Url(jws.x5c[0]));
  if (!recipient) return reply.Problem(recipient.error());
  AcknowledgeTo(*recipient, jws.Digest(), reply);
}

void SignedMessages::AcknowledgeTo(const protocol::Certificate& recipient,
                                   const std::string& digest, Reply& reply) const {
  protocol::DonePayload done{.iss = envelope_.keys()->id,
                             .sub = recipient.subject_id(),
                             .iat = base::ToNumericDate(clock_.Now()),
                             .request = digest};
  auto jws = envelope_.Sign(protocol::kTypDone, done.Print());
  if (!jws) return reply.Problem(jws.error());
  Answer(recipient, 200, protocol::PrintSingle("done", *jws), reply);
}

}  // namespace paygate::gateway::engine
