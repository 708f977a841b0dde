#include "base/crypto.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/encoding.h"

namespace paygate::base {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

struct FreeDigest {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "paygate: %s; there is no safe way on\n", what);
  std::abort();
}

uint8_t* U8(std::string& s) { return reinterpret_cast<uint8_t*>(s.data()); }
const uint8_t* U8(std::string_view s) { return reinterpret_cast<const uint8_t*>(s.data()); }

// Fetched once for the life of the process: OpenSSL 3 otherwise looks the algorithm up by name at
// each use, which costs more than hashing a small message.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

const EVP_CIPHER* GcmAlgorithm() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

bool Seal(const SecretBytes& key, std::string_view plaintext, std::string_view aad,
          std::string& sealed) {
  CipherContext ctx(EVP_CIPHER_CTX_new());
  const uint8_t* nonce = U8(sealed);
  uint8_t* out = U8(sealed) + kNonceBytes;
  int n = 0;
  return ctx && EVP_EncryptInit_ex2(ctx.get(), GcmAlgorithm(), key.data(), nonce, nullptr) == 1 &&
         EVP_EncryptUpdate(ctx.get(), nullptr, &n, U8(aad), static_cast<int>(aad.size())) == 1 &&
         EVP_EncryptUpdate(ctx.get(), out, &n, U8(plaintext),
                           static_cast<int>(plaintext.size())) == 1 &&
         EVP_EncryptFinal_ex(ctx.get(), out + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                             out + plaintext.size()) == 1;
}

bool Open(const SecretBytes& key, std::string_view sealed, std::string_view aad,
          std::string& plaintext) {
  if (key.size() != kKeyBytes || sealed.size() < kNonceBytes + kTagBytes) return false;
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view body =
      sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  plaintext.resize(body.size());
  CipherContext ctx(EVP_CIPHER_CTX_new());
  int n = 0;
  return ctx &&
         EVP_DecryptInit_ex2(ctx.get(), GcmAlgorithm(), key.data(), U8(nonce), nullptr) == 1 &&
         EVP_DecryptUpdate(ctx.get(), nullptr, &n, U8(aad), static_cast<int>(aad.size())) == 1 &&
         EVP_DecryptUpdate(ctx.get(), U8(plaintext), &n, U8(body),
                           static_cast<int>(body.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(ctx.get(), U8(plaintext) + n, &n) == 1;
}

}  // namespace

std::string RandomBytes(size_t n) {
  std::string bytes(n, '\0');
  if (RAND_bytes_ex(nullptr, U8(bytes), n, 0) != 1) Die("the random number generator failed");
  return bytes;
}

SecretBytes RandomSecret(size_t n) {
  SecretBytes secret(n);
  // The generator of its own that OpenSSL keeps for what stays secret.
  if (n > 0 && RAND_priv_bytes_ex(nullptr, secret.data(), n, 0) != 1) {
    Die("the random number generator failed");
  }
  return secret;
}

std::string Sha256(std::string_view bytes) {
  static thread_local std::unique_ptr<EVP_MD_CTX, FreeDigest> ctx(EVP_MD_CTX_new());
  std::string digest(32, '\0');
  if (!ctx || EVP_DigestInit_ex2(ctx.get(), Sha256Algorithm(), nullptr) != 1 ||
      EVP_DigestUpdate(ctx.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(ctx.get(), U8(digest), nullptr) != 1) {
    Die("SHA-256 failed");
  }
  return digest;
}

std::string Sha256Base64Url(std::string_view bytes) { return Base64UrlEncode(Sha256(bytes)); }

std::string AeadSeal(const SecretBytes& key, std::string_view plaintext, std::string_view aad) {
  if (key.size() != kKeyBytes) Die("a sealing key is not 32 bytes long");
  std::string sealed = RandomBytes(kNonceBytes);
  sealed.resize(kNonceBytes + plaintext.size() + kTagBytes);
  if (!Seal(key, plaintext, aad, sealed)) Die("AES-256-GCM failed");
  return sealed;
}

Result<std::string> AeadOpen(const SecretBytes& key, std::string_view sealed,
                             std::string_view aad) {
  std::string plaintext;
  if (!Open(key, sealed, aad, plaintext)) {
    Cleanse(plaintext.data(), plaintext.size());  // unauthenticated bytes are nobody's
    return Fail(ErrorCode::kDecryptionFailed, "sealed bytes do not open");
  }
  return plaintext;
}

}  // namespace paygate::base
