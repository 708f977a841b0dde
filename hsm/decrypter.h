// Decrypter: recovers a content encryption key with one private key that never leaves its place.
//
// Guarantee: one indistinguishable error, kDecryptionFailed, for any bad ciphertext, whatever was
// wrong with it and as far as can be in the same time (Manger; RFC 7516 section 11.5). The shared
// secret of ECDH stays where the key is: Concat KDF (NIST SP 800-56A, RFC 7518 section 4.6) runs
// there, with AlgorithmID "A256GCM" and empty PartyUInfo and PartyVInfo. Blocking; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::hsm {

enum class KeyManagement : uint8_t { kEcdhEs = 1, kRsaOaep256 = 2 };  // RFC 7518 section 4

std::string_view JoseName(KeyManagement algorithm);  // "ECDH-ES", "RSA-OAEP-256"

// The key-management part of a JWE's header.
struct WrappedKey {
  KeyManagement algorithm;
  // kEcdhEs: the ephemeral public key as an uncompressed P-256 point (65 bytes, 0x04 x y), checked
  // by the implementation to be on the curve. kRsaOaep256: the encrypted key.
  std::string_view bytes;
};

class Decrypter {
 public:
  virtual ~Decrypter() = default;
  virtual KeyManagement algorithm() const = 0;
  // The 32-byte content encryption key for A256GCM.
  virtual base::Result<base::SecretBytes> Unwrap(WrappedKey wrapped) = 0;
};

}  // namespace paygate::hsm
