#include "tools/audit/trust.h"

namespace paygate::tools::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;
using paygate::audit::Checkpoint;
using protocol::Certificate;
using protocol::CertificateChecker;
using protocol::Role;

Result<std::vector<Certificate>> ParsePemCertificates(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  std::vector<Certificate> certificates;
  while (!pem.empty()) {
    const size_t end = pem.find(kEnd);
    if (!pem.starts_with(kBegin) || end == pem.npos || certificates.size() == kMaxCertificates) {
      return Fail(ErrorCode::kMalformed, "not a list of PEM certificates and nothing else");
    }
    ASSIGN_OR_RETURN(Certificate parsed, Certificate::ParsePem(pem.substr(0, end + kEnd.size())));
    certificates.push_back(std::move(parsed));
    pem.remove_prefix(end + kEnd.size());
  }
  return certificates;
}

Result<GatewayTrust> GatewayTrust::Create(const std::string& root_pem,
                                          const std::vector<Certificate>& certificates) {
  auto root = Certificate::ParsePem(root_pem);
  if (!root) {
    return Fail(ErrorCode::kInvalidArgument,
                "the root is no certificate in PEM: " + root.error().message);
  }
  std::vector<Certificate> leaves, issuing;
  for (const Certificate& certificate : certificates) {
    if (certificate.der() == root->der()) continue;
    (certificate.role() ? leaves : issuing).push_back(certificate);
  }
  ASSIGN_OR_RETURN(auto checker, CertificateChecker::Create(*root, issuing));
  return GatewayTrust(std::move(checker), std::move(leaves));
}

const Certificate* GatewayTrust::Find(std::string_view fingerprint) const {
  for (const Certificate& leaf : leaves_) {
    if (leaf.fingerprint() == fingerprint) return &leaf;
  }
  return nullptr;
}

Result<Checkpoint> GatewayTrust::Verify(std::string_view note) const {
  ASSIGN_OR_RETURN(const auto parsed, paygate::audit::ParseNote(note));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, paygate::audit::ParseCheckpoint(parsed.text));
  for (const Certificate& leaf : leaves_) {
    if (leaf.role() != Role::kGatewaySignature ||
        paygate::audit::OriginOf(leaf.subject_id()) != checkpoint.origin ||
        !paygate::audit::VerifyNote(parsed, checkpoint.origin, leaf.key())) {
      continue;
    }
    RETURN_IF_ERROR(checker_.Check(leaf, Role::kGatewaySignature, checkpoint.at));
    return checkpoint;
  }
  return Fail(ErrorCode::kSignatureInvalid,
              "its signature is by no certified key of this gateway, or it was changed");
}

}  // namespace paygate::tools::audit
