// The revocation list of a CA whose key is used in ceremonies only (RFC 5280 section 5), DER.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"

namespace paygate::tools::ceremony {

struct RevokedEntry {
  std::string serial_hex;
  int reason = 0;  // section 5.3.1
};

// CRLNumber is thisUpdate as NumericDate, so that a later list has the greater one. The signature
// is verified before this returns.
base::Result<std::string> BuildRootCrl(const protocol::Certificate& issuer, hsm::Signer& signer,
                                       const std::vector<RevokedEntry>& revoked,
                                       base::UnixTime this_update, base::UnixTime next_update);
// kCertificateInvalid unless it is a list of this issuer with a good signature.
base::Status CheckCrl(std::string_view der, const protocol::Certificate& issuer);

}  // namespace paygate::tools::ceremony
