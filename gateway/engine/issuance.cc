#include "gateway/engine/issuance.h"

#include "gateway/engine/crls.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::Result;

Result<protocol::Certificate> Issuance::Certify(const GatewayKeys& keys, const Request& request,
                                                protocol::Role role,
                                                const protocol::PublicKey& key) const {
  const base::UnixTime now = clock_.Now();
  const protocol::CertificateTemplate what{
      .role = role,
      .subject_cn = std::string(request.participant_id),
      .subject_key = key,
      // Valid at once for a participant whose clock is slow.
      .not_before = now - limits_.clock_skew,
      .not_after = now + limits_.certificate_lifetime,
      .account_binding = request.account_binding,
      .crl_url = Crls::UrlFor(public_url_, keys.Issuing().certificate),
      .ocsp_url = public_url_.empty() ? "" : public_url_ + "/v1/ocsp"};
  const auto& issuing = keys.Issuing();
  return protocol::BuildCertificate(what, &issuing.certificate, *issuing.key);
}

// Paper 6.2.2: 3. PG → X: Cert_PX, Cert_VX, P_PG, V_PG
Result<storage::Registration> Issuance::Issue(const Request& request) const {
  const auto in_force = envelope_.keys();  // once: both certificates and the chain belong together
  const GatewayKeys& keys = *in_force;
  ASSIGN_OR_RETURN(auto signature, Certify(keys, request, protocol::Role::kParticipantSignature,
                                           request.signature_key));
  ASSIGN_OR_RETURN(auto encryption, Certify(keys, request, protocol::Role::kParticipantEncryption,
                                            request.encryption_key));
  const protocol::RegisteredPayload payload{
      .iss = keys.id,
      .sub = std::string(request.participant_id),
      .iat = base::ToNumericDate(clock_.Now()),
      .request = std::string(request.digest),
      .nonce = std::string(request.nonce),
      .signature_certificate = signature.der(),
      .encryption_certificate = encryption.der(),
      .chain = {keys.Issuing().certificate.der()},
      .gateway_signature = keys.Signature().certificate.der(),
      .gateway_encryption = keys.Encryption().certificate.der()};
  ASSIGN_OR_RETURN(std::string jws, envelope_.Sign(protocol::kTypRegistered, payload.Print()));
  return storage::Registration{.request_digest = payload.request,
                               .participant_id = payload.sub,
                               .signature_certificate = signature.der(),
                               .encryption_certificate = encryption.der(),
                               .registered_jws = std::move(jws),
                               .registered_at = clock_.Now()};
}

void Issuance::Answer(const protocol::PublicKey& encryption_key, uint32_t status,
                      std::string_view member, std::string_view jws, Reply& reply) {
  auto jwe = protocol::SealJwe(encryption_key, "", {}, protocol::PrintSingle(member, jws));
  if (!jwe) return reply.Problem(jwe.error());
  reply.Jose(status, std::move(*jwe));
}

}  // namespace paygate::gateway::engine
