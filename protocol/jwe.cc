#include "protocol/jwe.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "hsm/concat_kdf.h"
#include "protocol/internal/compact.h"
#include "protocol/internal/jwe_header.h"
#include "protocol/internal/openssl.h"
#include "protocol/json.h"
#include "protocol/values.h"

// Grammar (RFC 7516 section 7.1):
//   JWE    = b64u(header) "." b64u(encrypted key) "." b64u(iv) "." b64u(ciphertext) "." b64u(tag)
//   header = {"alg":"ECDH-ES","enc":"A256GCM","epk":{"crv":"P-256","kty":"EC","x":X,"y":Y} more}
//          | {"alg":"RSA-OAEP-256","enc":"A256GCM" more}
//   more   = perhaps "x5t#S256":b64u(32), and perhaps one of "r1" "r3" "r5" "handshake",
//            and perhaps "accept":"mjws"
//   iv has 12 octets, tag 16; the encrypted key is empty with ECDH-ES; the ciphertext never is.
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;

constexpr size_t kCekBytes = 32, kIvBytes = 12, kTagBytes = 16;
constexpr size_t kMinRsaBytes = 256, kMaxRsaBytes = 512;
constexpr std::string_view kExtraNames[] = {"r1", "r3", "r5", "handshake"};
constexpr std::string_view kAccept = "accept", kBatchForm = "mjws";

auto Malformed(std::string why) { return Fail(ErrorCode::kMalformed, std::move(why)); }

const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

// What the gateway made and alone understands; any visible characters.
bool IsOpaque(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHandshakeChars &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

base::Status ReadExtra(JsonObject& header, JweExtra& out) {
  for (std::string_view name : kExtraNames) {
    if (!header.Has(name)) continue;
    if (!out.name.empty()) return Malformed("a JWE header has at most one of r1 r3 r5 handshake");
    out.name = name;
    out.value = header.TakeString(name);
    if (name == "handshake" ? !IsOpaque(out.value) : !IsNonce(out.value)) {
      return Malformed("the JWE header's " + out.name + " has another form");
    }
  }
  if (!header.Has(kAccept)) return {};
  if (header.TakeString(kAccept) != kBatchForm) return Malformed("accept names an unknown form");
  out.accept = JwsForms::kSingleOrBatch;
  return {};
}

Result<std::string> UncompressedPoint(EVP_PKEY* key) {
  std::string point(65, '\0');
  size_t length = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, Bytes(point), point.size(),
                                      &length) != 1 ||
      length != point.size() || point[0] != 4) {
    return Fail(ErrorCode::kInternal, "OpenSSL gives no uncompressed P-256 point");
  }
  return point;
}

// Generating through one context for each thread spares building the curve anew for each message.
KeyPtr NewEphemeralKey() {
  thread_local const KeyContextPtr context = [] {
    KeyContextPtr made(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    const bool good = made && EVP_PKEY_keygen_init(made.get()) == 1 &&
                      EVP_PKEY_CTX_set_group_name(made.get(), "P-256") == 1;
    return good ? std::move(made) : nullptr;
  }();
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_generate(context.get(), &key) != 1) return nullptr;
  return KeyPtr(key);
}

base::Status ReadHeader(const JweHeaderPolicy& policy, std::string_view header_b64,
                        ParsedJwe& out) {
  if (header_b64.size() > kMaxJoseHeaderChars) return Malformed("the JWE header is too long");
  ASSIGN_OR_RETURN(const std::string text, base::Base64UrlDecode(header_b64));
  ASSIGN_OR_RETURN(JsonObject header, JsonObject::Parse(text));
  const std::string alg = header.TakeString("alg"), enc = header.TakeString("enc");
  const bool has_epk = header.Has("epk");
  const std::string epk = has_epk ? header.TakeRaw("epk") : "";
  const auto x5t = header.TakeOptionalString("x5t#S256");
  const std::string typ = policy.typ.empty() ? "" : header.TakeString("typ");
  const std::string cty = policy.cty.empty() ? "" : header.TakeString("cty");
  RETURN_IF_ERROR(ReadExtra(header, out.extra));
  RETURN_IF_ERROR(header.Finish());

  const bool ecdh = alg == hsm::JoseName(hsm::KeyManagement::kEcdhEs);
  if (!ecdh && alg != hsm::JoseName(hsm::KeyManagement::kRsaOaep256)) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "a JWE's alg is ECDH-ES or RSA-OAEP-256");
  }
  if (enc != "A256GCM") return Fail(ErrorCode::kUnsupportedAlgorithm, "a JWE's enc is A256GCM");
  if (typ != policy.typ || cty != policy.cty) return Malformed("the JWE is of another type");
  if (ecdh != has_epk) return Malformed("an epk belongs to ECDH-ES, and to no other alg");
  if (x5t && !IsDigest(*x5t)) return Malformed("x5t#S256 is no SHA-256 digest");
  out.algorithm = ecdh ? hsm::KeyManagement::kEcdhEs : hsm::KeyManagement::kRsaOaep256;
  out.x5t_s256 = x5t.value_or("");
  if (ecdh) {
    ASSIGN_OR_RETURN(out.wrapped_key, PublicKey::UncheckedP256Point(epk));
  }
  return {};
}

bool GcmOpen(const SecretBytes& cek, const ParsedJwe& jwe, std::string& plain) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  plain.resize(jwe.ciphertext.size());
  int length = 0;
  std::string tag = jwe.tag;
  return context && cek.size() == kCekBytes && jwe.iv.size() == kIvBytes &&
         tag.size() == kTagBytes &&
         EVP_DecryptInit_ex2(context.get(), Aes256Gcm(), cek.data(), Bytes(jwe.iv), nullptr) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &length, Bytes(jwe.header_b64),
                           static_cast<int>(jwe.header_b64.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), Bytes(plain), &length, Bytes(jwe.ciphertext),
                           static_cast<int>(jwe.ciphertext.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), Bytes(plain), &length) == 1;
}

bool GcmSeal(const SecretBytes& cek, std::string_view plain, ParsedJwe& jwe) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  jwe.iv = base::RandomBytes(kIvBytes);
  jwe.ciphertext.resize(plain.size());
  jwe.tag.resize(kTagBytes);
  int length = 0;
  return context &&
         EVP_EncryptInit_ex2(context.get(), Aes256Gcm(), cek.data(), Bytes(jwe.iv), nullptr) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &length, Bytes(jwe.header_b64),
                           static_cast<int>(jwe.header_b64.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), Bytes(jwe.ciphertext), &length, Bytes(plain),
                           static_cast<int>(plain.size())) == 1 &&
         EVP_EncryptFinal_ex(context.get(), Bytes(jwe.ciphertext), &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, jwe.tag.data()) == 1;
}

Result<ContentKey> Agree(const PublicKey& recipient) {
  const KeyPtr ephemeral = NewEphemeralKey();
  KeyContextPtr context(ephemeral ? EVP_PKEY_CTX_new_from_pkey(nullptr, ephemeral.get(), nullptr)
                                  : nullptr);
  SecretBytes z(32);
  size_t length = z.size();
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      // The recipient's point was checked when its key was parsed.
      EVP_PKEY_derive_set_peer_ex(context.get(), recipient.get(), /*validate_peer=*/0) != 1 ||
      EVP_PKEY_derive(context.get(), z.data(), &length) != 1 || length != z.size()) {
    return Fail(ErrorCode::kInternal, "OpenSSL could not agree on a key");
  }
  ASSIGN_OR_RETURN(std::string point, UncompressedPoint(ephemeral.get()));
  return ContentKey{.key = hsm::ConcatKdfA256Gcm(z), .wrapped = std::move(point)};
}

Result<ContentKey> Encrypt(const PublicKey& recipient) {
  ContentKey made{.key = base::RandomSecret(kCekBytes), .wrapped = {}};
  KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, recipient.get(), nullptr));
  made.wrapped.resize(EVP_PKEY_get_size(recipient.get()));
  size_t length = made.wrapped.size();
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_encrypt(context.get(), Bytes(made.wrapped), &length, made.key.data(),
                       made.key.size()) != 1 ||
      length != made.wrapped.size()) {
    return Fail(ErrorCode::kInternal, "OpenSSL could not encrypt a key");
  }
  return made;
}

std::string EpkJson(std::string_view point) {
  JsonWriter epk;
  epk.String("crv", "P-256").String("kty", "EC");
  epk.String("x", base::Base64UrlEncode(point.substr(1, 32)));
  epk.String("y", base::Base64UrlEncode(point.substr(33, 32)));
  return epk.Take();
}

}  // namespace

Result<ParsedJwe> ParseJweUnder(const JweHeaderPolicy& policy, std::string_view compact) {
  if (compact.size() > kMaxJweChars) return Malformed("the JWE is too long");
  const auto parts = SplitCompact<5>(compact);
  if (!parts) return Malformed("a JWE has five parts");
  ParsedJwe jwe;
  RETURN_IF_ERROR(ReadHeader(policy, (*parts)[0], jwe));
  jwe.header_b64 = (*parts)[0];
  ASSIGN_OR_RETURN(std::string encrypted_key, base::Base64UrlDecode((*parts)[1]));
  ASSIGN_OR_RETURN(jwe.iv, base::Base64UrlDecode((*parts)[2]));
  ASSIGN_OR_RETURN(jwe.ciphertext, base::Base64UrlDecode((*parts)[3]));
  ASSIGN_OR_RETURN(jwe.tag, base::Base64UrlDecode((*parts)[4]));
  if (jwe.algorithm == hsm::KeyManagement::kEcdhEs) {
    if (!encrypted_key.empty()) return Malformed("ECDH-ES leaves the encrypted key empty");
  } else {
    if (encrypted_key.size() < kMinRsaBytes || encrypted_key.size() > kMaxRsaBytes) {
      return Malformed("the encrypted key has no RSA key's length");
    }
    jwe.wrapped_key = std::move(encrypted_key);
  }
  if (jwe.iv.size() != kIvBytes) return Malformed("an A256GCM iv has 12 octets");
  if (jwe.tag.size() != kTagBytes) return Malformed("an A256GCM tag has 16 octets");
  if (jwe.ciphertext.empty()) return Malformed("the ciphertext is empty");
  return jwe;
}

Result<ParsedJwe> ParseJwe(std::string_view compact) { return ParseJweUnder({}, compact); }

Result<std::string> OpenJwe(const ParsedJwe& jwe, hsm::Decrypter& key) {
  auto cek = key.Unwrap({jwe.algorithm, jwe.wrapped_key});
  const bool unwrapped = cek.has_value();
  if (!unwrapped) {
    if (cek.error().code != ErrorCode::kDecryptionFailed) return std::unexpected(cek.error());
    // Goes on with a random key, so that a bad key and a bad tag take the same way (RFC
    // 7516, 11.5).
    cek = base::RandomSecret(kCekBytes);
  }
  std::string plain;
  const bool opened = GcmOpen(*cek, jwe, plain);
  ERR_clear_error();
  if (!opened || !unwrapped) {
    base::Cleanse(plain.data(), plain.size());
    return Fail(ErrorCode::kDecryptionFailed, "the JWE does not decrypt");
  }
  return plain;
}

Result<ContentKey> NewContentKey(const PublicKey& recipient) {
  const auto algorithm = recipient.key_management();
  if (!algorithm) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "an Ed25519 key cannot be encrypted to");
  }
  return *algorithm == hsm::KeyManagement::kEcdhEs ? Agree(recipient) : Encrypt(recipient);
}

Result<std::string> SealJwe(const PublicKey& recipient, std::string_view x5t_s256,
                            const JweExtra& extra, std::string_view payload) {
  ASSIGN_OR_RETURN(ContentKey cek, NewContentKey(recipient));
  return SealJweUnder(std::move(cek), recipient, x5t_s256, extra, payload);
}

Result<std::string> SealJweUnder(ContentKey cek, const PublicKey& recipient,
                                 std::string_view x5t_s256, const JweExtra& extra,
                                 std::string_view payload) {
  if (payload.empty()) return Fail(ErrorCode::kInvalidArgument, "an empty message is not sent");
  const bool ecdh = recipient.key_management() == hsm::KeyManagement::kEcdhEs;
  JsonWriter header;
  header.String("alg", hsm::JoseName(*recipient.key_management())).String("enc", "A256GCM");
  if (ecdh) header.Raw("epk", EpkJson(cek.wrapped));
  if (!x5t_s256.empty()) header.String("x5t#S256", x5t_s256);
  if (!extra.name.empty()) header.String(extra.name, extra.value);
  if (extra.accept == JwsForms::kSingleOrBatch) header.String(kAccept, kBatchForm);
  ParsedJwe jwe;
  jwe.header_b64 = base::Base64UrlEncode(header.Take());
  if (!GcmSeal(cek.key, payload, jwe)) {
    return Fail(ErrorCode::kInternal, "OpenSSL could not encrypt");
  }
  return jwe.header_b64 + "." + (ecdh ? "" : base::Base64UrlEncode(cek.wrapped)) + "." +
         base::Base64UrlEncode(jwe.iv) + "." + base::Base64UrlEncode(jwe.ciphertext) + "." +
         base::Base64UrlEncode(jwe.tag);
}

}  // namespace paygate::protocol
