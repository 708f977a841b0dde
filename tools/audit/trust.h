// Which signatures are a gateway's: certificates that lead to the operator's root. A value;
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "audit/checkpoint.h"
#include "base/result.h"
#include "protocol/certificate.h"

namespace paygate::tools::audit {

constexpr size_t kMaxCertificates = 256;

// Every certificate of a PEM text with nothing else in it. kMalformed.
base::Result<std::vector<protocol::Certificate>> ParsePemCertificates(std::string_view pem);

class GatewayTrust {
 public:
  // `root_pem`: the operator's. Those of `certificates` that are no leaf must be its issuing CAs.
  // kCertificateInvalid; kInvalidArgument for a root that is none.
  static base::Result<GatewayTrust> Create(const std::string& root_pem,
                                           const std::vector<protocol::Certificate>& certificates);

  // The note is by a gateway's signature key, certified when it says that it was signed, and the
  // log is that gateway's. kMalformed, kSignatureInvalid, kCertificateInvalid.
  base::Result<paygate::audit::Checkpoint> Verify(std::string_view note) const;

  const protocol::CertificateChecker& checker() const { return checker_; }
  // By x5t#S256, of those given; nullptr.
  const protocol::Certificate* Find(std::string_view fingerprint) const;

 private:
  GatewayTrust(protocol::CertificateChecker checker, std::vector<protocol::Certificate> leaves)
      : checker_(std::move(checker)), leaves_(std::move(leaves)) {}
  protocol::CertificateChecker checker_;
  std::vector<protocol::Certificate> leaves_;
};

}  // namespace paygate::tools::audit
