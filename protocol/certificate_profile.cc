#include "protocol/internal/certificate_profile.h"

#include "protocol/internal/der.h"

namespace paygate::protocol {

using std::string_view_literals::operator""sv;

std::optional<uint32_t> KeyUsageFor(Role role, const PublicKey& key) {
  if (IsCa(role)) return KU_KEY_CERT_SIGN | KU_CRL_SIGN;
  if (role == Role::kTlsServer) return KU_DIGITAL_SIGNATURE;
  if (!IsEncryption(role)) return KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
  const auto management = key.key_management();
  if (!management) return std::nullopt;
  return *management == hsm::KeyManagement::kEcdhEs ? KU_KEY_AGREEMENT : KU_KEY_ENCIPHERMENT;
}

std::string AlgorithmIdentifier(hsm::SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case hsm::SignatureAlgorithm::kES256:
      return der::Sequence({der::Oid("1.2.840.10045.4.3.2")});
    case hsm::SignatureAlgorithm::kEdDSA:
      return der::Sequence({der::Oid("1.3.101.112")});
    case hsm::SignatureAlgorithm::kPS256:
      break;
  }
  // RFC 4055 section 3.1; NULL parameters of SHA-256 as its section 2.1 has them.
  const std::string sha256 = der::Sequence({der::Oid("2.16.840.1.101.3.4.2.1"), "\x05\x00"sv});
  const std::string mgf1 = der::Sequence({der::Oid("1.2.840.113549.1.1.8"), sha256});
  const std::string parameters = der::Sequence(
      {der::Tlv(der::ContextConstructed(0), sha256), der::Tlv(der::ContextConstructed(1), mgf1),
       der::Tlv(der::ContextConstructed(2), "\x02\x01\x20"sv)});
  return der::Sequence({der::Oid("1.2.840.113549.1.1.10"), parameters});
}

}  // namespace paygate::protocol
