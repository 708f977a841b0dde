#include "gateway/engine/challenge.h"

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;
using base::ToNumericDate;
using protocol::Certificate;

Result<Challenge::Opened> Challenge::Open(std::string_view compact,
                                          std::string_view nonce_name) const {
  ASSIGN_OR_RETURN(protocol::ParsedJwe jwe, envelope_.Parse(compact, nonce_name));
  ASSIGN_OR_RETURN(std::string body, envelope_.Open(jwe));
  return Opened{.nonce = jwe.extra.value, .forms = jwe.extra.accept, .body = std::move(body)};
}

// Cert_P of the sender; a block whose digest is the certificate's own would link the payment to the
// registration for everyone who holds the certificate.
Result<Certificate> Challenge::CheckSender(std::string_view certificate,
                                           std::string_view account_digest) const {
  ASSIGN_OR_RETURN(Participant sender,
                   participants_.Find(certificate, protocol::Role::kParticipantEncryption));
  if (base::Base64UrlEncode(sender.encryption.account_binding()) == account_digest) {
    return base::Fail(ErrorCode::kAccountMismatch, "the block reuses the certificate's disclosure");
  }
  return sender.encryption;
}

void Challenge::Answer(Phase phase, const Certificate& recipient, const Statement& statement,
                       Handshake handshake, Reply& reply) const {
  auto jws = envelope_.Sign(statement.typ, statement.payload, statement.forms);
  if (!jws) return reply.Problem(jws.error());
  handshake.phase = phase;
  protocol::ChallengeBody body{.challenge = std::move(*jws),
                               .handshake = handshakes_.Seal(handshake)};
  SignedMessages::Answer(recipient, 200, body.Print(), reply);
}

// Paper 6.2.3: 1. S → PG: R1 || e_PG(SBLK || Cert_PS)
//              2. PG → S: e_PS(R2 || s_PG(R2 R1 ID_S SBLK))
void Challenge::SellerBlock(std::string_view jwe, Reply reply) {
  auto opened = Open(jwe, "r1");
  if (!opened) return reply.Problem(opened.error());
  auto body = protocol::SellerChallengeRequestBody::Parse(opened->body);
  if (!body) return reply.Problem(body.error());
  auto recipient = CheckSender(body->certificate, body->sblk.account_digest);
  if (!recipient) return reply.Problem(recipient.error());

  const base::UnixTime now = clock_.Now(), expires = now + limits_.handshake_lifetime;
  const std::string r2 = protocol::NewNonce();
  protocol::SellerChallengePayload payload{.iss = envelope_.keys()->id,
                                           .sub = recipient->subject_id(),
                                           .iat = ToNumericDate(now),
                                           .exp = ToNumericDate(expires),
                                           .r1 = opened->nonce,
                                           .r2 = r2,
                                           .sblk = body->sblk};
  Handshake handshake{.participant_id = recipient->subject_id(),
                      .nonce_participant = opened->nonce,
                      .nonce_gateway = r2,
                      .block_digest = base::Sha256(body->sblk.Print()),
                      .encryption_certificate = recipient->fingerprint(),
                      .expires = expires};
  Answer(Phase::kSellerBlock, *recipient,
         {protocol::kTypSellerChallenge, payload.Print(), opened->forms}, std::move(handshake),
         reply);
}

// Paper 6.2.4: 1. B → PG: R3 || e_PG(BBLK || Cert_PB)
//              2. PG → B: e_PB(R4 || s_PG(R4 R3 ID_B BBLK))
void Challenge::Payment(std::string_view jwe, Reply reply) {
  auto opened = Open(jwe, "r3");
  if (!opened) return reply.Problem(opened.error());
  auto body = protocol::BuyerChallengeRequestBody::Parse(opened->body);
  if (!body) return reply.Problem(body.error());
  auto recipient = CheckSender(body->certificate, body->bblk.account_digest);
  if (!recipient) return reply.Problem(recipient.error());

  const base::UnixTime now = clock_.Now(), expires = now + limits_.handshake_lifetime;
  const std::string r4 = protocol::NewNonce();
  protocol::BuyerChallengePayload payload{.iss = envelope_.keys()->id,
                                          .sub = recipient->subject_id(),
                                          .iat = ToNumericDate(now),
                                          .exp = ToNumericDate(expires),
                                          .r3 = opened->nonce,
                                          .r4 = r4,
                                          .bblk = body->bblk};
  Handshake handshake{.participant_id = recipient->subject_id(),
                      .nonce_participant = opened->nonce,
                      .nonce_gateway = r4,
                      .block_digest = base::Sha256(body->bblk.Print()),
                      .encryption_certificate = recipient->fingerprint(),
                      .expires = expires};
  Answer(Phase::kPayment, *recipient,
         {protocol::kTypBuyerChallenge, payload.Print(), opened->forms}, std::move(handshake),
         reply);
}

// protocol.md section 7: whether the payment can be refunded is decided with the answer.
void Challenge::Refund(std::string_view jwe, Reply reply) {
  auto opened = Open(jwe, "r5");
  if (!opened) return reply.Problem(opened.error());
  auto body = protocol::RefundChallengeRequestBody::Parse(opened->body);
  if (!body) return reply.Problem(body.error());
  auto sender =
      participants_.Find(body->certificate, protocol::Role::kParticipantEncryption);
  if (!sender) return reply.Problem(sender.error());

  const base::UnixTime now = clock_.Now(), expires = now + limits_.handshake_lifetime;
  const std::string r6 = protocol::NewNonce();
  protocol::RefundChallengePayload payload{.iss = envelope_.keys()->id,
                                           .sub = sender->id(),
                                           .iat = ToNumericDate(now),
                                           .exp = ToNumericDate(expires),
                                           .r5 = opened->nonce,
                                           .r6 = r6,
                                           .refund = body->refund};
  Handshake handshake{.participant_id = sender->id(),
                      .nonce_participant = opened->nonce,
                      .nonce_gateway = r6,
                      .block_digest = base::Sha256(body->refund.Print()),
                      .encryption_certificate = sender->encryption.fingerprint(),
                      .expires = expires};
  Answer(Phase::kRefund, sender->encryption,
         {protocol::kTypRefundChallenge, payload.Print(), opened->forms}, std::move(handshake),
         reply);
}

}  // namespace paygate::gateway::engine
