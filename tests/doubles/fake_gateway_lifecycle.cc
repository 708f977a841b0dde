// The fake gateway's part of protocol.md section 4: registration, renewal, revocation.
#include <gtest/gtest.h>

#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/doubles/fake_gateway.h"

namespace paygate::doubles {
namespace {

using protocol::Certificate;
using protocol::KeyName;
using protocol::Role;
constexpr std::chrono::hours kYear{24 * 365};

template <typename T>
T Must(base::Result<T> result) {
  if (!result) {
    ADD_FAILURE() << "fake gateway: " << result.error().ToString();
    std::abort();
  }
  return std::move(*result);
}

}  // namespace

FakeGateway::HttpAnswer FakeGateway::Certify(const std::string& id, const std::string& digest,
                                             const std::string& nonce, const std::string& binding,
                                             const protocol::PublicKey& signature_key,
                                             const protocol::PublicKey& encryption_key) {
  auto signer = Must(issuing_->key.AsSigner());
  const auto certify = [&](Role role, const protocol::PublicKey& key) {
    return Must(protocol::BuildCertificate({.role = role,
                                            .subject_cn = id,
                                            .subject_key = key,
                                            .not_before = clock_.Now() - std::chrono::hours(1),
                                            .not_after = clock_.Now() + kYear,
                                            .account_binding = binding,
                                            .crl_url = "http://localhost/crl",
                                            .ocsp_url = "http://localhost/ocsp"},
                                           &issuing_->certificate, *signer))
        .der();
  };
  protocol::RegisteredPayload registered{
      .iss = id_,
      .sub = id,
      .iat = Now(),
      .request = digest,
      .nonce = nonce,
      .signature_certificate = certify(Role::kParticipantSignature, signature_key),
      .encryption_certificate = certify(Role::kParticipantEncryption, encryption_key),
      .chain = issuing_->chain,
      .gateway_signature = signature_->certificate.der(),
      .gateway_encryption = encryption_->certificate.der()};
  if (on_registered) on_registered(registered);
  participants_[id] = {registered.signature_certificate, registered.encryption_certificate};
  const std::string answer = SignAsGateway(protocol::kTypRegistered, registered.Print());
  registrations_[digest] = {
      .status = 201,
      .content_type = std::string(participant::kJoseType),
      .body = Must(
          protocol::SealJwe(encryption_key, "", {}, protocol::PrintSingle("registered", answer)))};
  return registrations_.at(digest);
}

FakeGateway::HttpAnswer FakeGateway::Register(const std::string& payload) {
  const std::string compact = Must(protocol::ParseSingle(payload, "registration"));
  const std::string digest = Must(protocol::DigestOfCompact(compact));
  if (registrations_.contains(digest)) return registrations_.at(digest);
  auto jws = Must(protocol::ParseJws(compact, protocol::kTypRegistration, KeyName::kNone));
  auto asked = Must(protocol::RegistrationPayload::Parse(jws.payload));
  const auto signature_key = Must(protocol::PublicKey::FromJwk(asked.signature_jwk));
  Must(protocol::VerifyJws(jws, signature_key));
  return Certify(protocol::NewNonce(), digest, asked.nonce,
                 Must(protocol::Disclosure::Parse(asked.disclosure)).RawDigest(), signature_key,
                 Must(protocol::PublicKey::FromJwk(asked.encryption_jwk)));
}

FakeGateway::HttpAnswer FakeGateway::Renew(const std::string& payload) {
  const std::string compact = Must(protocol::ParseSingle(payload, "renewal"));
  const std::string digest = Must(protocol::DigestOfCompact(compact));
  if (registrations_.contains(digest)) return registrations_.at(digest);
  auto jws = Must(protocol::ParseJws(compact, protocol::kTypRenewal, KeyName::kX5c));
  auto asked = Must(protocol::RenewalPayload::Parse(jws.payload));
  const Certificate current = Must(Certificate::Parse(jws.x5c.front()));
  Must(protocol::VerifyJws(jws, current.key()));
  if (!refuse_with.empty()) return Refuse(asked.iss, digest, refuse_with);
  const auto signature_key = Must(protocol::PublicKey::FromJwk(asked.signature_jwk));
  auto proof = Must(protocol::ParseJws(asked.proof, protocol::kTypRenewalProof, KeyName::kNone));
  Must(protocol::VerifyJws(proof, signature_key));
  EXPECT_EQ(jws.x5c.front(), participants_.at(asked.iss).signature_der) << "renewed twice";
  EXPECT_EQ(Must(protocol::Disclosure::Parse(asked.disclosure)).RawDigest(),
            current.account_binding());
  ++renewals_made_;
  return Certify(asked.iss, digest, asked.nonce, current.account_binding(), signature_key,
                 Must(protocol::PublicKey::FromJwk(asked.encryption_jwk)));
}

FakeGateway::HttpAnswer FakeGateway::Revoke(const std::string& payload) {
  const std::string compact = Must(protocol::ParseSingle(payload, "revocation"));
  const std::string digest = Must(protocol::DigestOfCompact(compact));
  auto jws = Must(protocol::ParseJws(compact, protocol::kTypRevocation, KeyName::kX5c));
  const auto asked = Must(protocol::RevocationPayload::Parse(jws.payload));
  Must(protocol::VerifyJws(jws, Must(Certificate::Parse(jws.x5c.front())).key()));
  revocations_.insert(digest);
  revocations_seen_ = revocations_.size();
  const protocol::DonePayload done{.iss = id_, .sub = asked.iss, .iat = Now(), .request = digest};
  return Sealed(200, participants_.at(asked.iss).encryption_der, true,
                protocol::PrintSingle("done", SignAsGateway(protocol::kTypDone, done.Print())));
}

FakeGateway::HttpAnswer FakeGateway::TakeClaim(const std::string& payload) {
  const auto single = Must(protocol::ParseSingle(payload));
  const bool is_claim = single.member == "claim";
  auto jws = Must(protocol::ParseJws(
      single.jws, is_claim ? protocol::kTypRefundClaim : protocol::kTypRefundAnswer,
      KeyName::kX5c));
  Must(protocol::VerifyJws(jws, Must(Certificate::Parse(jws.x5c.front())).key()));
  std::string sender;
  if (is_claim) {
    const auto claim = Must(protocol::RefundClaimPayload::Parse(jws.payload));
    sender = claim.iss;
    const auto& paid = authorisations_.at(claim.payment_id).authorisation;
    const auto csblk = Must(protocol::ParseJws(paid.csblk, protocol::kTypCsblk, KeyName::kX5t));
    if (claims_.insert(jws.Digest()).second) {
      PutInMailbox(Must(protocol::CsblkPayload::Parse(csblk.payload)).sub,
                   protocol::PrintSingle("refund_claim", single.jws));
    }
  } else {
    sender = Must(protocol::RefundAnswerPayload::Parse(jws.payload)).iss;
  }
  const protocol::DonePayload done{
      .iss = id_, .sub = sender, .iat = Now(), .request = jws.Digest()};
  return Sealed(200, participants_.at(sender).encryption_der, true,
                protocol::PrintSingle("done", SignAsGateway(protocol::kTypDone, done.Print())));
}

}  // namespace paygate::doubles
