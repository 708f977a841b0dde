#include "hsm/concat_kdf.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace paygate::hsm {

base::SecretBytes ConcatKdfA256Gcm(const base::SecretBytes& z) {
  using std::string_view_literals::operator""sv;
  constexpr auto kRound = "\0\0\0\1"sv;
  constexpr auto kOtherInfo =
      "\0\0\0\7A256GCM"  // AlgorithmID
      "\0\0\0\0"         // PartyUInfo
      "\0\0\0\0"         // PartyVInfo
      "\0\0\1\0"sv;      // SuppPubInfo: 256 bits
  // One round of SHA-256 gives all 256 bits.
  base::SecretBytes input(kRound.size() + z.size() + kOtherInfo.size());
  uint8_t* p = input.data();
  std::memcpy(p, kRound.data(), kRound.size());
  if (!z.empty()) std::memcpy(p + kRound.size(), z.data(), z.size());
  std::memcpy(p + kRound.size() + z.size(), kOtherInfo.data(), kOtherInfo.size());

  base::SecretBytes key(32);
  unsigned length = 0;
  // Only memory exhaustion can fail here; a zero key must never leave.
  if (EVP_Digest(input.data(), input.size(), key.data(), &length, EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
  return key;
}

}  // namespace paygate::hsm
