// What a key in the token must be before anything is done with it.

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

// SubjectPublicKeyInfo up to the point or key bytes.
constexpr std::string_view kP256Spki{
    "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    "\x03\x42\x00",
    26};
constexpr std::string_view kEd25519Spki{"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12};
constexpr std::string_view kP256Params{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10};
constexpr std::string_view kEd25519Params{"\x06\x03\x2b\x65\x70", 5};
constexpr std::string_view kEd25519Name{"\x13\x0c" "edwards25519", 14};

base::Error Wrong(const std::string& label, const std::string& sentence) {
  return {ErrorCode::kInvalidArgument, "key '" + label + "' " + sentence};
}

base::Result<CK_OBJECT_HANDLE> FindOne(const SessionView& view, CK_OBJECT_CLASS kind,
                                       const std::string& label) {
  const std::string what = kind == CKO_PRIVATE_KEY ? "private" : "public";
  ASSIGN_OR_RETURN(auto objects, view.Find(kind, label, 2));
  if (objects.empty()) {
    return Fail(ErrorCode::kNotFound,
                "key '" + label + "': the token has no " + what +
                    " key of this label: make it with paygate-ceremony, or mend the label");
  }
  if (objects.size() > 1) {
    return std::unexpected(Wrong(label, "is there more than once: the token has two " + what +
                                            " keys of this label; rename or delete one of them"));
  }
  return objects.front();
}

struct Requirement {
  CK_ATTRIBUTE_TYPE attribute;
  bool value;
  const char* sentence;
  Leaving most = Leaving::kNow;  // asked of keys that may leave this much and no more
};

constexpr Requirement kRequirements[] = {
    {CKA_PRIVATE, true, "can be used without a PIN (CKA_PRIVATE is false)"},
    {CKA_SENSITIVE, true, "is not sensitive (CKA_SENSITIVE is false): it can be read in clear"},
    {CKA_EXTRACTABLE, false, "is extractable (CKA_EXTRACTABLE is true): it can leave the token",
     Leaving::kOnce},
    {CKA_ALWAYS_SENSITIVE, true, "was not always sensitive (CKA_ALWAYS_SENSITIVE is false)",
     Leaving::kNever},
    {CKA_NEVER_EXTRACTABLE, true, "was once extractable (CKA_NEVER_EXTRACTABLE is false)",
     Leaving::kNever},
    {CKA_LOCAL, true, "was not generated in the token (CKA_LOCAL is false): copies may exist",
     Leaving::kNever},
    {CKA_ALWAYS_AUTHENTICATE, false,
     "wants the PIN at each use (CKA_ALWAYS_AUTHENTICATE is true), which a gateway cannot give"},
};

constexpr const char* kMakeNew = "; generate a new key with paygate-ceremony and certify that";

base::Result<KeyUsage> CheckUsage(const SessionView& view, CK_OBJECT_HANDLE key,
                                  const std::string& label) {
  int usages = 0;
  KeyUsage usage = KeyUsage::kSign;
  for (CK_ATTRIBUTE_TYPE attribute :
       {CKA_SIGN, CKA_DECRYPT, CKA_DERIVE, CKA_UNWRAP, CKA_SIGN_RECOVER}) {
    ASSIGN_OR_RETURN(bool allowed, view.Bool(key, attribute));
    if (!allowed) continue;
    ++usages;
    if (attribute != CKA_SIGN) usage = KeyUsage::kDecrypt;
    if (attribute == CKA_UNWRAP || attribute == CKA_SIGN_RECOVER) usages += 2;
  }
  if (usages == 1) return usage;
  return std::unexpected(
      Wrong(label, "must have exactly one usage, sign, decrypt or derive (CKA_SIGN, CKA_DECRYPT, "
                   "CKA_DERIVE, CKA_UNWRAP, CKA_SIGN_RECOVER)" + std::string(kMakeNew)));
}

// Attributes are the token's word. This is whether it keeps it.
base::Status CheckKept(const SessionView& view, CK_OBJECT_HANDLE key, const std::string& label,
                       Leaving leaving) {
  ASSIGN_OR_RETURN(std::vector<std::string> faults, AttributeFaults(view, key, leaving));
  if (!faults.empty()) return std::unexpected(Wrong(label, faults.front() + kMakeNew));
  ASSIGN_OR_RETURN(bool extractable, view.Bool(key, CKA_EXTRACTABLE));
  const std::string way = extractable ? "" : WrapsOut(view, key);
  if (way.empty()) return {};
  return std::unexpected(Wrong(label, "says that it is not extractable, and the token gave it out "
                                      "by " + way + ": this token protects nothing, use another"));
}

// CKA_EC_POINT is a DER OCTET STRING by the standard, the bare point in some tokens.
std::string BarePoint(const std::string& value, size_t size) {
  if (value.size() == size + 2 && value[0] == 0x04 && static_cast<size_t>(value[1]) == size) {
    return value.substr(2);
  }
  return value.size() == size ? value : std::string();
}

base::Result<std::string> RsaSpki(const std::string& modulus, const std::string& label) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(modulus.data());
  BIGNUM* n = BN_bin2bn(bytes, static_cast<int>(modulus.size()), nullptr);
  BIGNUM* e = BN_new();
  BN_set_word(e, 65537);
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  unsigned char* der = nullptr;
  int size = -1;
  if (EVP_PKEY_fromdata_init(context) == 1 &&
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1) {
    size = i2d_PUBKEY(key, &der);
  }
  std::string spki(reinterpret_cast<char*>(der), size > 0 ? size : 0);
  OPENSSL_free(der);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(e);
  BN_free(n);
  if (spki.empty()) return std::unexpected(Wrong(label, "has an RSA modulus that is none"));
  return spki;
}

base::Status DescribeRsa(const SessionView& view, CK_OBJECT_HANDLE public_key, FoundKey& key) {
  const std::string& label = key.info.label;
  ASSIGN_OR_RETURN(key.modulus, view.Bytes(public_key, CKA_MODULUS));
  ASSIGN_OR_RETURN(std::string exponent, view.Bytes(public_key, CKA_PUBLIC_EXPONENT));
  key.modulus.erase(0, std::min(key.modulus.find_first_not_of('\0'), key.modulus.size()));
  exponent.erase(0, std::min(exponent.find_first_not_of('\0'), exponent.size()));
  if (exponent != std::string("\x01\x00\x01", 3)) {
    return std::unexpected(Wrong(label, "has a public exponent other than 65537"));
  }
  switch (key.modulus.size() * 8) {
    case 2048:
      key.info.type = KeyType::kRsa2048;
      break;
    case 3072:
      key.info.type = KeyType::kRsa3072;
      break;
    case 4096:
      key.info.type = KeyType::kRsa4096;
      break;
    default:
      return std::unexpected(Wrong(label, "is RSA of a length other than 2048, 3072 or 4096"));
  }
  ASSIGN_OR_RETURN(key.info.public_key_der, RsaSpki(key.modulus, label));
  return {};
}

base::Status DescribeEc(const SessionView& view, CK_OBJECT_HANDLE public_key, FoundKey& key) {
  ASSIGN_OR_RETURN(std::string params, view.Bytes(public_key, CKA_EC_PARAMS));
  ASSIGN_OR_RETURN(std::string value, view.Bytes(public_key, CKA_EC_POINT));
  if (params == kP256Params) {
    key.info.type = KeyType::kP256;
    key.info.public_key_der = std::string(kP256Spki) + BarePoint(value, 65);
  } else if (params == kEd25519Params || params == kEd25519Name) {
    key.info.type = KeyType::kEd25519;
    key.info.public_key_der = std::string(kEd25519Spki) + BarePoint(value, 32);
  } else {
    return std::unexpected(
        Wrong(key.info.label, "is on a curve other than P-256 or Ed25519; generate a new one"));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(key.info.public_key_der.data());
  EVP_PKEY* parsed = d2i_PUBKEY(nullptr, &at, static_cast<long>(key.info.public_key_der.size()));
  if (parsed == nullptr) {
    return std::unexpected(Wrong(key.info.label, "has a public point that is not on its curve"));
  }
  EVP_PKEY_free(parsed);
  return {};
}

bool DecryptsWith(const SessionView& view, CK_MECHANISM_TYPE mechanism) {
  CK_SESSION_INFO session{};
  CK_MECHANISM_INFO info{};
  return view.functions->C_GetSessionInfo(view.session, &session) == CKR_OK &&
         view.functions->C_GetMechanismInfo(session.slotID, mechanism, &info) == CKR_OK &&
         (info.flags & CKF_DECRYPT) != 0;
}

}  // namespace

base::Result<std::vector<std::string>> AttributeFaults(const SessionView& view,
                                                       CK_OBJECT_HANDLE key, Leaving leaving) {
  std::vector<std::string> faults;
  for (const Requirement& required : kRequirements) {
    if (leaving > required.most) continue;
    ASSIGN_OR_RETURN(bool value, view.Bool(key, required.attribute));
    if (value != required.value) faults.push_back(required.sentence);
  }
  return faults;
}

base::Result<FoundKey> FindAndCheckKey(const SessionView& view, const std::string& label,
                                       Leaving leaving) {
  if (label.empty()) return Fail(ErrorCode::kInvalidArgument, "a key's label is empty");
  FoundKey key{};
  key.info.label = label;
  ASSIGN_OR_RETURN(key.token_object, FindOne(view, CKO_PRIVATE_KEY, label));
  ASSIGN_OR_RETURN(CK_OBJECT_HANDLE public_key, FindOne(view, CKO_PUBLIC_KEY, label));
  RETURN_IF_ERROR(CheckKept(view, key.token_object, label, leaving));
  ASSIGN_OR_RETURN(key.info.usage, CheckUsage(view, key.token_object, label));
  ASSIGN_OR_RETURN(CK_ULONG type, view.Ulong(key.token_object, CKA_KEY_TYPE));
  if (type == CKK_RSA) {
    RETURN_IF_ERROR(DescribeRsa(view, public_key, key));
    key.bare_rsa = key.info.usage == KeyUsage::kDecrypt && DecryptsWith(view, CKM_RSA_X_509);
  } else if (type == CKK_EC || type == CKK_EC_EDWARDS) {
    RETURN_IF_ERROR(DescribeEc(view, public_key, key));
  } else {
    return std::unexpected(Wrong(label, "is neither RSA nor EC; generate a new one"));
  }
  if (key.info.usage == KeyUsage::kSign) {
    ASSIGN_OR_RETURN(key.verifier, SignatureVerifier::Create(SignatureAlgorithmOf(key.info.type),
                                                             key.info.public_key_der));
  }
  return key;
}

}  // namespace paygate::hsm::pkcs11
