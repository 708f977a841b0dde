// One signature, one derivation, one decryption, each on a leased session.

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>

#include "base/crypto.h"
#include "base/log.h"
#include "hsm/concat_kdf.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;
using base::SecretBytes;

constexpr size_t kContentKeyBytes = 32;
constexpr size_t kPointBytes = 65;
constexpr size_t kMaxSignatureBytes = 512;  // RSA-4096

unsigned char* Octets(std::string_view bytes) {  // PKCS#11 does not say const, but means it
  return reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
}

// The one answer to whatever was wrong with a ciphertext.
base::Error DecryptionFailed() { return {ErrorCode::kDecryptionFailed, "not decrypted"}; }

// What a token may say of a stranger's bytes. It must not be taken for a fault of the token, or a
// stranger could have the token reconnected at will.
bool IsCiphertextsFault(CK_RV rv) {
  return rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
         rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE || rv == CKR_MECHANISM_PARAM_INVALID;
}

bool IsOnP256(std::string_view point) {
  if (point.size() != kPointBytes || point[0] != 0x04) return false;
  static const EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  std::unique_ptr<EC_POINT, decltype(&EC_POINT_free)> parsed(EC_POINT_new(group), EC_POINT_free);
  bool good = EC_POINT_oct2point(group, parsed.get(), Octets(point), point.size(), nullptr) == 1;
  ERR_clear_error();
  return good;
}

base::Result<SecretBytes> UnwrapEcdh(const SessionView& view, const FoundKey& key,
                                     std::string_view point) {
  if (!IsOnP256(point)) return std::unexpected(DecryptionFailed());
  CK_ECDH1_DERIVE_PARAMS parameters{CKD_NULL, 0, nullptr, point.size(), Octets(point)};
  CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof parameters};
  // The secret is for this one operation only: an object of the session, read once and destroyed.
  Template secret;
  secret.Ulong(CKA_CLASS, CKO_SECRET_KEY).Ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  secret.Bool(CKA_TOKEN, false).Bool(CKA_PRIVATE, false);
  secret.Bool(CKA_SENSITIVE, false).Bool(CKA_EXTRACTABLE, true);
  secret.Ulong(CKA_VALUE_LEN, kContentKeyBytes);
  CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
  CK_RV rv = view.functions->C_DeriveKey(view.session, &mechanism, key.handle, secret.data(),
                                         secret.size(), &derived);
  if (IsCiphertextsFault(rv)) return std::unexpected(DecryptionFailed());
  RETURN_IF_CK("C_DeriveKey", rv);
  SecretBytes shared(kContentKeyBytes);
  CK_ATTRIBUTE value{CKA_VALUE, shared.data(), shared.size()};
  CK_RV read = view.functions->C_GetAttributeValue(view.session, derived, &value, 1);
  CK_RV destroyed = view.functions->C_DestroyObject(view.session, derived);
  RETURN_IF_CK("C_GetAttributeValue", read);
  RETURN_IF_CK("C_DestroyObject", destroyed);
  if (value.ulValueLen != shared.size()) {
    return Fail(ErrorCode::kTokenUnavailable, "C_DeriveKey: a secret of another length");
  }
  return ConcatKdfA256Gcm(shared);
}

bool IsBelowModulus(std::string_view number, const std::string& modulus) {
  return number.size() == modulus.size() && number < modulus;  // char_traits compares unsigned
}

base::Result<SecretBytes> DecryptInToken(const SessionView& view, const FoundKey& key,
                                         CK_MECHANISM mechanism, std::string_view wrapped) {
  const CK_RV begun = view.functions->C_DecryptInit(view.session, &mechanism, key.handle);
  if (begun == CKR_ARGUMENTS_BAD) {  // as SoftHSM says of a hash that it does not know
    return Fail(ErrorCode::kUnsupportedAlgorithm, "the token lacks OAEP with SHA-256");
  }
  RETURN_IF_CK("C_DecryptInit", begun);
  SecretBytes plain(key.modulus.size());
  CK_ULONG size = plain.size();
  CK_RV rv = view.functions->C_Decrypt(view.session, Octets(wrapped), wrapped.size(), plain.data(),
                                       &size);
  if (IsCiphertextsFault(rv)) return std::unexpected(DecryptionFailed());
  RETURN_IF_CK("C_Decrypt", rv);
  plain.Truncate(std::min<size_t>(size, plain.size()));
  return plain;
}

// OAEP with SHA-256 in the token, where it has no bare RSA to give. Which bad padding takes how
// long is then the token's affair.
base::Result<SecretBytes> UnwrapOaep(const SessionView& view, const FoundKey& key,
                                     std::string_view wrapped) {
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
  auto content_key =
      DecryptInToken(view, key, {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}, wrapped);
  if (!content_key) return content_key;
  if (content_key->size() != kContentKeyBytes) return std::unexpected(DecryptionFailed());
  return content_key;
}

// Most tokens know OAEP with SHA-1 only, if at all; so, where they have it, the bare RSA operation
// there and OpenSSL's constant-time unpadding here. Every bad padding takes the same way to the
// same error (Manger).
base::Result<SecretBytes> UnwrapRsa(const SessionView& view, const FoundKey& key,
                                    std::string_view wrapped) {
  if (!IsBelowModulus(wrapped, key.modulus)) return std::unexpected(DecryptionFailed());
  if (!key.bare_rsa) return UnwrapOaep(view, key, wrapped);
  ASSIGN_OR_RETURN(SecretBytes padded,
                   DecryptInToken(view, key, {CKM_RSA_X_509, nullptr, 0}, wrapped));
  if (padded.size() != key.modulus.size()) {
    return Fail(ErrorCode::kTokenUnavailable, "C_Decrypt: CKM_RSA_X_509 gave another length");
  }
  SecretBytes content_key(padded.size());
  // Deprecated since OpenSSL 3.0 with all of its RSA_ functions, without a successor that unpads
  // alone.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  int length = RSA_padding_check_PKCS1_OAEP_mgf1(
      content_key.data(), static_cast<int>(content_key.size()), padded.data(),
      static_cast<int>(padded.size()), static_cast<int>(padded.size()), nullptr, 0, EVP_sha256(),
      EVP_sha256());
#pragma GCC diagnostic pop
  ERR_clear_error();
  if (length != static_cast<int>(kContentKeyBytes)) return std::unexpected(DecryptionFailed());
  content_key.Truncate(kContentKeyBytes);
  return content_key;
}

}  // namespace

base::Result<std::string> SignWith(const SessionView& view, const FoundKey& key,
                                   std::string_view bytes) {
  CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism{};
  // Ed25519 hashes in the token; for the others the digest goes there (SoftHSM has raw ECDSA only).
  std::string digest;
  std::string_view input = bytes;
  size_t expected = 64;
  if (key.info.type == KeyType::kEd25519) {
    mechanism.mechanism = CKM_EDDSA;
  } else {
    digest = base::Sha256(bytes);
    input = digest;
    if (key.info.type == KeyType::kP256) {
      mechanism.mechanism = CKM_ECDSA;
    } else {
      mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof pss};
      expected = key.modulus.size();
    }
  }
  RETURN_IF_CK("C_SignInit", view.functions->C_SignInit(view.session, &mechanism, key.handle));
  std::string signature(kMaxSignatureBytes, '\0');
  CK_ULONG size = signature.size();
  RETURN_IF_CK("C_Sign", view.functions->C_Sign(view.session, Octets(input), input.size(),
                                                Octets(signature), &size));
  if (size != expected) {
    return Fail(ErrorCode::kTokenUnavailable, "C_Sign: a signature of another length");
  }
  signature.resize(size);
  if (key.verifier == nullptr || !key.verifier->Verify(bytes, signature)) {
    base::LogAlarm("token.wrong_signature", {{"label", key.info.label}});
    return Fail(ErrorCode::kTokenUnavailable, "C_Sign: the signature does not verify");
  }
  return signature;
}

base::Result<SecretBytes> UnwrapWith(const SessionView& view, const FoundKey& key,
                                     std::string_view wrapped) {
  return key.info.type == KeyType::kP256 ? UnwrapEcdh(view, key, wrapped)
                                         : UnwrapRsa(view, key, wrapped);
}

}  // namespace paygate::hsm::pkcs11
