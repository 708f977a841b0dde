// The table of protocol.md section 3 as data, used by the builder and the checker alike. For this
// room's .cc files only.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "hsm/signer.h"
#include "protocol/certificate.h"
#include "protocol/internal/openssl.h"

namespace paygate::protocol {

// The arc P.
#define PAYGATE_ARC "2.25.50982404928622280130636810623715737108"
inline constexpr std::string_view kAccountBindingOid = PAYGATE_ARC ".1";
constexpr size_t kAccountBindingBytes = 32;

struct RoleOid {
  Role role;
  std::string_view oid;
};
inline constexpr std::array kRoleOids = {
    RoleOid{Role::kGatewaySignature, PAYGATE_ARC ".2.1"},
    RoleOid{Role::kGatewayEncryption, PAYGATE_ARC ".2.2"},
    RoleOid{Role::kParticipantSignature, PAYGATE_ARC ".2.3"},
    RoleOid{Role::kParticipantEncryption, PAYGATE_ARC ".2.4"},
    RoleOid{Role::kTlsServer, "1.3.6.1.5.5.7.3.1"},  // id-kp-serverAuth
};
#undef PAYGATE_ARC

constexpr bool IsParticipant(Role role) {
  return role == Role::kParticipantSignature || role == Role::kParticipantEncryption;
}
constexpr bool IsCa(Role role) { return role == Role::kRoot || role == Role::kIssuingCa; }
constexpr bool IsEncryption(Role role) {
  return role == Role::kGatewayEncryption || role == Role::kParticipantEncryption;
}

// The keyUsage bits (OpenSSL's KU_*) that a certificate of this role and key has: these and no
// others. nullopt: such a key cannot have this role.
std::optional<uint32_t> KeyUsageFor(Role role, const PublicKey& key);
// AlgorithmIdentifier: ecdsa-with-SHA256, RSASSA-PSS (SHA-256, MGF1 SHA-256, salt 32), Ed25519.
std::string AlgorithmIdentifier(hsm::SignatureAlgorithm algorithm);

base::Result<base::UnixTime> ReadTime(const ASN1_TIME* time);  // kCertificateInvalid

// The identifier that a CA's certificate gives its key, or would give it.
std::string KeyIdentifierOf(const Certificate& ca);
// RFC 7093 section 2, method 4, to 160 bits.
std::string KeyIdentifier(const PublicKey& key);
// Extension of RFC 5280: SEQUENCE { OID, critical if true, OCTET STRING of `value` }.
std::string Extension(std::string_view oid, bool critical, std::string_view value);
// SEQUENCE { tbs, algorithm, signature }: `tbs` signed by the CA's key as this kind of statement.
// kInvalidArgument if the key is not the CA's.
base::Result<std::string> SignDer(std::string_view tbs, hsm::StatementKind kind,
                                  const PublicKey& ca_key, hsm::Signer& signer,
                                  std::string_view certificates = {});

// What a certificate says, parsed once.
struct Certificate::Parsed {
  X509Ptr x509;
  std::string der, fingerprint, subject_id, serial_hex;
  std::string subject, issuer;      // DER of the names
  std::string subject_key_id, authority_key_id;
  std::string signature_algorithm;  // DER of the AlgorithmIdentifier
  std::optional<PublicKey> key;     // always there in a Certificate
  base::UnixTime not_before, not_after;
  bool basic_constraints_critical = false, is_ca = false;
  std::optional<int64_t> path_length;
  bool key_usage_critical = false;
  uint32_t key_usage = 0;
  bool role_critical = false, has_extended_key_usage = false;
  std::optional<Role> role;
  std::string account_binding;
  bool unknown_critical = false;
};

}  // namespace paygate::protocol
