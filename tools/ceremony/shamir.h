// Shamir's secret sharing over GF(2^8), octet by octet (A. Shamir, "How to share a secret", 1979).
//
// Guarantee: any `threshold` shares of a split give the secret; fewer say nothing about it,
// whatever the computing power. Combine cannot know a wrong share: a commitment does
// (key_backup.h). Time and memory access do not depend on secret or shares. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::tools::ceremony {

struct Share {
  uint8_t number;  // 1 to 255: where the polynomials are evaluated
  base::SecretBytes value;
};

// kInvalidArgument unless 2 <= threshold <= count <= 255.
base::Result<std::vector<Share>> SplitSecret(const base::SecretBytes& secret, int threshold,
                                             int count);
// From exactly as many shares as the threshold was. kInvalidArgument if two have one number, or
// their sizes differ.
base::Result<base::SecretBytes> CombineShares(std::span<const Share* const> shares);

// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197 section 4.2).
uint8_t MultiplyInField(uint8_t a, uint8_t b);

}  // namespace paygate::tools::ceremony
