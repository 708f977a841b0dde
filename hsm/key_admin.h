// KeyAdmin: makes and describes keys in a token. Linked by the ceremony tool only, never by the
// gateway's processes.
//
// Guarantee: a key is generated inside the token, sensitive, never extractable, token-resident,
// with exactly one usage; its attributes are read back and compared; it is proved by use before
// Generate returns. An existing label is refused (kAlreadyExists): nothing is ever overwritten.
// The one exception is said at a key's birth: an exportable key may leave the token, wrapped
// (NIST SP 800-38F, AES-256 KWP), until it is closed for good. Blocking; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
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

struct KeyOptions {
  std::string id;           // CKA_ID, at most 64 bytes; empty: drawn
  // Until CloseExport; the label must be among the location's backed_up_keys.
  bool exportable = false;
};

// What the token says of a key, by the names of PKCS#11 ("CKA_SENSITIVE").
struct KeyDescription {
  KeyInfo info;
  std::string id;  // CKA_ID
  std::vector<std::pair<std::string, bool>> attributes;
};

struct TokenDescription {
  std::string label, manufacturer, model, serial;  // without the padding
  std::string hardware_version, firmware_version;  // "2.6"
  std::string library, library_version;            // of the module
};

class KeyAdmin {
 public:
  virtual ~KeyAdmin() = default;
  virtual base::Result<TokenDescription> DescribeToken() = 0;
  virtual base::Result<KeyInfo> Generate(const std::string& label, KeyType type, KeyUsage usage,
                                         const KeyOptions& options) = 0;
  base::Result<KeyInfo> Generate(const std::string& label, KeyType type, KeyUsage usage) {
    return Generate(label, type, usage, {});
  }
  // The usable keys; Labels has those of all private keys, whatever they are.
  virtual base::Result<std::vector<KeyInfo>> List() = 0;
  virtual base::Result<std::vector<std::string>> Labels() = 0;
  // Checked, proved by use, and read back. kNotFound; kInvalidArgument with what is to be mended.
  virtual base::Result<KeyDescription> Describe(const std::string& label) = 0;
  // Destroys both halves, if the public key is this one (kInvalidArgument otherwise), and looks
  // again: kInternal if the token still has an object of the label or of the key's CKA_ID.
  virtual base::Status Destroy(const std::string& label, std::string_view public_key_der) = 0;
  // An exportable key under a 32-byte AES key that is in the token for this one call.
  virtual base::Result<std::string> ExportWrapped(const std::string& label,
                                                  const base::SecretBytes& wrapping_key) = 0;
  // Makes the key not extractable, which a token never takes back, and looks whether it now is.
  // Fine for one that is so already.
  virtual base::Status CloseExport(const std::string& label) = 0;
  // The reverse, into this token; proved by use against the public key. kAlreadyExists;
  // kDecryptionFailed when wrapped bytes and wrapping key do not fit.
  virtual base::Result<KeyInfo> ImportWrapped(const KeyInfo& key, std::string_view wrapped,
                                              const base::SecretBytes& wrapping_key) = 0;
  virtual base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) = 0;
  virtual base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) = 0;
};

}  // namespace paygate::hsm
