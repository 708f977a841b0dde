// JWE compact serialisation (RFC 7516) as protocol.md uses it: e_X(M), one recipient, A256GCM.
//
// ParseJwe checks form and header (members exactly `alg enc`, `epk` with ECDH-ES, `x5t#S256` where
// the receiver expects one, at most one of `r1 r3 r5 handshake`, and perhaps `accept`); OpenJwe
// unwraps and decrypts, with one error, kDecryptionFailed, for every cause after a well-formed
// header. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "protocol/jws.h"
#include "protocol/public_key.h"

namespace paygate::protocol {

// The one extra header member a message carries (protocol.md sections 5 to 7), and which signature
// forms its sender takes: `accept` of docs/protocol/batch-signatures.md.
struct JweExtra {
  std::string name;   // "" or "r1" "r3" "r5" "handshake"
  std::string value;  // nonces: 22 base64url characters; handshake: opaque, <= kMaxHandshakeChars
  JwsForms accept = JwsForms::kSingle;  // kSingleOrBatch: "accept":"mjws"
};
constexpr size_t kMaxHandshakeChars = 1024;

struct ParsedJwe {
  hsm::KeyManagement algorithm;
  std::string x5t_s256;     // base64url; empty if the header had none
  JweExtra extra;
  std::string wrapped_key;  // as hsm::WrappedKey::bytes: EC point, or the encrypted key
  std::string header_b64;   // the AAD
  std::string iv, ciphertext, tag;
};

base::Result<ParsedJwe> ParseJwe(std::string_view compact);
base::Result<std::string> OpenJwe(const ParsedJwe& jwe, hsm::Decrypter& key);

// A fresh content encryption key, and what its recipient's Decrypter needs to have it too
// (hsm::WrappedKey::bytes). Also wraps the gateway's storage keys.
struct ContentKey {
  base::SecretBytes key;  // 32 bytes
  std::string wrapped;
};
base::Result<ContentKey> NewContentKey(const PublicKey& recipient);

// Encrypts to `recipient`; `x5t_s256` is left out of the header if empty.
base::Result<std::string> SealJwe(const PublicKey& recipient, std::string_view x5t_s256,
                                  const JweExtra& extra, std::string_view payload);
// The same with a content key that was made ahead for this recipient, and is used for one message.
base::Result<std::string> SealJweUnder(ContentKey key, const PublicKey& recipient,
                                       std::string_view x5t_s256, const JweExtra& extra,
                                       std::string_view payload);

}  // namespace paygate::protocol
