#include "protocol/internal/certificate_profile.h"

#include "base/crypto.h"
#include "protocol/internal/der.h"

namespace paygate::protocol {

using std::string_view_literals::operator""sv;

namespace {

constexpr size_t kKeyIdentifierBytes = 20;
constexpr auto kTrue = "\x01\x01\xff"sv;

// An ECDSA signature leaves a signer as r || s; X.509 carries ECDSA-Sig-Value.
base::Result<std::string> X509Signature(hsm::SignatureAlgorithm algorithm, std::string signature) {
  if (algorithm != hsm::SignatureAlgorithm::kES256) return signature;
  if (signature.size() != 64)
    return base::Fail(base::ErrorCode::kInternal, "an ES256 signature has 64 octets");
  std::string values;
  for (size_t at : {size_t{0}, size_t{32}}) {
    std::string_view number = std::string_view(signature).substr(at, 32);
    while (number.size() > 1 && number[0] == '\0') number.remove_prefix(1);
    // A set top bit would make it negative.
    values += der::Tlv(der::kInteger, std::string(number[0] < 0 ? 1 : 0, '\0').append(number));
  }
  return der::Tlv(der::kSequence, values);
}

}  // namespace

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

std::string KeyIdentifier(const PublicKey& key) {
  return base::Sha256(key.ToSpki()).substr(0, kKeyIdentifierBytes);
}

std::string KeyIdentifierOf(const Certificate& ca) {
  return ca.subject_key_id().empty() ? KeyIdentifier(ca.key()) : ca.subject_key_id();
}

std::string Extension(std::string_view oid, bool critical, std::string_view value) {
  return der::Sequence(
      {der::Oid(oid), critical ? kTrue : ""sv, der::Tlv(der::kOctetString, value)});
}

base::Result<std::string> SignDer(std::string_view tbs, hsm::StatementKind kind,
                                  const PublicKey& ca_key, hsm::Signer& signer,
                                  std::string_view certificates) {
  const hsm::SignatureAlgorithm algorithm = signer.algorithm();
  ASSIGN_OR_RETURN(std::string raw, signer.Sign({kind, tbs}));
  // A signer of another key would make what nobody accepts: find it here, not there.
  if (!ca_key.Verify(tbs, raw)) {
    return base::Fail(
        base::ErrorCode::kInvalidArgument,
        "the signing key is not the issuer's: name the key that the issuer certifies");
  }
  ASSIGN_OR_RETURN(const std::string signature, X509Signature(algorithm, std::move(raw)));
  return der::Sequence(
      {tbs, AlgorithmIdentifier(algorithm), der::BitString(signature), certificates});
}

}  // namespace paygate::protocol
