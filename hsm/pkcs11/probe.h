// What a token is seen to do, before anybody trusts it with a gateway's keys: for the ceremony's
// `probe`. Makes throw-away keys, uses them, tries to get them out, and destroys them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "hsm/pkcs11/key_admin.h"

namespace paygate::hsm::pkcs11 {

struct Finding {
  std::string what;  // "P-256 signs"
  std::string seen;  // "yes, 12000 a second", "no: C_GenerateKeyPair: …"
  bool unfit = false;  // such a token must not hold a gateway's keys
};

struct TokenReport {
  std::string module, token;  // what they say of themselves
  std::vector<Finding> findings;
  bool Fit() const;
};

// Takes some seconds. The token must be open for writing by this PIN; what was in it is not
// touched. Errors as OpenKeyAdmin; what the token cannot do is a finding and no error. Blocking.
base::Result<TokenReport> ProbeToken(const TokenLocation& location);

}  // namespace paygate::hsm::pkcs11
