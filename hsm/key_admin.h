// KeyAdmin: makes and describes keys in a token. Linked by the ceremony tool only, never by the
// gateway's processes.
//
// Guarantee: a key is generated inside the token, sensitive, never extractable, token-resident,
// with exactly one usage; its attributes are read back and compared; it is proved by use before
// Generate returns. An existing label is refused (kAlreadyExists): nothing is ever overwritten.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hsm/decrypter.h"
#include "hsm/signer.h"

namespace paygate::hsm {

enum class KeyType : uint8_t { kP256 = 1, kRsa2048 = 2, kRsa3072 = 3, kRsa4096 = 4, kEd25519 = 5 };
// kDecrypt: derive (EC) or decrypt (RSA).
enum class KeyUsage : uint8_t { kSign = 1, kDecrypt = 2 };

base::Result<KeyType> ParseKeyType(std::string_view name);  // "P-256" "RSA-2048" … "Ed25519"
std::string_view Name(KeyType type);
// The one algorithm that a key of this type serves (protocol.md, rule 4).
SignatureAlgorithm SignatureAlgorithmOf(KeyType type);
base::Result<KeyManagement> KeyManagementOf(KeyType type);  // kInvalidArgument for Ed25519

struct KeyInfo {
  std::string label;
  KeyType type;
  KeyUsage usage;
  std::string public_key_der;  // SubjectPublicKeyInfo
};

class KeyAdmin {
 public:
  virtual ~KeyAdmin() = default;
  virtual base::Result<KeyInfo> Generate(const std::string& label, KeyType type,
                                         KeyUsage usage) = 0;
  virtual base::Result<std::vector<KeyInfo>> List() = 0;
  virtual base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) = 0;
  virtual base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) = 0;
};

}  // namespace paygate::hsm
