#include "gateway/engine/renewal.h"

#include "base/log.h"
#include "base/outside_text.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;

namespace {

constexpr std::chrono::days kBeforeExpiry{90};  // after it: Participants' kRenewalGrace

}  // namespace

void Renewal::Renew(std::string_view compact, Reply reply) {
  auto jwe = envelope_.Parse(compact, "");
  if (!jwe) return reply.Problem(jwe.error());
  auto opened = envelope_.Open(*jwe);
  if (!opened) return reply.Problem(opened.error());
  auto single = protocol::ParseSingle(*opened, "renewal");
  if (!single) return reply.Problem(single.error());
  auto jws = protocol::ParseJws(*single, protocol::kTypRenewal, protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (messages_.AnswerRefusedBefore(*jws, reply)) return;
  if (AnswerSeenBefore(*jws, reply)) return;
  auto message = messages_.Verify(std::move(*jws), Admission::kRenewal);
  if (!message) return reply.Problem(message.error());
  auto applicant = Check(*message);
  if (!applicant) return messages_.Refuse(*message, applicant.error(), reply);

  const std::string account = applicant->disclosure.account(), id = message->sender.id();
  bank_.VerifyAccount(account, id,
                      [this, applicant = std::move(*applicant),
                       reply = std::move(reply)](bank::Verification answer) mutable {
                        (void)workers_.SubmitPromised([this, applicant = std::move(applicant),
                                                       answer = std::move(answer),
                                                       reply = std::move(reply)]() mutable {
                          Certify(applicant, answer, std::move(reply));
                        });
                      });
}

// The same renewal again gets the certificates that it was given.
bool Renewal::AnswerSeenBefore(const protocol::UnverifiedJws& jws, Reply& reply) const {
  auto known = registrations_.Find(jws.Digest());
  if (!known) {
    reply.Problem(known.error());
    return true;
  }
  if (!*known) return false;
  auto encryption = protocol::Certificate::Parse((*known)->encryption_certificate);
  if (!encryption) {
    reply.Problem({ErrorCode::kInternal, "a stored certificate cannot be read"});
    return true;
  }
  Issuance::Answer(encryption->key(), 201, "registered", (*known)->registered_jws, reply);
  return true;
}

Result<Renewal::Applicant> Renewal::Check(const VerifiedMessage& message) const {
  ASSIGN_OR_RETURN(auto payload, protocol::RenewalPayload::Parse(message.payload));
  RETURN_IF_ERROR(messages_.CheckParties(message, payload.iss, payload.aud));
  RETURN_IF_ERROR(CheckTime(clock_, payload.iat, limits_.clock_skew));
  RETURN_IF_ERROR(CheckWindow(message.sender.signature));
  ASSIGN_OR_RETURN(auto disclosure, protocol::Disclosure::Parse(payload.disclosure));
  if (disclosure.RawDigest() != message.sender.signature.account_binding()) {
    return Fail(ErrorCode::kAccountMismatch, "the disclosure opens another account's binding");
  }
  ASSIGN_OR_RETURN(auto signature, protocol::PublicKey::FromJwk(payload.signature_jwk));
  ASSIGN_OR_RETURN(auto encryption, protocol::PublicKey::FromJwk(payload.encryption_jwk));
  if (!encryption.key_management()) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "the encryption key cannot encrypt");
  }
  RETURN_IF_ERROR(CheckProof(payload, signature));
  RETURN_IF_ERROR(CheckNewKeys(message, signature, encryption));
  return Applicant{.message = message,
                   .payload = std::move(payload),
                   .signature_key = std::move(signature),
                   .encryption_key = std::move(encryption),
                   .disclosure = std::move(disclosure)};
}

base::Status Renewal::CheckWindow(const protocol::Certificate& current) const {
  // How long after expiry is a question of Admission::kRenewal, asked before.
  if (clock_.Now() >= current.not_after() - kBeforeExpiry) return {};
  return Fail(ErrorCode::kCertificateInvalid, "more than 90 days before the certificate expires");
}

base::Status Renewal::CheckProof(const protocol::RenewalPayload& payload,
                                 const protocol::PublicKey& key) const {
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(payload.proof, protocol::kTypRenewalProof,
                                                protocol::KeyName::kNone));
  ASSIGN_OR_RETURN(auto verified, protocol::VerifyJws(std::move(jws), key));
  ASSIGN_OR_RETURN(auto proof, protocol::RenewalProofPayload::Parse(verified.payload()));
  if (proof.iss != payload.iss || proof.aud != payload.aud || proof.nonce != payload.nonce) {
    return Fail(ErrorCode::kSignatureInvalid, "the proof is of another renewal");
  }
  return {};
}

// New means in no certificate of the participant: so no proof is of use twice, and no key both
// signs and decrypts.
base::Status Renewal::CheckNewKeys(const VerifiedMessage& message,
                                   const protocol::PublicKey& signature,
                                   const protocol::PublicKey& encryption) const {
  if (signature == encryption) {
    return Fail(ErrorCode::kMalformed, "one key for signature and encryption");
  }
  ASSIGN_OR_RETURN(const auto pairs, certificates_.FindByParticipant(message.sender.id()));
  if (pairs.empty() ||
      pairs.front().signature_certificate != message.sender.signature.der()) {
    return Fail(ErrorCode::kCertificateInvalid, "the certificate was renewed already");
  }
  for (const auto& pair : pairs) {
    for (const std::string* der : {&pair.signature_certificate, &pair.encryption_certificate}) {
      ASSIGN_OR_RETURN(const auto certificate, protocol::Certificate::Parse(*der));
      if (certificate.key() == signature || certificate.key() == encryption) {
        return Fail(ErrorCode::kMalformed, "a renewal takes new keys");
      }
    }
  }
  return {};
}

void Renewal::Certify(const Applicant& applicant, const bank::Verification& answer, Reply reply) {
  const VerifiedMessage& message = applicant.message;
  if (answer.verdict == bank::Verdict::kNoAnswer) {
    return reply.Problem({ErrorCode::kBankUnavailable, "the bank did not confirm the account"});
  }
  if (answer.verdict == bank::Verdict::kRefused) {
    return messages_.Refuse(
        message, {ErrorCode::kAccountRefused, "bank: " + base::OutsideText(answer.reason)}, reply);
  }
  auto issued = issuance_.Issue({.digest = message.digest,
                                 .nonce = applicant.payload.nonce,
                                 .participant_id = message.sender.id(),
                                 .signature_key = applicant.signature_key,
                                 .encryption_key = applicant.encryption_key,
                                 .account_binding = applicant.disclosure.RawDigest()});
  if (!issued) return reply.Problem(issued.error());
  auto renewed =
      registrations_.Renew(std::move(*issued), message.sender.signature.fingerprint());
  if (!renewed) return messages_.Refuse(message, renewed.error(), reply);
  base::LogInfo("participant.renewed", {{"id", renewed->participant_id}});
  Issuance::Answer(applicant.encryption_key, 201, "registered", renewed->registered_jws, reply);
}

}  // namespace paygate::gateway::engine
