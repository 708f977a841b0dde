#include "gateway/engine/seller_certification.h"

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/outside_text.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;
using protocol::Disclosure;
using protocol::SellerConfirmationBody;
using protocol::SellerConfirmationPayload;

SellerCertification::SellerCertification(const base::Clock& clock, const Envelope& envelope,
                                         const SignedMessages& messages, Participants& participants,
                                         storage::CsblkRegister& csblks, bank::Bank& bank,
                                         base::WorkerPool& workers, const Limits& limits)
    : clock_(clock),
      envelope_(envelope),
      messages_(messages),
      participants_(participants),
      csblks_(csblks),
      bank_(bank),
      workers_(workers),
      limits_(limits) {}

// Paper 6.2.3: 3. S → PG: e_PG(s_S(R1 R2 ID_PG SBLK) || Cert_VS)
void SellerCertification::Confirm(protocol::ParsedJwe jwe, Result<Handshake> handshake,
                                  Reply reply) {
  auto opened = envelope_.Open(jwe);
  if (!opened) return reply.Problem(opened.error());
  auto body = SellerConfirmationBody::Parse(*opened);
  if (!body) return reply.Problem(body.error());
  auto jws = protocol::ParseJws(body->confirmation, protocol::kTypSellerConfirmation,
                                protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (AnswerSeenBefore(*jws, *body, reply)) return;
  if (messages_.AnswerRefusedBefore(*jws, reply)) return;
  if (!handshake) return reply.Problem(handshake.error());

  auto message = messages_.Verify(std::move(*jws), jwe.extra.accept);
  if (!message) return reply.Problem(message.error());
  auto sale = Check(*message, *body, *handshake);
  if (!sale) return messages_.Refuse(*message, sale.error(), reply);

  // The account travels to the bank and nowhere else; nothing of it is kept.
  const std::string account = sale->disclosure.account(), seller = sale->message.sender.id();
  bank_.VerifyAccount(account, seller,
                      [this, sale = std::move(*sale),
                       reply = std::move(reply)](bank::Verification answer) mutable {
                        (void)workers_.SubmitPromised(
                            [this, sale = std::move(sale), answer = std::move(answer),
                             reply = std::move(reply)]() mutable {
                              Issue(std::move(sale), answer, std::move(reply));
                            });
                      });
}

bool SellerCertification::AnswerSeenBefore(const protocol::UnverifiedJws& jws,
                                           const SellerConfirmationBody& body, Reply& reply) {
  auto known = csblks_.FindByConfirmation(jws.Digest());
  if (!known) {
    reply.Problem(known.error());
    return true;
  }
  if (!*known) return false;
  auto payload = SellerConfirmationPayload::Parse(jws.payload);
  auto disclosure = Disclosure::Parse(body.seller_disclosure);
  if (!payload || !disclosure || disclosure->Digest() != payload->sblk.account_digest) {
    reply.Problem({ErrorCode::kAccountMismatch, "a repeated confirmation with another disclosure"});
    return true;
  }
  auto recipient = participants_.EncryptionCertificateOf((*known)->reply_certificate);
  if (!recipient) {
    reply.Problem(recipient.error());
    return true;
  }
  AnswerCsblk(*recipient, (*known)->jws, disclosure->text(), reply);
  return true;
}

Result<SellerCertification::Sale> SellerCertification::Check(VerifiedMessage message,
                                                             const SellerConfirmationBody& body,
                                                             const Handshake& handshake) {
  ASSIGN_OR_RETURN(auto payload, SellerConfirmationPayload::Parse(message.payload));
  RETURN_IF_ERROR(messages_.CheckParties(message, payload.iss, payload.aud));
  // Cert_VS and the Cert_PS of message 1 are of one registration: the register knows the pair.
  if (handshake.encryption_certificate != message.sender.encryption.fingerprint()) {
    return base::Fail(ErrorCode::kCertificateInvalid, "Cert_P and Cert_V of two registrations");
  }
  if (handshake.participant_id != payload.iss || handshake.nonce_participant != payload.r1 ||
      handshake.nonce_gateway != payload.r2 ||
      handshake.block_digest != base::Sha256(payload.sblk.Print())) {
    return base::Fail(ErrorCode::kBlockMismatch, "confirmation and challenge differ");
  }
  if (!limits_.Accepts(payload.sblk.price.currency().code())) {
    return base::Fail(ErrorCode::kUnsupportedCurrency, "currency not accepted here");
  }
  ASSIGN_OR_RETURN(Disclosure seller, Disclosure::Parse(body.seller_disclosure));
  ASSIGN_OR_RETURN(Disclosure binding, Disclosure::Parse(body.seller_binding_disclosure));
  if (seller.Digest() != payload.sblk.account_digest ||
      binding.RawDigest() != message.sender.signature.account_binding() ||
      seller.account() != binding.account() || seller.text() == binding.text()) {
    return base::Fail(ErrorCode::kAccountMismatch, "disclosures do not open block and certificate");
  }
  ASSIGN_OR_RETURN(auto undertaking, CheckUndertaking(message, payload.undertaking));
  return Sale{.message = std::move(message),
              .payload = std::move(payload),
              .disclosure = std::move(seller),
              .undertaking = std::move(undertaking),
              .expires = handshake.expires};
}

Result<std::optional<protocol::UndertakingPayload>> SellerCertification::CheckUndertaking(
    const VerifiedMessage& message, const std::string& compact) const {
  if (compact.empty()) return std::optional<protocol::UndertakingPayload>();
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(compact, protocol::kTypUndertaking,
                                                protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const VerifiedMessage promise, messages_.Verify(std::move(jws)));
  if (promise.sender.id() != message.sender.id()) {
    return base::Fail(ErrorCode::kNotYours, "another seller's undertaking");
  }
  ASSIGN_OR_RETURN(auto payload, protocol::UndertakingPayload::Parse(promise.payload));
  RETURN_IF_ERROR(CheckTime(clock_, payload.iat, limits_.clock_skew));
  return std::optional(std::move(payload));
}

// Paper 6.2.3: 4. PG → S: e_PS(T || s_PG(T ID_S SBLK)), once the bank has confirmed the account.
void SellerCertification::Issue(Sale sale, const bank::Verification& answer, Reply reply) {
  if (answer.verdict == bank::Verdict::kNoAnswer) {
    return reply.Problem({ErrorCode::kBankUnavailable, "the bank did not confirm the account"});
  }
  if (answer.verdict == bank::Verdict::kRefused) {
    return messages_.Refuse(
        sale.message, {ErrorCode::kAccountRefused, "bank: " + base::OutsideText(answer.reason)},
        reply);
  }
  const std::string currency(sale.payload.sblk.price.currency().code());
  if (!answer.currency.empty() && answer.currency != currency) {
    return messages_.Refuse(
        sale.message, {ErrorCode::kUnsupportedCurrency, "the account is in another currency"},
        reply);
  }
  // Looked at again after the bank's answer: a copy of this message that came meanwhile may have
  // been told that the handshake is over, and a CSBLK that its seller gave up would stay behind.
  const base::UnixTime now = clock_.Now(), expires = now + limits_.csblk_lifetime;
  if (now >= sale.expires) {
    return reply.Problem({ErrorCode::kHandshakeExpired, "it expired while the bank was asked"});
  }
  protocol::CsblkPayload payload{.iss = envelope_.keys()->id,
                                 .sub = sale.message.sender.id(),
                                 .iat = base::ToNumericDate(now),
                                 .exp = base::ToNumericDate(expires),
                                 .sblk = sale.payload.sblk,
                                 .undertaking = sale.payload.undertaking};
  if (sale.undertaking) {
    auto fits = sale.undertaking->CheckFits(payload.sub, payload.iss, payload.sblk, payload.exp);
    if (!fits) return messages_.Refuse(sale.message, fits.error(), reply);
  }
  auto jws = envelope_.Sign(protocol::kTypCsblk, payload.Print());
  if (!jws) return reply.Problem(jws.error());
  auto id = protocol::DigestOfCompact(*jws);
  if (!id) return reply.Problem(id.error());
  auto issued = csblks_.Issue({.csblk_id = *id,
                               .confirmation_digest = sale.message.digest,
                               .seller_id = payload.sub,
                               .nonce = payload.sblk.nonce,
                               .jws = *jws,
                               .reply_certificate = sale.message.sender.encryption.fingerprint(),
                               .issued_at = now,
                               .expires_at = expires});
  if (!issued) {
    if (issued.error().code == ErrorCode::kAlreadyExists) {
      return reply.Problem({ErrorCode::kOverloaded, "the same message is being decided"});
    }
    return messages_.Refuse(sale.message, issued.error(), reply);
  }
  base::LogInfo("csblk.issued", {{"csblk_id", issued->csblk_id}, {"seller", payload.sub}});
  AnswerCsblk(sale.message.sender.encryption, issued->jws, sale.disclosure.text(), reply);
}

void SellerCertification::AnswerCsblk(const protocol::Certificate& recipient, std::string_view jws,
                                      std::string_view disclosure, Reply& reply) {
  protocol::CsblkBody body{
      .csblk = protocol::SdJwt{.jws = std::string(jws), .disclosure = std::string(disclosure)}
                   .Print()};
  SignedMessages::Answer(recipient, 201, body.Print(), reply);
}

// POST /v1/seller-blocks/cancel (protocol.md section 5)
void SellerCertification::Cancel(std::string_view compact, Reply reply) {
  auto jwe = envelope_.Parse(compact, "");
  if (!jwe) return reply.Problem(jwe.error());
  auto opened = envelope_.Open(*jwe);
  if (!opened) return reply.Problem(opened.error());
  auto single = protocol::ParseSingle(*opened, "cancellation");
  if (!single) return reply.Problem(single.error());
  auto jws = protocol::ParseJws(*single, protocol::kTypCancellation, protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (messages_.AnswerRefusedBefore(*jws, reply)) return;
  auto message = messages_.Verify(std::move(*jws));
  if (!message) return reply.Problem(message.error());

  auto cancel = [&]() -> base::Status {
    ASSIGN_OR_RETURN(auto payload, protocol::CancellationPayload::Parse(message->payload));
    RETURN_IF_ERROR(messages_.CheckParties(*message, payload.iss, payload.aud));
    ASSIGN_OR_RETURN(auto csblk, csblks_.Find(payload.csblk_id));
    // A repeated cancellation may be older than the skew allows: it is done already.
    if (!csblk || csblk->state != storage::CsblkState::kCancelled) {
      RETURN_IF_ERROR(CheckTime(clock_, payload.iat, limits_.clock_skew));
    }
    return csblks_.Cancel(payload.csblk_id, message->sender.id(), clock_.Now());
  };
  if (auto done = cancel(); !done) return messages_.Refuse(*message, done.error(), reply);
  messages_.Acknowledge(*message, reply);
}

}  // namespace paygate::gateway::engine
