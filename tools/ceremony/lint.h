// Lint: what must be right with a certificate before a CA's key signs it, and after.
//
// RFC 5280 by our own checks, and by OpenSSL's verification with X509_V_FLAG_X509_STRICT, which is
// what `openssl verify -x509_strict` runs. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"
#include "protocol/certificate.h"

namespace paygate::tools::ceremony {

// Every rule that was checked, as a sentence for the record; kCertificateInvalid with the first one
// that is broken. `issuer` is nullptr for a root.
base::Result<std::vector<std::string>> LintCertificate(const protocol::Certificate& certificate,
                                                       const protocol::Certificate* issuer,
                                                       protocol::Role role);

// The path from `certificate` to `anchor`, which is trusted whether it is a root or not.
base::Status VerifyStrictly(const protocol::Certificate& certificate,
                            const std::vector<protocol::Certificate>& intermediates,
                            const protocol::Certificate& anchor, base::UnixTime at);

// The TBSCertificate's bytes within a certificate's DER.
std::string TbsOf(const protocol::Certificate& certificate);

struct LintedTbs {
  std::string tbs;                  // what the issuer's key is to sign, to the byte
  std::string throw_away_key;       // SubjectPublicKeyInfo of the key that signed the lint
  std::vector<std::string> checks;  // rules that hold
};
// Signs the TBS with a key made for this and forgotten, and lints the certificate that results
// against a copy of the issuer with that key. `what.serial` must be given.
base::Result<LintedTbs> LintBeforeSigning(const protocol::CertificateTemplate& what,
                                          const protocol::Certificate* issuer,
                                          hsm::KeyType issuer_type);

}  // namespace paygate::tools::ceremony
