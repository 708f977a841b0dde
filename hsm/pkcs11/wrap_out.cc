// A key that says that it is not extractable must not come out by C_WrapKey either. NSS's software
// token was seen to give it.

#include <p11-kit/pkcs11.h>

#include <array>

#include "base/secret_bytes.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

constexpr CK_MECHANISM_TYPE kNssVendor = 0x80000000UL | 0x4e534350UL;
constexpr size_t kMaxWrappedBytes = 8192;  // an RSA-4096 key in PKCS#8 has 2.4 KB

struct Way {
  CK_MECHANISM_TYPE mechanism;
  const char* name;
  bool wants_iv;
};
constexpr std::array kWays = {
    Way{0x210a, "CKM_AES_KEY_WRAP_PAD", false}, Way{0x2109, "CKM_AES_KEY_WRAP", false},
    Way{CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD", true},
    Way{kNssVendor + 2, "CKM_NSS_AES_KEY_WRAP_PAD", false},
    Way{kNssVendor + 1, "CKM_NSS_AES_KEY_WRAP", false}};

}  // namespace

std::string WrapsOut(const SessionView& view, CK_OBJECT_HANDLE key) {
  // Of this session, and gone before we return. A token that makes none wraps nothing with it.
  Template wanted;
  wanted.Ulong(CKA_CLASS, CKO_SECRET_KEY).Ulong(CKA_KEY_TYPE, CKK_AES).Ulong(CKA_VALUE_LEN, 32);
  wanted.Bool(CKA_TOKEN, false).Bool(CKA_WRAP, true);
  CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
  CK_OBJECT_HANDLE wrapping = CK_INVALID_HANDLE;
  if (view.functions->C_GenerateKey(view.session, &generate, wanted.data(), wanted.size(),
                                    &wrapping) != CKR_OK) {
    return {};
  }
  std::string found;
  for (const Way& way : kWays) {
    unsigned char iv[16] = {};
    CK_MECHANISM mechanism{way.mechanism, way.wants_iv ? iv : nullptr,
                           way.wants_iv ? sizeof iv : 0};
    base::SecretBytes out(kMaxWrappedBytes);
    CK_ULONG size = out.size();
    if (view.functions->C_WrapKey(view.session, &mechanism, wrapping, key, out.data(), &size) ==
        CKR_OK) {
      found = way.name;
      break;
    }
  }
  view.functions->C_DestroyObject(view.session, wrapping);
  return found;
}

}  // namespace paygate::hsm::pkcs11
