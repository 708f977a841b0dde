// A key's one way out of a token and into another: wrapped with AES-256 KWP (CKM_AES_KEY_WRAP_PAD,
// NIST SP 800-38F, RFC 5649), as PKCS#8. SoftHSM 2.6.1 wraps P-256 and RSA keys so (measured) and
// refuses Ed25519 keys (CKR_KEY_NOT_WRAPPABLE).

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/crypto.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kWrappingKeyBytes = 32;
constexpr size_t kMaxWrappedBytes = 8192;  // RSA-4096 has about 2.4 KiB
constexpr std::string_view kP256Params{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10};
constexpr std::string_view kEd25519Params{"\x06\x03\x2b\x65\x70", 5};
constexpr size_t kP256PointBytes = 65, kEd25519PointBytes = 32;

// The wrapping key as an object of the session, for the life of this object.
class WrappingKey {
 public:
  WrappingKey(const SessionView& view, const base::SecretBytes& key) : view_(view) {
    CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
    CK_KEY_TYPE aes = CKK_AES;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    // Not a Template, which would hold a copy of the key outside SecretBytes.
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                             {CKA_KEY_TYPE, &aes, sizeof aes},
                             {CKA_TOKEN, &no, sizeof no},
                             {CKA_PRIVATE, &yes, sizeof yes},
                             {CKA_SENSITIVE, &yes, sizeof yes},
                             {CKA_EXTRACTABLE, &no, sizeof no},
                             {CKA_WRAP, &yes, sizeof yes},
                             {CKA_UNWRAP, &yes, sizeof yes},
                             {CKA_ENCRYPT, &no, sizeof no},
                             {CKA_DECRYPT, &no, sizeof no},
                             {CKA_VALUE, const_cast<uint8_t*>(key.data()), key.size()}};
    made_ = view_.functions->C_CreateObject(view_.session, wanted, std::size(wanted), &handle_);
  }
  ~WrappingKey() {
    if (made_ == CKR_OK) view_.functions->C_DestroyObject(view_.session, handle_);
  }
  WrappingKey(const WrappingKey&) = delete;
  CK_RV made() const { return made_; }
  CK_OBJECT_HANDLE handle() const { return handle_; }

 private:
  const SessionView& view_;
  CK_OBJECT_HANDLE handle_ = CK_INVALID_HANDLE;
  CK_RV made_ = CKR_GENERAL_ERROR;
};

base::Status CheckWrappingKey(const base::SecretBytes& key) {
  if (key.size() == kWrappingKeyBytes) return {};
  return Fail(ErrorCode::kInvalidArgument, "a wrapping key has 32 bytes");
}

std::string Unsigned(BIGNUM* number) {
  std::string bytes(BN_num_bytes(number), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return bytes;
}

// The public half, of which a wrapped key says nothing.
base::Status DescribePublic(const KeyInfo& key, Template& open) {
  if (key.type == KeyType::kP256 || key.type == KeyType::kEd25519) {
    const bool p256 = key.type == KeyType::kP256;
    const size_t size = p256 ? kP256PointBytes : kEd25519PointBytes;
    if (key.public_key_der.size() < size) {
      return Fail(ErrorCode::kInvalidArgument, "the public key is too short");
    }
    const std::string point = key.public_key_der.substr(key.public_key_der.size() - size);
    open.Ulong(CKA_KEY_TYPE, p256 ? CKK_EC : CKK_EC_EDWARDS);
    open.Bytes(CKA_EC_PARAMS, p256 ? kP256Params : kEd25519Params);
    open.Bytes(CKA_EC_POINT, std::string{'\x04', static_cast<char>(size)} + point);
    return {};
  }
  const auto* at = reinterpret_cast<const unsigned char*>(key.public_key_der.data());
  EVP_PKEY* parsed = d2i_PUBKEY(nullptr, &at, static_cast<long>(key.public_key_der.size()));
  BIGNUM *modulus = nullptr, *exponent = nullptr;
  const bool good = parsed && EVP_PKEY_get_bn_param(parsed, "n", &modulus) == 1 &&
                    EVP_PKEY_get_bn_param(parsed, "e", &exponent) == 1;
  EVP_PKEY_free(parsed);
  if (!good) return Fail(ErrorCode::kInvalidArgument, "the public key is no RSA key");
  open.Ulong(CKA_KEY_TYPE, CKK_RSA).Bytes(CKA_MODULUS, Unsigned(modulus));
  open.Bytes(CKA_PUBLIC_EXPONENT, Unsigned(exponent));
  return {};
}

}  // namespace

base::Result<std::string> Connection::WrapOut(const std::string& label,
                                              const base::SecretBytes& wrapping_key) {
  RETURN_IF_ERROR(CheckWrappingKey(wrapping_key));
  base::MutexLock lock(anchor_mutex_);
  ASSIGN_OR_RETURN(FoundKey key, FindAndCheckKey(anchor_, label, LeavingOf(label)));
  WrappingKey wrapping(anchor_, wrapping_key);
  RETURN_IF_CK("C_CreateObject of the wrapping key", wrapping.made());
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  std::string wrapped(kMaxWrappedBytes, '\0');
  CK_ULONG size = wrapped.size();
  RETURN_IF_CK("C_WrapKey of '" + label + "' with CKM_AES_KEY_WRAP_PAD",
               functions()->C_WrapKey(anchor_.session, &kwp, wrapping.handle(), key.token_object,
                                      reinterpret_cast<unsigned char*>(wrapped.data()), &size));
  wrapped.resize(size);
  return wrapped;
}

base::Status Connection::CloseExport(const std::string& label) {
  base::MutexLock lock(anchor_mutex_);
  Forget(label);  // its session copy would stay extractable
  ASSIGN_OR_RETURN(FoundKey key, FindAndCheckKey(anchor_, label, LeavingOf(label)));
  ASSIGN_OR_RETURN(bool extractable, anchor_.Bool(key.token_object, CKA_EXTRACTABLE));
  if (!extractable) return {};  // SoftHSM refuses to set it again
  Template closed;
  closed.Bool(CKA_EXTRACTABLE, false);
  RETURN_IF_CK("C_SetAttributeValue", functions()->C_SetAttributeValue(
                                          anchor_.session, key.token_object, closed.data(), 1));
  ASSIGN_OR_RETURN(extractable, anchor_.Bool(key.token_object, CKA_EXTRACTABLE));
  if (!extractable) return {};
  return Fail(ErrorCode::kInternal, "the token does not close key '" + label +
                                        "' again after its backup: destroy the key");
}

base::Status Connection::UnwrapIn(const KeyInfo& key, std::string_view wrapped,
                                  const base::SecretBytes& wrapping_key) {
  RETURN_IF_ERROR(CheckWrappingKey(wrapping_key));
  base::MutexLock lock(anchor_mutex_);
  RETURN_IF_ERROR(RefuseExisting(key.label));
  WrappingKey wrapping(anchor_, wrapping_key);
  RETURN_IF_CK("C_CreateObject of the wrapping key", wrapping.made());
  const bool sign = key.usage == KeyUsage::kSign;
  const bool rsa = key.type != KeyType::kP256 && key.type != KeyType::kEd25519;
  const std::string id = base::RandomBytes(16);
  Template open, secret;
  open.Ulong(CKA_CLASS, CKO_PUBLIC_KEY).Bool(CKA_TOKEN, true).Bool(CKA_PRIVATE, false);
  open.Bytes(CKA_LABEL, key.label).Bool(CKA_VERIFY, sign).Bool(CKA_ENCRYPT, !sign && rsa);
  open.Bytes(CKA_ID, id);
  RETURN_IF_ERROR(DescribePublic(key, open));
  secret.Ulong(CKA_CLASS, CKO_PRIVATE_KEY).Bytes(CKA_ID, id);
  secret.Ulong(CKA_KEY_TYPE, rsa                             ? CKK_RSA
                             : key.type == KeyType::kEd25519 ? CKK_EC_EDWARDS
                                                             : CKK_EC);
  secret.Bool(CKA_TOKEN, true).Bool(CKA_PRIVATE, true).Bytes(CKA_LABEL, key.label);
  secret.Bool(CKA_SENSITIVE, true).Bool(CKA_EXTRACTABLE, false);
  secret.Bool(CKA_SIGN, sign).Bool(CKA_DECRYPT, !sign && rsa).Bool(CKA_DERIVE, !sign && !rsa);
  secret.Bool(CKA_UNWRAP, false).Bool(CKA_SIGN_RECOVER, false);
  CK_MECHANISM kwp{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CK_OBJECT_HANDLE private_key, public_key;
  std::string bytes(wrapped);
  CK_RV rv = functions()->C_UnwrapKey(anchor_.session, &kwp, wrapping.handle(),
                                      reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                      secret.data(), secret.size(), &private_key);
  if (rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE ||
      rv == CKR_GENERAL_ERROR) {  // SoftHSM's answer to a wrong wrapping key
    return Fail(ErrorCode::kDecryptionFailed, "the wrapping key does not open the wrapped key");
  }
  RETURN_IF_CK("C_UnwrapKey", rv);
  rv = functions()->C_CreateObject(anchor_.session, open.data(), open.size(), &public_key);
  if (rv != CKR_OK) functions()->C_DestroyObject(anchor_.session, private_key);
  RETURN_IF_CK("C_CreateObject of the public key", rv);
  return {};
}

}  // namespace paygate::hsm::pkcs11
