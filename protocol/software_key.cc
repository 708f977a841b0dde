#include "protocol/software_key.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>

#include "hsm/concat_kdf.h"
#include "protocol/internal/openssl.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>>;
using SigPtr = std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

// OpenSSL bounds scrypt to 32 MiB unless told otherwise, and its readers are not told: N = 2^14
// with p = 5 is the strongest of the equivalent settings (RFC 7914, OWASP) under that bound.
constexpr uint64_t kScryptN = 1 << 14, kScryptR = 8, kScryptP = 5;
constexpr size_t kMaxPemBytes = 64u << 10;
constexpr size_t kCekBytes = 32;

auto DecryptionFailed() { return Fail(ErrorCode::kDecryptionFailed, "the JWE does not decrypt"); }

class SoftwareSigner final : public hsm::Signer {
 public:
  SoftwareSigner(SharedKey key, hsm::SignatureAlgorithm algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}
  hsm::SignatureAlgorithm algorithm() const override { return algorithm_; }

  Result<std::string> Sign(hsm::Statement statement) override {
    DigestContextPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* key_context = nullptr;  // owned by `context`
    const bool eddsa = algorithm_ == hsm::SignatureAlgorithm::kEdDSA;
    bool good =
        context && EVP_DigestSignInit_ex(context.get(), &key_context, eddsa ? nullptr : "SHA256",
                                         nullptr, nullptr, key_.get(), nullptr) == 1;
    if (good && algorithm_ == hsm::SignatureAlgorithm::kPS256) {
      good = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    std::string signature(EVP_PKEY_get_size(key_.get()), '\0');
    size_t length = signature.size();
    good = good && EVP_DigestSign(context.get(), Bytes(signature), &length, Bytes(statement.bytes),
                                  statement.bytes.size()) == 1;
    if (!good) return Fail(ErrorCode::kInternal, "OpenSSL could not sign");
    signature.resize(length);
    return algorithm_ == hsm::SignatureAlgorithm::kES256 ? RawEcdsa(signature) : signature;
  }

 private:
  static Result<std::string> RawEcdsa(const std::string& der) {
    const uint8_t* p = Bytes(std::string_view(der));
    EcdsaSigPtr sig(d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(der.size())));
    std::string raw(64, '\0');
    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), Bytes(raw), 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), Bytes(raw) + 32, 32) != 32) {
      return Fail(ErrorCode::kInternal, "OpenSSL made no ECDSA signature");
    }
    return raw;
  }

  const SharedKey key_;
  const hsm::SignatureAlgorithm algorithm_;
};

class SoftwareDecrypter final : public hsm::Decrypter {
 public:
  SoftwareDecrypter(SharedKey key, hsm::KeyManagement algorithm)
      : key_(std::move(key)), algorithm_(algorithm) {}
  hsm::KeyManagement algorithm() const override { return algorithm_; }

  Result<SecretBytes> Unwrap(hsm::WrappedKey wrapped) override {
    if (wrapped.algorithm != algorithm_) return DecryptionFailed();
    auto cek =
        algorithm_ == hsm::KeyManagement::kEcdhEs ? Agree(wrapped.bytes) : Decrypt(wrapped.bytes);
    ERR_clear_error();
    return cek;
  }

 private:
  Result<SecretBytes> Agree(std::string_view point) const {
    KeyPtr peer(EVP_PKEY_new());
    // Uncompressed only; OpenSSL refuses what is not on the curve.
    if (point.size() != 65 || point[0] != 4 || !peer ||
        EVP_PKEY_copy_parameters(peer.get(), key_.get()) != 1 ||
        EVP_PKEY_set1_encoded_public_key(peer.get(), Bytes(point), point.size()) != 1) {
      return DecryptionFailed();
    }
    KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    SecretBytes z(32);
    size_t length = z.size();
    if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
        EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
        EVP_PKEY_derive(context.get(), z.data(), &length) != 1 || length != z.size()) {
      return DecryptionFailed();
    }
    return hsm::ConcatKdfA256Gcm(z);
  }

  Result<SecretBytes> Decrypt(std::string_view encrypted) const {
    KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    SecretBytes cek(EVP_PKEY_get_size(key_.get()));
    size_t length = cek.size();
    if (!context || EVP_PKEY_decrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
        encrypted.size() != cek.size() ||
        EVP_PKEY_decrypt(context.get(), cek.data(), &length, Bytes(encrypted), encrypted.size()) !=
            1 ||
        length != kCekBytes) {
      return DecryptionFailed();
    }
    cek.Truncate(length);
    return cek;
  }

  const SharedKey key_;
  const hsm::KeyManagement algorithm_;
};

EVP_PKEY* GenerateKey(hsm::KeyType type) {
  switch (type) {
    case hsm::KeyType::kP256:
      return EVP_EC_gen("P-256");
    case hsm::KeyType::kRsa2048:
      return EVP_RSA_gen(2048);
    case hsm::KeyType::kRsa3072:
      return EVP_RSA_gen(3072);
    case hsm::KeyType::kRsa4096:
      return EVP_RSA_gen(4096);
    case hsm::KeyType::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

}  // namespace

Result<SoftwareKey> SoftwareKey::Wrap(SharedKey key, hsm::KeyUsage usage) {
  ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromSpki(ToDer(i2d_PUBKEY, key.get())));
  if (usage == hsm::KeyUsage::kDecrypt && !public_key.key_management()) {
    return Fail(ErrorCode::kInvalidArgument, "an Ed25519 key cannot decrypt: use P-256 or RSA");
  }
  return SoftwareKey(std::move(key), std::move(public_key), usage);
}

Result<SoftwareKey> SoftwareKey::Generate(hsm::KeyType type, hsm::KeyUsage usage) {
  KeyPtr key(GenerateKey(type));
  if (!key) return Fail(ErrorCode::kInternal, "OpenSSL could not generate a key");
  return Wrap(std::move(key), usage);
}

Result<SoftwareKey> SoftwareKey::FromPkcs8(std::string_view pem, const SecretBytes& passphrase,
                                           hsm::KeyUsage usage) {
  if (pem.size() > kMaxPemBytes) return Fail(ErrorCode::kMalformed, "too long for a key file");
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SigPtr sealed(bio ? PEM_read_bio_PKCS8(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!sealed) {
    ERR_clear_error();
    return Fail(ErrorCode::kMalformed, "no -----BEGIN ENCRYPTED PRIVATE KEY----- in the key file");
  }
  Pkcs8Ptr plain(PKCS8_decrypt(sealed.get(), reinterpret_cast<const char*>(passphrase.data()),
                               static_cast<int>(passphrase.size())));
  KeyPtr key(plain ? EVP_PKCS82PKEY(plain.get()) : nullptr);
  ERR_clear_error();
  if (!key) return Fail(ErrorCode::kPermissionDenied, "the passphrase does not open the key file");
  return Wrap(std::move(key), usage);
}

Result<SoftwareKey> SoftwareKey::FromPlainPkcs8(const SecretBytes& pem, hsm::KeyUsage usage) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Pkcs8Ptr plain(bio ? PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio.get(), nullptr, nullptr, nullptr)
                     : nullptr);
  KeyPtr key(plain ? EVP_PKCS82PKEY(plain.get()) : nullptr);
  ERR_clear_error();
  if (!key) return Fail(ErrorCode::kMalformed, "no -----BEGIN PRIVATE KEY----- in the key file");
  return Wrap(std::move(key), usage);
}

Result<std::string> SoftwareKey::ToPkcs8(const SecretBytes& passphrase) const {
  if (passphrase.empty()) return Fail(ErrorCode::kInvalidArgument, "a key file needs a passphrase");
  Pkcs8Ptr plain(EVP_PKEY2PKCS8(key_.get()));
  std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>> pbes2(
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 32, nullptr, kScryptN, kScryptR, kScryptP));
  SigPtr sealed(plain && pbes2
                    ? PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                                     static_cast<int>(passphrase.size()), plain.get(), pbes2.get())
                    : nullptr);
  if (sealed) pbes2.release();  // now owned by `sealed`
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!sealed || !bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return Fail(ErrorCode::kInternal, "OpenSSL could not encrypt the key");
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, length);
}

Result<std::unique_ptr<hsm::Signer>> SoftwareKey::AsSigner() const {
  const auto algorithm = public_key_.signature_algorithm();
  if (usage_ != hsm::KeyUsage::kSign || !algorithm) {
    return Fail(ErrorCode::kInvalidArgument, "this key is for decryption");
  }
  return std::make_unique<SoftwareSigner>(key_, *algorithm);
}

Result<std::unique_ptr<hsm::Decrypter>> SoftwareKey::AsDecrypter() const {
  const auto algorithm = public_key_.key_management();
  if (usage_ != hsm::KeyUsage::kDecrypt || !algorithm) {
    return Fail(ErrorCode::kInvalidArgument, "this key is for signatures");
  }
  return std::make_unique<SoftwareDecrypter>(key_, *algorithm);
}

}  // namespace paygate::protocol
