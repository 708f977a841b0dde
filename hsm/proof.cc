#include "hsm/proof.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

#include "base/crypto.h"
#include "hsm/concat_kdf.h"
#include "hsm/statement.h"

namespace paygate::hsm {
namespace {

using base::ErrorCode;
using base::Fail;
using base::SecretBytes;

template <auto F>
struct Free {
  template <typename T>
  void operator()(T* p) const {
    F(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Key ParsePublicKey(std::string_view der) {
  const unsigned char* at = Octets(der);
  return Key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
}

// OpenSSL wants ECDSA signatures as DER; JOSE and PKCS#11 have r||s.
std::string EcdsaDer(std::string_view rs) {
  if (rs.size() != 64) return {};
  EcdsaSignature signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(Octets(rs), 32, nullptr);
  BIGNUM* s = BN_bin2bn(Octets(rs) + 32, 32, nullptr);
  if (ECDSA_SIG_set0(signature.get(), r, s) != 1) return {};
  unsigned char* der = nullptr;
  int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  return out;
}

class OpenSslVerifier final : public SignatureVerifier {
 public:
  OpenSslVerifier(SignatureAlgorithm algorithm, Key key)
      : algorithm_(algorithm), key_(std::move(key)) {}

  base::Status Verify(std::string_view bytes, std::string_view signature) const override {
    DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* parameters = nullptr;
    const EVP_MD* digest = algorithm_ == SignatureAlgorithm::kEdDSA ? nullptr : EVP_sha256();
    std::string der;
    if (algorithm_ == SignatureAlgorithm::kES256) {
      der = EcdsaDer(signature);
      signature = der;
    }
    if (EVP_DigestVerifyInit(context.get(), &parameters, digest, nullptr, key_.get()) == 1 &&
        (algorithm_ != SignatureAlgorithm::kPS256 ||
         (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32) == 1)) &&
        EVP_DigestVerify(context.get(), Octets(signature), signature.size(), Octets(bytes),
                         bytes.size()) == 1) {
      return {};
    }
    ERR_clear_error();
    return Fail(ErrorCode::kSignatureInvalid, "the signature does not verify");
  }

 private:
  const SignatureAlgorithm algorithm_;
  const Key key_;
};

base::Result<FreshKey> AgreeFreshKey(EVP_PKEY* recipient) {
  Key ephemeral(EVP_EC_gen("P-256"));
  KeyContext context(EVP_PKEY_CTX_new(ephemeral.get(), nullptr));
  unsigned char* point = nullptr;
  size_t point_size = EVP_PKEY_get1_encoded_public_key(ephemeral.get(), &point);
  std::string wrapped(reinterpret_cast<char*>(point), point_size);
  OPENSSL_free(point);
  SecretBytes shared(32);
  size_t size = shared.size();
  if (EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), recipient) != 1 ||
      EVP_PKEY_derive(context.get(), shared.data(), &size) != 1 || size != shared.size()) {
    return Fail(ErrorCode::kInvalidArgument, "the public key does not take part in ECDH on P-256");
  }
  return FreshKey{std::move(wrapped), ConcatKdfA256Gcm(shared)};
}

base::Result<FreshKey> EncryptFreshKey(EVP_PKEY* recipient) {
  FreshKey fresh{{}, base::RandomSecret(32)};
  KeyContext context(EVP_PKEY_CTX_new(recipient, nullptr));
  fresh.wrapped.resize(EVP_PKEY_get_size(recipient));
  size_t size = fresh.wrapped.size();
  if (EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(fresh.wrapped.data()), &size,
                       fresh.key.data(), fresh.key.size()) != 1) {
    return Fail(ErrorCode::kInvalidArgument, "the public key does not encrypt with RSA-OAEP-256");
  }
  return fresh;
}

}  // namespace

base::Status ProveSigner(Signer& signer, std::string_view public_key_der) {
  std::string statement = MakeSelfTest();
  ASSIGN_OR_RETURN(std::string signature, signer.Sign({StatementKind::kSelfTest, statement}));
  if (!VerifySignature(signer.algorithm(), public_key_der, statement, signature)) {
    return Fail(ErrorCode::kInvalidArgument,
                "its signature does not verify with the public key of the same label: private and "
                "public key do not belong together");
  }
  return {};
}

base::Status ProveDecrypter(Decrypter& decrypter, std::string_view public_key_der) {
  ASSIGN_OR_RETURN(FreshKey fresh, WrapFreshKey(decrypter.algorithm(), public_key_der));
  auto unwrapped = decrypter.Unwrap({decrypter.algorithm(), fresh.wrapped});
  if (unwrapped && *unwrapped == fresh.key) return {};
  if (!unwrapped && unwrapped.error().code == ErrorCode::kTokenUnavailable) {
    return std::unexpected(std::move(unwrapped).error());
  }
  return Fail(ErrorCode::kInvalidArgument,
              "it does not decrypt what was encrypted to the public key of the same label: private "
              "and public key do not belong together, or the token lacks the mechanism");
}

base::Status VerifySignature(SignatureAlgorithm algorithm, std::string_view public_key_der,
                             std::string_view bytes, std::string_view signature) {
  auto verifier = SignatureVerifier::Create(algorithm, public_key_der);
  if (verifier) return (*verifier)->Verify(bytes, signature);
  return Fail(ErrorCode::kSignatureInvalid, verifier.error().message);
}

base::Result<std::unique_ptr<SignatureVerifier>> SignatureVerifier::Create(
    SignatureAlgorithm algorithm, std::string_view public_key_der) {
  Key key = ParsePublicKey(public_key_der);
  if (key == nullptr) return Fail(ErrorCode::kInvalidArgument, "the public key does not parse");
  return std::make_unique<OpenSslVerifier>(algorithm, std::move(key));
}

base::Result<FreshKey> WrapFreshKey(KeyManagement algorithm, std::string_view public_key_der) {
  Key key = ParsePublicKey(public_key_der);
  if (key == nullptr) return Fail(ErrorCode::kInvalidArgument, "the public key does not parse");
  return algorithm == KeyManagement::kEcdhEs ? AgreeFreshKey(key.get())
                                             : EncryptFreshKey(key.get());
}

}  // namespace paygate::hsm
