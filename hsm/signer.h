// Signer: signs with one private key that never leaves where it lives (token, or a wallet's file).
//
// Guarantee: a signature under this key says only what a typed statement says. The kind is checked
// where the key lives: a kJws statement must be a JWS signing input with a `typ` of protocol.md, a
// kCertificate one a DER TBSCertificate, and so on; a key signs only the kinds it was made for.
// Blocking; thread-safe. Errors: kTokenUnavailable (try later), kInvalidArgument (kind and key or
// bytes do not fit), kOverloaded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::hsm {

enum class SignatureAlgorithm : uint8_t { kES256 = 1, kPS256 = 2, kEdDSA = 3 };  // RFC 7518, 8037

// The JOSE name: "ES256", "PS256", "EdDSA".
std::string_view JoseName(SignatureAlgorithm algorithm);

enum class StatementKind : uint8_t {
  kJws = 1,          // ASCII(BASE64URL(header) . BASE64URL(payload)), RFC 7515 section 5.1
  kCertificate = 2,  // DER TBSCertificate, RFC 5280
  kCrl = 3,          // DER TBSCertList
  kOcsp = 4,         // DER ResponseData, RFC 6960
  kCheckpoint = 6,   // the text of a C2SP tlog-checkpoint (audit/checkpoint.h)
  kBatchRoot = 7,    // the root of a batch of JWS signing inputs (protocol/batch_signature.h)
  kSelfTest = 5,     // "paygate self-test\0" and 32 random bytes: can be nothing else
};

struct Statement {
  StatementKind kind;
  std::string_view bytes;
};

class Signer {
 public:
  virtual ~Signer() = default;
  virtual SignatureAlgorithm algorithm() const = 0;
  // The signature as JWS wants it: ES256 r||s (64 bytes), PS256 the modulus' length, EdDSA 64.
  virtual base::Result<std::string> Sign(Statement statement) = 0;
  // Several in one trip to the key; all or an error.
  virtual base::Result<std::vector<std::string>> SignAll(std::span<const Statement> statements);
};

}  // namespace paygate::hsm
