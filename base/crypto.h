// The two primitives that every room needs, over OpenSSL. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::base {

// n bytes from OpenSSL's DRBG. If the DRBG fails the process aborts: there is no safe way on.
std::string RandomBytes(size_t n);
SecretBytes RandomSecret(size_t n);

std::string Sha256(std::string_view bytes);           // 32 raw bytes
std::string Sha256Base64Url(std::string_view bytes);  // 43 characters: a "digest" of protocol.md

// AES-256-GCM with a random 96-bit nonce in front: nonce || ciphertext || tag. A key seals at most
// 2^32 messages (NIST SP 800-38D, 8.3). Open: one error, kDecryptionFailed, for every cause.
std::string AeadSeal(const SecretBytes& key, std::string_view plaintext, std::string_view aad);
Result<std::string> AeadOpen(const SecretBytes& key, std::string_view sealed, std::string_view aad);

}  // namespace paygate::base
