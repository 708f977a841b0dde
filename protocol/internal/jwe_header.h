// What ParseJwe is made of, for this room's .cc files and its tests only: foreign test vectors
// carry `typ` and `cty` in their JWE headers, which protocol.md forbids, and must still be refused
// or opened for their own reason.
#pragma once

#include <string_view>

#include "base/result.h"
#include "protocol/jwe.h"

namespace paygate::protocol {

struct JweHeaderPolicy {
  std::string_view typ, cty;  // must be there and equal; empty: must not be there
};

// ParseJwe(x) is ParseJweUnder({}, x).
base::Result<ParsedJwe> ParseJweUnder(const JweHeaderPolicy& policy, std::string_view compact);

}  // namespace paygate::protocol
