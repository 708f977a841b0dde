#include "bank/adapters/iso20022/signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kAlgorithm = "ecdsa-p256-sha256 ";
constexpr size_t kMaxHeaderBytes = 256;

EVP_PKEY* Pkey(const std::shared_ptr<void>& key) { return static_cast<EVP_PKEY*>(key.get()); }

std::shared_ptr<void> Own(EVP_PKEY* key) {
  return {key, [](void* k) { EVP_PKEY_free(static_cast<EVP_PKEY*>(k)); }};
}

// Empty unless the key is P-256.
std::string KeyId(EVP_PKEY* key) {
  char group[32] = {};
  if (!key || !EVP_PKEY_is_a(key, "EC") ||
      EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1 ||
      std::string_view(group) != "prime256v1")
    return "";
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return "";
  std::string id = base::Sha256Base64Url({reinterpret_cast<char*>(der), size_t(size)});
  OPENSSL_free(der);
  return id;
}

int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

base::Result<SigningKey> SigningKey::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const base::SecretBytes pem, base::ReadSecretFile(path, 16384));
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, NoPassphrase, nullptr);
  BIO_free(bio);
  SigningKey signing;
  signing.key_ = Own(key);
  signing.id_ = KeyId(key);
  if (signing.id_.empty())
    return Fail(ErrorCode::kInvalidArgument,
                path +
                    " holds no P-256 private key in PEM; make one with: "
                    "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  return signing;
}

std::string SigningKey::Sign(std::string_view bytes) const {
  unsigned char der[80];
  size_t size = sizeof der;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool done =
      context && EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, Pkey(key_)) == 1 &&
      EVP_DigestSign(context, der, &size, reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1;
  EVP_MD_CTX_free(context);
  if (!done) std::abort();  // out of memory, or no random numbers: there is no safe way on
  return std::string(kAlgorithm) + id_ + " " +
         base::Base64UrlEncode({reinterpret_cast<char*>(der), size});
}

base::Result<VerifyingKey> VerifyingKey::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(path, 65536));
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = nullptr;
  if (pem.find("BEGIN CERTIFICATE") != pem.npos) {
    X509* certificate = PEM_read_bio_X509(bio, nullptr, NoPassphrase, nullptr);
    if (certificate) key = X509_get_pubkey(certificate);
    X509_free(certificate);
  } else {
    key = PEM_read_bio_PUBKEY(bio, nullptr, NoPassphrase, nullptr);
  }
  BIO_free(bio);
  VerifyingKey verifying;
  verifying.key_ = Own(key);
  verifying.id_ = KeyId(key);
  if (verifying.id_.empty())
    return Fail(ErrorCode::kInvalidArgument,
                path + " holds no P-256 public key or certificate in PEM");
  return verifying;
}

bool VerifyingKey::Verify(std::string_view header, std::string_view bytes) const {
  if (header.size() > kMaxHeaderBytes || !header.starts_with(kAlgorithm)) return false;
  header.remove_prefix(kAlgorithm.size());
  if (!header.starts_with(id_ + " ")) return false;
  header.remove_prefix(id_.size() + 1);
  const auto der = base::Base64UrlDecode(header);
  if (!der) return false;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good =
      context && EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, Pkey(key_)) == 1 &&
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(der->data()), der->size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

}  // namespace paygate::bank::iso20022
