// A small PKI of software keys: root, issuing CA and what a test asks for.
#pragma once

#include <string>
#include <utility>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/certificate.h"
#include "protocol/software_key.h"

namespace paygate::protocol {

inline const base::UnixTime kTestNow = base::FromNumericDate(1'800'000'000);  // 2027-01-15

inline SoftwareKey NewKey(hsm::KeyType type = hsm::KeyType::kP256,
                          hsm::KeyUsage usage = hsm::KeyUsage::kSign) {
  return SoftwareKey::Generate(type, usage).value();
}

inline std::string NewId() { return base::Base64UrlEncode(base::RandomBytes(16)); }

struct TestPki {
  explicit TestPki(hsm::KeyType type = hsm::KeyType::kP256)
      : root_key(NewKey(type)), issuing_key(NewKey(type)) {}

  static CertificateTemplate Template(Role role, std::string cn, const PublicKey& key) {
    CertificateTemplate what{.role = role,
                             .subject_cn = std::move(cn),
                             .subject_key = key,
                             .not_before = kTestNow - std::chrono::days(1),
                             .not_after = kTestNow + std::chrono::days(365)};
    if (role == Role::kParticipantSignature || role == Role::kParticipantEncryption) {
      what.account_binding = base::Sha256("a disclosure");
    }
    if (role != Role::kRoot && role != Role::kTlsServer) {
      what.crl_url = "http://pki.example/v1/crl";
      what.ocsp_url = "http://pki.example/v1/ocsp";
    }
    if (role == Role::kTlsServer) what.dns_names = {"pay.example"};
    return what;
  }

  base::Result<Certificate> Issue(const CertificateTemplate& what) const {
    return BuildCertificate(what, &issuing, *issuing_signer);
  }
  Certificate Leaf(Role role, const PublicKey& key) const {
    return Issue(Template(role, NewId(), key)).value();
  }
  CertificateChecker Checker() const { return CertificateChecker::Create(root, {issuing}).value(); }

  SoftwareKey root_key, issuing_key;
  std::unique_ptr<hsm::Signer> root_signer = root_key.AsSigner().value();
  std::unique_ptr<hsm::Signer> issuing_signer = issuing_key.AsSigner().value();
  Certificate root = BuildCertificate(Template(Role::kRoot, "Test root", root_key.public_key()),
                                      nullptr, *root_signer)
                         .value();
  Certificate issuing =
      BuildCertificate(Template(Role::kIssuingCa, "Test issuing CA", issuing_key.public_key()),
                       &root, *root_signer)
          .value();
};

}  // namespace paygate::protocol
