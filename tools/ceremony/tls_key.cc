#include "tools/ceremony/tls_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/file.h"

namespace paygate::tools::ceremony {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};

}  // namespace

base::Result<TlsKey> MakeTlsKey() {
  const auto failed = [] {
    return base::Fail(base::ErrorCode::kInternal, "OpenSSL could not make a TLS key");
  };
  std::unique_ptr<EVP_PKEY, Free> key(EVP_EC_gen("P-256"));
  std::unique_ptr<BIO, Free> pem(BIO_new(BIO_s_secmem()));
  unsigned char* spki = nullptr;
  const int spki_size = key ? i2d_PUBKEY(key.get(), &spki) : -1;
  if (!pem || spki_size <= 0 ||
      PEM_write_bio_PKCS8PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return failed();
  }
  const std::string der(reinterpret_cast<char*>(spki), spki_size);
  OPENSSL_free(spki);
  ASSIGN_OR_RETURN(auto public_key, protocol::PublicKey::FromSpki(der));
  char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  if (size <= 0) return failed();
  return TlsKey{.pkcs8_pem = base::SecretBytes::CopyOf({text, static_cast<size_t>(size)}),
                .public_key = std::move(public_key)};
}

base::Result<protocol::PublicKey> ReadTlsKey(const std::string& path) {
  ASSIGN_OR_RETURN(base::SecretBytes pem, base::ReadSecretFile(path, 1u << 16));
  std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  unsigned char* spki = nullptr;
  const int size = key ? i2d_PUBKEY(key.get(), &spki) : -1;
  if (size <= 0) {
    return base::Fail(base::ErrorCode::kMalformed,
                      path + " holds no whole private key: remove it, and resume");
  }
  const std::string der(reinterpret_cast<char*>(spki), size);
  OPENSSL_free(spki);
  return protocol::PublicKey::FromSpki(der);
}

}  // namespace paygate::tools::ceremony
