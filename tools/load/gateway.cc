#include "tools/load/gateway.h"

#include "base/clock.h"
#include "participant/gateway_trust.h"
#include "protocol/certificate.h"
#include "protocol/jws.h"

namespace paygate::load {

using base::ErrorCode;
using base::Fail;

base::Result<std::string> Gateway::Read(std::string_view jws, std::string_view typ, bool verify,
                                        protocol::JwsForms forms) const {
  ASSIGN_OR_RETURN(auto parsed, protocol::ParseJws(jws, typ, protocol::KeyName::kX5t, forms));
  const auto key = signature_keys.find(parsed.x5t_s256);
  if (key == signature_keys.end()) {
    return Fail(ErrorCode::kSignatureInvalid,
                "signed under a certificate that the gateway's document did not name");
  }
  if (!verify) return std::move(parsed.payload);
  ASSIGN_OR_RETURN(const auto verified, protocol::VerifyJws(std::move(parsed), key->second));
  return verified.payload();
}

base::Result<Gateway> LearnGateway(const std::string& url, const std::string& root_pem) {
  ASSIGN_OR_RETURN(Endpoint endpoint, FindEndpoint(url, root_pem));
  ASSIGN_OR_RETURN(const auto transport,
                   participant::OpenHttpsTransport(
                       {.url = url, .root_pem = root_pem, .allow_plain_loopback = true}));
  const base::SystemClock clock;
  ASSIGN_OR_RETURN(const auto trust,
                   participant::GatewayTrust::Create(root_pem, "", *transport, clock, nullptr));
  ASSIGN_OR_RETURN(const auto document, trust->Document());
  ASSIGN_OR_RETURN(const auto encryption, trust->EncryptionCertificate());
  Gateway gateway{.endpoint = std::move(endpoint),
                  .root_pem = root_pem,
                  .id = document.id,
                  .encryption_key = encryption.key(),
                  .encryption_x5t = encryption.fingerprint(),
                  .signature_keys = {},
                  .signature_algorithm = {},
                  .encryption_algorithm = {},
                  .request_bytes = static_cast<size_t>(document.limits.request_bytes),
                  .batch_signatures = document.batch_signatures};
  for (const auto& chain : document.signature) {
    ASSIGN_OR_RETURN(const auto leaf, protocol::Certificate::Parse(chain.front()));
    gateway.signature_keys.emplace(leaf.fingerprint(), leaf.key());
    if (const auto algorithm = leaf.key().signature_algorithm();
        algorithm && gateway.signature_algorithm.empty()) {
      gateway.signature_algorithm = hsm::JoseName(*algorithm);
    }
  }
  if (const auto algorithm = encryption.key().key_management()) {
    gateway.encryption_algorithm = hsm::JoseName(*algorithm);
  }
  return gateway;
}

}  // namespace paygate::load
