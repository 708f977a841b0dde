#include "protocol/public_key.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "base/encoding.h"
#include "protocol/internal/openssl.h"
#include "protocol/json.h"

// Grammar. A JWK is one JSON object:
//   {"crv":"P-256","kty":"EC","x":b64u(32),"y":b64u(32)}
//   {"crv":"Ed25519","kty":"OKP","x":b64u(32)}
//   {"e":"AQAB","kty":"RSA","n":b64u(256..512, first octet not zero)}
// A SubjectPublicKeyInfo of P-256 or Ed25519 has one possible encoding: a fixed prefix, then the
// point. That of RSA is rsaEncryption (RFC 3279 section 2.3.1) in DER.
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using std::string_view_literals::operator""sv;

constexpr size_t kCoordinateBytes = 32;
constexpr int kMinRsaBits = 2048, kMaxRsaBits = 4096;
constexpr size_t kMaxSpkiBytes = 1024;
constexpr auto kRsaExponent = "\x01\x00\x01"sv;

// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 0x04 x y } }
constexpr auto kP256Prefix =
    "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    "\x03\x42\x00"sv;
// SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING { point } } (RFC 8410)
constexpr auto kEd25519Prefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv;

Result<KeyPtr> KeyFromParams(const char* type, const OSSL_PARAM* params) {
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                        const_cast<OSSL_PARAM*>(params)) != 1) {
    return Fail(ErrorCode::kMalformed, "not a public key (a point must be on its curve)");
  }
  return KeyPtr(key);
}

// The rest of an EC JWK, whose kty is taken already: 0x04 x y.
Result<std::string> TakeP256Point(JsonObject& jwk) {
  const std::string crv = jwk.TakeString("crv"), x = jwk.TakeString("x"), y = jwk.TakeString("y");
  RETURN_IF_ERROR(jwk.Finish());
  if (crv != "P-256") return Fail(ErrorCode::kUnsupportedAlgorithm, "an EC key is on P-256");
  ASSIGN_OR_RETURN(std::string x_bytes, base::Base64UrlDecode(x));
  ASSIGN_OR_RETURN(std::string y_bytes, base::Base64UrlDecode(y));
  // Each must have its full length: 31 and 33 octets together also make 64.
  if (x_bytes.size() != kCoordinateBytes || y_bytes.size() != kCoordinateBytes) {
    return Fail(ErrorCode::kMalformed, "a P-256 coordinate has 32 octets");
  }
  return "\x04" + x_bytes + y_bytes;
}

// `point`: 0x04 x y.
Result<KeyPtr> P256Key(std::string_view point) {
  if (point.size() != 1 + 2 * kCoordinateBytes || point[0] != 4) {
    return Fail(ErrorCode::kMalformed, "a P-256 key is two coordinates of 32 octets");
  }
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>("P-256"), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()),
                                        point.size()),
      OSSL_PARAM_construct_end()};
  return KeyFromParams("EC", params);
}

Result<KeyPtr> Ed25519Key(std::string_view point) {
  // Under a key of small order one signature fits many messages: its owner could disown them all.
  if (point.size() != kCoordinateBytes || crypto_core_ed25519_is_valid_point(Bytes(point)) != 1) {
    return Fail(ErrorCode::kMalformed, "an Ed25519 key is a point of prime order, 32 octets");
  }
  KeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(point), point.size()));
  if (!key) return Fail(ErrorCode::kInternal, "OpenSSL has no Ed25519");
  return key;
}

base::Status CheckRsa(EVP_PKEY* key) {
  BIGNUM *n = nullptr, *e = nullptr;
  const bool have = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
  const int bits = have ? BN_num_bits(n) : 0;
  const bool shape = have && BN_is_odd(n) && BN_is_word(e, RSA_F4);
  BN_free(n);
  BN_free(e);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "an RSA key has 2048 to 4096 bits");
  }
  if (!shape) return Fail(ErrorCode::kUnsupportedAlgorithm, "an RSA key has e = 65537");
  return {};
}

Result<KeyPtr> RsaKey(std::string_view n) {
  std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  std::unique_ptr<BIGNUM, Deleter<BN_free>> modulus(BN_bin2bn(Bytes(n), n.size(), nullptr));
  std::unique_ptr<BIGNUM, Deleter<BN_free>> exponent(BN_new());
  if (!builder || !modulus || !exponent || BN_set_word(exponent.get(), RSA_F4) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return Fail(ErrorCode::kInternal, "out of memory");
  }
  std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>> params(
      OSSL_PARAM_BLD_to_param(builder.get()));
  ASSIGN_OR_RETURN(KeyPtr key, KeyFromParams("RSA", params.get()));
  RETURN_IF_ERROR(CheckRsa(key.get()));
  return key;
}

Result<KeyPtr> RsaSpki(std::string_view der) {
  const uint8_t* p = Bytes(der);
  KeyPtr key(d2i_PUBKEY(nullptr, &p, der.size()));
  if (!key) return Fail(ErrorCode::kMalformed, "not a SubjectPublicKeyInfo");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "a key is P-256, Ed25519 or RSA");
  }
  if (ToDer(i2d_PUBKEY, key.get()) != der) {
    return Fail(ErrorCode::kMalformed, "a SubjectPublicKeyInfo must be DER, with nothing after it");
  }
  RETURN_IF_ERROR(CheckRsa(key.get()));
  return key;
}

std::string EncodedPoint(EVP_PKEY* key) {
  std::string point(1 + 2 * kCoordinateBytes, '\0');
  size_t length = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, Bytes(point), point.size(),
                                      &length) != 1) {
    return {};
  }
  point.resize(length);
  return point;
}

std::string RsaModulus(EVP_PKEY* key) {
  BIGNUM* n = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1) return {};
  std::string bytes(BN_num_bytes(n), '\0');
  BN_bn2bin(n, Bytes(bytes));
  BN_free(n);
  return bytes;
}

// JWS carries r || s; OpenSSL wants ECDSA-Sig-Value. It checks 0 < r, s < n itself.
std::string EcdsaDer(std::string_view raw) {
  EcdsaSigPtr sig(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(Bytes(raw), kCoordinateBytes, nullptr);
  BIGNUM* s = BN_bin2bn(Bytes(raw) + kCoordinateBytes, kCoordinateBytes, nullptr);
  if (!sig || !r || !s || ECDSA_SIG_set0(sig.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  return ToDer(i2d_ECDSA_SIG, sig.get());
}

}  // namespace

Result<PublicKey> PublicKey::FromJwk(std::string_view json) {
  ASSIGN_OR_RETURN(JsonObject jwk, JsonObject::Parse(json));
  if (!jwk.Has("kty")) return Fail(ErrorCode::kMalformed, "a JWK has a kty");
  const std::string kty = jwk.TakeString("kty");
  Result<KeyPtr> key = Fail(ErrorCode::kUnsupportedAlgorithm, "a JWK's kty is EC, OKP or RSA");
  if (kty == "EC") {
    ASSIGN_OR_RETURN(const std::string point, TakeP256Point(jwk));
    key = P256Key(point);
  } else if (kty == "OKP") {
    const std::string crv = jwk.TakeString("crv"), x = jwk.TakeString("x");
    RETURN_IF_ERROR(jwk.Finish());
    if (crv != "Ed25519") return Fail(ErrorCode::kUnsupportedAlgorithm, "an OKP key is Ed25519");
    ASSIGN_OR_RETURN(std::string x_bytes, base::Base64UrlDecode(x));
    key = Ed25519Key(x_bytes);
  } else if (kty == "RSA") {
    const std::string n = jwk.TakeString("n"), e = jwk.TakeString("e");
    RETURN_IF_ERROR(jwk.Finish());
    ASSIGN_OR_RETURN(std::string n_bytes, base::Base64UrlDecode(n));
    ASSIGN_OR_RETURN(std::string e_bytes, base::Base64UrlDecode(e));
    if (e_bytes != kRsaExponent) {
      return Fail(ErrorCode::kUnsupportedAlgorithm, "an RSA key has e = 65537");
    }
    if (n_bytes.empty() || n_bytes[0] == '\0') {
      return Fail(ErrorCode::kMalformed, "an RSA modulus has no leading zero octet");
    }
    if (n_bytes.size() > kMaxRsaBits / 8) {
      return Fail(ErrorCode::kUnsupportedAlgorithm, "an RSA key has 2048 to 4096 bits");
    }
    key = RsaKey(n_bytes);
  }
  if (!key) return std::unexpected(std::move(key).error());
  return PublicKey(std::shared_ptr<EVP_PKEY>(std::move(*key)));
}

Result<std::string> PublicKey::UncheckedP256Point(std::string_view json) {
  ASSIGN_OR_RETURN(JsonObject jwk, JsonObject::Parse(json));
  if (jwk.TakeString("kty") != "EC") return Fail(ErrorCode::kMalformed, "not an EC key");
  return TakeP256Point(jwk);
}

Result<PublicKey> PublicKey::FromSpki(std::string_view der) {
  if (der.size() > kMaxSpkiBytes) return Fail(ErrorCode::kMalformed, "a public key is too long");
  auto key = der.starts_with(kP256Prefix)      ? P256Key(der.substr(kP256Prefix.size()))
             : der.starts_with(kEd25519Prefix) ? Ed25519Key(der.substr(kEd25519Prefix.size()))
                                               : RsaSpki(der);
  if (!key) return std::unexpected(std::move(key).error());
  return PublicKey(std::shared_ptr<EVP_PKEY>(std::move(*key)));
}

std::string PublicKey::ToJwk() const {
  JsonWriter jwk;
  switch (EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_EC: {
      const std::string point = EncodedPoint(key_.get());
      const std::string_view xy = std::string_view(point).substr(1);
      return jwk.String("crv", "P-256")
          .String("kty", "EC")
          .String("x", base::Base64UrlEncode(xy.substr(0, kCoordinateBytes)))
          .String("y", base::Base64UrlEncode(xy.substr(kCoordinateBytes)))
          .Take();
    }
    case EVP_PKEY_ED25519:
      return jwk.String("crv", "Ed25519")
          .String("kty", "OKP")
          .String("x", base::Base64UrlEncode(EncodedPoint(key_.get())))
          .Take();
    default:
      return jwk.String("e", base::Base64UrlEncode(kRsaExponent))
          .String("kty", "RSA")
          .String("n", base::Base64UrlEncode(RsaModulus(key_.get())))
          .Take();
  }
}

std::string PublicKey::ToSpki() const { return ToDer(i2d_PUBKEY, key_.get()); }

std::optional<hsm::SignatureAlgorithm> PublicKey::signature_algorithm() const {
  switch (EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_EC:
      return hsm::SignatureAlgorithm::kES256;
    case EVP_PKEY_ED25519:
      return hsm::SignatureAlgorithm::kEdDSA;
    default:
      return hsm::SignatureAlgorithm::kPS256;
  }
}

std::optional<hsm::KeyManagement> PublicKey::key_management() const {
  switch (EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_EC:
      return hsm::KeyManagement::kEcdhEs;
    case EVP_PKEY_ED25519:
      return std::nullopt;
    default:
      return hsm::KeyManagement::kRsaOaep256;
  }
}

base::Status PublicKey::Verify(std::string_view message, std::string_view signature) const {
  const int type = EVP_PKEY_get_base_id(key_.get());
  std::string der;
  if (type == EVP_PKEY_EC) {
    if (signature.size() != 2 * kCoordinateBytes) {
      return Fail(ErrorCode::kSignatureInvalid, "an ES256 signature has 64 octets");
    }
    der = EcdsaDer(signature);
    signature = der;
  }
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // owned by `context`
  const char* digest = type == EVP_PKEY_ED25519 ? nullptr : "SHA256";
  bool good = context && EVP_DigestVerifyInit_ex(context.get(), &key_context, digest, nullptr,
                                                 nullptr, key_.get(), nullptr) == 1;
  if (good && type == EVP_PKEY_RSA) {
    good = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(key_context, EVP_sha256()) == 1;
  }
  good = good && EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                                  message.size()) == 1;
  if (!good) return Fail(ErrorCode::kSignatureInvalid, "the signature does not verify");
  return {};
}

bool operator==(const PublicKey& a, const PublicKey& b) {
  return a.key_ == b.key_ || EVP_PKEY_eq(a.key_.get(), b.key_.get()) == 1;
}

}  // namespace paygate::protocol
