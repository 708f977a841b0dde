#include <openssl/err.h>

#include "protocol/certificate.h"
#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/openssl.h"
#include "protocol/jws.h"
#include "protocol/values.h"

// Own, explicit checks: a path has exactly three certificates (root, issuing CA, leaf), and each
// has one possible profile. OpenSSL does the signature (X509_verify) and the DER.
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Status;

auto Invalid(std::string why) { return Fail(ErrorCode::kCertificateInvalid, std::move(why)); }

// `subject` is signed by `issuer`, with an algorithm of the profile that fits the issuer's key.
Status CheckSignature(const Certificate& subject, const Certificate& issuer) {
  const auto algorithm = issuer.key().signature_algorithm();
  if (!algorithm || subject.parsed().signature_algorithm != AlgorithmIdentifier(*algorithm)) {
    return Invalid("signed with an algorithm that is not the issuer's key's");
  }
  // Compares the inner and the outer AlgorithmIdentifier too.
  const int good = X509_verify(subject.parsed().x509.get(), issuer.key().get());
  ERR_clear_error();
  if (good != 1) return Invalid("the issuer's signature does not verify");
  return {};
}

Status CheckValidity(const Certificate& certificate, base::UnixTime now) {
  if (now < certificate.not_before()) return Invalid("not valid yet");
  if (now > certificate.not_after()) return Invalid("expired");
  return {};
}

Status CheckCaProfile(const Certificate& ca, Role role) {
  const Certificate::Parsed& p = ca.parsed();
  if (p.unknown_critical) return Invalid("a CA has a critical extension that we do not know");
  if (!p.is_ca || !p.basic_constraints_critical) {
    return Invalid("basicConstraints of a CA must be critical and say CA:TRUE");
  }
  if (role == Role::kIssuingCa && p.path_length != 0) {
    return Invalid("an issuing CA must have pathlen:0");
  }
  if (role == Role::kRoot && p.path_length == 0) {
    return Invalid("a root with pathlen:0 can have no issuing CA");
  }
  if (!p.key_usage_critical || p.key_usage != *KeyUsageFor(role, ca.key())) {
    return Invalid("keyUsage of a CA must be critical, keyCertSign and cRLSign");
  }
  if (p.has_extended_key_usage) return Invalid("a CA has no extendedKeyUsage");
  return {};
}

Status CheckRoot(const Certificate& root) {
  RETURN_IF_ERROR(CheckCaProfile(root, Role::kRoot));
  if (root.parsed().subject != root.parsed().issuer) return Invalid("the root is not self-signed");
  return CheckSignature(root, root);
}

Status CheckIssuing(const Certificate& issuing, const Certificate& root) {
  RETURN_IF_ERROR(CheckCaProfile(issuing, Role::kIssuingCa));
  if (issuing.parsed().issuer != root.parsed().subject) {
    return Invalid("the issuing CA names another root");
  }
  return CheckSignature(issuing, root);
}

Status CheckLeafProfile(const Certificate& leaf, Role role) {
  const Certificate::Parsed& p = leaf.parsed();
  if (p.unknown_critical) return Invalid("it has a critical extension that we do not know");
  if (p.is_ca || p.path_length || !p.basic_constraints_critical) {
    return Invalid("basicConstraints must be critical and say CA:FALSE");
  }
  if (p.role != role) return Invalid("its extendedKeyUsage is not the one role expected here");
  const bool tls = role == Role::kTlsServer;
  if (!p.role_critical && !tls) return Invalid("its extendedKeyUsage is not critical");
  if (!p.key_usage_critical || KeyUsageFor(role, leaf.key()) != p.key_usage) {
    return Invalid("its keyUsage is not critical or not its role's");
  }
  if (!tls && !IsNonce(p.subject_id)) return Invalid("its subject CN is no ID");
  if (IsParticipant(role) == p.account_binding.empty()) {
    return Invalid("an accountBinding belongs into a participant's certificate, and no other");
  }
  return {};
}

}  // namespace

struct CertificateChecker::Impl {
  Certificate root;
  std::vector<Certificate> issuing;
};

base::Result<CertificateChecker> CertificateChecker::Create(Certificate root,
                                                            std::vector<Certificate> issuing) {
  RETURN_IF_ERROR(CheckRoot(root));
  for (const Certificate& ca : issuing) RETURN_IF_ERROR(CheckIssuing(ca, root));
  return CertificateChecker(
      std::make_shared<const Impl>(Impl{std::move(root), std::move(issuing)}));
}

Status CertificateChecker::Check(const Certificate& leaf, Role role, base::UnixTime now) const {
  return CheckChain({leaf}, role, now);
}

Status CertificateChecker::CheckChain(const std::vector<Certificate>& chain, Role role,
                                      base::UnixTime now) const {
  if (chain.empty() || chain.size() > kMaxX5cCertificates) {
    return Invalid("a chain has 1 to 4 certificates");
  }
  if (IsCa(role)) return Fail(ErrorCode::kInvalidArgument, "a CA is no end-entity certificate");
  const Certificate& leaf = chain.front();
  // Cheap checks first: strangers' certificates cost no signature until their form is right.
  RETURN_IF_ERROR(CheckLeafProfile(leaf, role));
  RETURN_IF_ERROR(CheckValidity(leaf, now));
  RETURN_IF_ERROR(CheckValidity(impl_->root, now));

  // CAs of one name may differ in key after a rotation: each is tried.
  Status outcome = Invalid("not issued by an issuing CA of the gateway");
  const auto try_issuer = [&](const Certificate& ca, bool known) -> Status {
    if (!known) RETURN_IF_ERROR(CheckIssuing(ca, impl_->root));
    RETURN_IF_ERROR(CheckValidity(ca, now));
    return CheckSignature(leaf, ca);
  };
  for (const Certificate& ca : impl_->issuing) {
    if (outcome) return {};
    if (ca.parsed().subject == leaf.parsed().issuer) outcome = try_issuer(ca, true);
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (outcome) return {};
    if (chain[i].parsed().subject == leaf.parsed().issuer) outcome = try_issuer(chain[i], false);
  }
  return outcome;
}

base::Result<Certificate> CertificateChecker::IssuerOf(const Certificate& subject) const {
  if (subject.parsed().is_ca) {
    RETURN_IF_ERROR(CheckIssuing(subject, impl_->root));
    return impl_->root;
  }
  for (const Certificate& ca : impl_->issuing) {
    if (ca.parsed().subject == subject.parsed().issuer && CheckSignature(subject, ca)) return ca;
  }
  return Invalid("not issued by an issuing CA of the gateway");
}

const Certificate& CertificateChecker::root() const { return impl_->root; }
const std::vector<Certificate>& CertificateChecker::issuing() const { return impl_->issuing; }

}  // namespace paygate::protocol
