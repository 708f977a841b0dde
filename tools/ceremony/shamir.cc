#include "tools/ceremony/shamir.h"

#include "base/crypto.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;

// a^254: the inverse, and 0 of 0.
uint8_t Inverse(uint8_t a) {
  uint8_t power = a, result = 1;
  for (int i = 0; i < 7; ++i) {
    power = MultiplyInField(power, power);
    result = MultiplyInField(result, power);
  }
  return result;
}

}  // namespace

uint8_t MultiplyInField(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (int bit = 0; bit < 8; ++bit) {
    product ^= static_cast<uint8_t>(-(b & 1) & a);
    a = static_cast<uint8_t>((a << 1) ^ (-(a >> 7) & 0x1b));
    b >>= 1;
  }
  return product;
}

Result<std::vector<Share>> SplitSecret(const SecretBytes& secret, int threshold, int count) {
  if (threshold < 2 || threshold > count || count > 255 || secret.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a secret is split into 2 to 255 shares, of which at "
                                             "least 2 and at most all restore it");
  }
  // Coefficients of x^1 to x^(threshold-1), for every octet.
  const SecretBytes random = base::RandomSecret(secret.size() * static_cast<size_t>(threshold - 1));
  std::vector<Share> shares;
  for (int number = 1; number <= count; ++number) {
    const auto x = static_cast<uint8_t>(number);
    Share share{x, SecretBytes(secret.size())};
    for (size_t i = 0; i < secret.size(); ++i) {
      uint8_t y = 0;  // Horner's rule, from the highest coefficient
      for (size_t power = static_cast<size_t>(threshold - 1); power > 0; --power) {
        y = MultiplyInField(y ^ random.data()[(power - 1) * secret.size() + i], x);
      }
      share.value.data()[i] = y ^ secret.data()[i];
    }
    shares.push_back(std::move(share));
  }
  return shares;
}

Result<SecretBytes> CombineShares(std::span<const Share* const> shares) {
  if (shares.empty()) return Fail(ErrorCode::kInvalidArgument, "there are no shares");
  SecretBytes secret(shares[0]->value.size());
  for (size_t i = 0; i < shares.size(); ++i) {
    const Share* share = shares[i];
    uint8_t weight = 1;  // Lagrange's, at 0
    for (size_t j = 0; j < shares.size(); ++j) {
      if (i == j) continue;
      const Share* other = shares[j];
      if (other->number == share->number) {
        return Fail(ErrorCode::kInvalidArgument,
                    "share " + std::to_string(share->number) + " is there twice");
      }
      weight = MultiplyInField(weight, MultiplyInField(other->number,
                                                       Inverse(other->number ^ share->number)));
    }
    if (share->value.size() != secret.size()) {
      return Fail(ErrorCode::kInvalidArgument, "the shares are of different sizes");
    }
    for (size_t at = 0; at < secret.size(); ++at) {
      secret.data()[at] ^= MultiplyInField(weight, share->value.data()[at]);
    }
  }
  return secret;
}

}  // namespace paygate::tools::ceremony
