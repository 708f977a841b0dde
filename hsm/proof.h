// Proof by use: a key is believed only after it has done what it is for, checked by OpenSSL with
// the public key that is said to belong to it. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "hsm/signer.h"

namespace paygate::hsm {

// Signs a self-test statement and verifies it. kInvalidArgument when the signature does not verify.
base::Status ProveSigner(Signer& signer, std::string_view public_key_der);

// Wraps a fresh key to the public key, has it unwrapped, and compares.
base::Status ProveDecrypter(Decrypter& decrypter, std::string_view public_key_der);

// kSignatureInvalid unless `signature` (in the form of hsm/signer.h) is one over `bytes`.
base::Status VerifySignature(SignatureAlgorithm algorithm, std::string_view public_key_der,
                             std::string_view bytes, std::string_view signature);

// VerifySignature for a key that is used often: parsed once.
class SignatureVerifier {
 public:
  // kInvalidArgument when the public key does not parse.
  static base::Result<std::unique_ptr<SignatureVerifier>> Create(SignatureAlgorithm algorithm,
                                                                 std::string_view public_key_der);
  virtual ~SignatureVerifier() = default;
  virtual base::Status Verify(std::string_view bytes, std::string_view signature) const = 0;
};

// The sender's half of Decrypter: what a JWE would carry, and the content encryption key.
struct FreshKey {
  std::string wrapped;  // as WrappedKey::bytes
  base::SecretBytes key;
};
base::Result<FreshKey> WrapFreshKey(KeyManagement algorithm, std::string_view public_key_der);

}  // namespace paygate::hsm
