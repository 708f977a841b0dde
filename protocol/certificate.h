// X.509 certificates as protocol.md section 3 profiles them (RFC 5280).
//
// Certificate: parsed, immutable, cheap to copy. Chain checks: path to the pinned root, CA flags,
// keyUsage, the role's critical EKU, validity, and nothing weaker: without the role a participant
// could pose as the gateway. BuildCertificate makes one whose signature comes from an hsm::Signer.
// Pure (time is an argument); thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/public_key.h"

namespace paygate::protocol {

enum class Role : uint8_t {
  kGatewaySignature = 1,        // EKU P.2.1
  kGatewayEncryption = 2,       // P.2.2
  kParticipantSignature = 3,    // P.2.3, Cert_V
  kParticipantEncryption = 4,   // P.2.4, Cert_P
  kRoot = 5,
  kIssuingCa = 6,
  kTlsServer = 7,               // the front's; made by the ceremony, checked by TLS
};

class Certificate {
 public:
  static base::Result<Certificate> Parse(std::string_view der);  // exactly one, nothing after it
  static base::Result<Certificate> ParsePem(std::string_view pem);  // the first in the text

  const std::string& der() const;
  std::string ToPem() const;
  const std::string& fingerprint() const;  // x5t#S256: base64url(SHA-256(DER))
  const std::string& subject_id() const;   // CN
  const std::string& serial_hex() const;
  const PublicKey& key() const;
  // Raw octets of the identifiers of its own and of its issuer's key; empty where it names none.
  const std::string& subject_key_id() const;
  const std::string& authority_key_id() const;
  base::UnixTime not_before() const;
  base::UnixTime not_after() const;
  std::optional<Role> role() const;  // from the EKU; nullopt for CAs and for none or several
  const std::string& account_binding() const;  // raw 32 bytes, or empty

  struct Parsed;
  const Parsed& parsed() const { return *parsed_; }  // for protocol's own .cc files

 private:
  explicit Certificate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

// Decides which certificates are good. Holds the pinned root and the issuing CAs known so far.
class CertificateChecker {
 public:
  // kCertificateInvalid unless `root` is a self-signed CA and each issuing CA is signed by it.
  static base::Result<CertificateChecker> Create(Certificate root,
                                                 std::vector<Certificate> issuing);

  // Path, validity at `now`, and the whole profile of `role`. kCertificateInvalid with a reason.
  base::Status Check(const Certificate& leaf, Role role, base::UnixTime now) const;
  // The same for a chain that the other side sent, leaf first, root excluded: further issuing CAs
  // in it are used if they lead to the pinned root.
  base::Status CheckChain(const std::vector<Certificate>& chain, Role role,
                          base::UnixTime now) const;

  // The CA that signed a certificate, whatever the time: the root for an issuing CA, an issuing CA
  // that is known here for every other. kCertificateInvalid.
  base::Result<Certificate> IssuerOf(const Certificate& subject) const;

  const Certificate& root() const;
  const std::vector<Certificate>& issuing() const;

 private:
  struct Impl;
  explicit CertificateChecker(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

struct CertificateTemplate {
  Role role;
  std::string subject_cn;
  PublicKey subject_key;
  base::UnixTime not_before, not_after;
  std::string serial;            // raw bytes, >= 64 random bits, top bit clear; empty: drawn
  std::string account_binding;   // raw 32 bytes: participants
  std::string crl_url, ocsp_url; // participants and gateway certificates; empty: none
  std::vector<std::string> dns_names, ip_addresses;  // kTlsServer
  // The keyUsage of an encryption certificate follows its key: keyAgreement (EC) or
  // keyEncipherment (RSA).
};

// `issuer` nullptr: self-signed root (then `issuer_key` must be the subject's key).
base::Result<Certificate> BuildCertificate(const CertificateTemplate& what,
                                           const Certificate* issuer, hsm::Signer& issuer_key);
// What will be signed, for a ceremony that compares it; BuildCertificate signs exactly this.
base::Result<std::string> BuildTbs(const CertificateTemplate& what, const Certificate* issuer,
                                   hsm::SignatureAlgorithm issuer_algorithm);
// The certificate of those bytes. kInvalidArgument if `issuer_key` is not the private half of
// `issuer`.
base::Result<Certificate> SignTbs(std::string_view tbs, const PublicKey& issuer,
                                  hsm::Signer& issuer_key);

}  // namespace paygate::protocol
