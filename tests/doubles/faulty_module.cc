// A PKCS#11 module that is SoftHSM until told to fail: what the file named by PAYGATE_FAULT_FILE
// says is done at each C_Sign and C_DeriveKey.
//
//   "hang"          never returns
//   "lost"          once CKR_DEVICE_REMOVED, and the file is removed
//   "away"          CKR_DEVICE_REMOVED always, and no session opens
//   "nss"           the token says that it is Mozilla's (read at C_GetTokenInfo)
//   "raw-point"     CKA_EC_POINT without its OCTET STRING header, as some tokens have it

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace {

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST faulty;

std::string Fault() {
  const char* path = std::getenv("PAYGATE_FAULT_FILE");
  std::string word;
  if (path != nullptr) std::ifstream(path) >> word;
  return word;
}

CK_RV Injected() {
  std::string fault = Fault();
  if (fault == "hang") {
    for (;;) pause();
  }
  if (fault == "lost") {
    unlink(std::getenv("PAYGATE_FAULT_FILE"));
    return CKR_DEVICE_REMOVED;
  }
  return fault == "away" ? CKR_DEVICE_REMOVED : CKR_OK;
}

CK_RV Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_size, CK_BYTE_PTR signature,
           CK_ULONG_PTR signature_size) {
  if (CK_RV rv = Injected(); rv != CKR_OK) return rv;
  return real->C_Sign(session, data, data_size, signature, signature_size);
}

CK_RV DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key,
                CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR derived) {
  if (CK_RV rv = Injected(); rv != CKR_OK) return rv;
  return real->C_DeriveKey(session, mechanism, key, attributes, count, derived);
}

CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify,
                  CK_SESSION_HANDLE_PTR session) {
  if (Fault() == "away") return CKR_TOKEN_NOT_PRESENT;
  return real->C_OpenSession(slot, flags, application, notify, session);
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  CK_RV rv = real->C_GetTokenInfo(slot, info);
  if (rv == CKR_OK && Fault() == "nss") {
    std::memcpy(info->manufacturerID, "Mozilla Foundation ", 19);
  }
  return rv;
}

CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR found,
                        CK_ULONG count) {
  CK_RV rv = real->C_GetAttributeValue(session, object, found, count);
  if (rv != CKR_OK || found->type != CKA_EC_POINT || found->pValue == nullptr ||
      Fault() != "raw-point") {
    return rv;
  }
  found->ulValueLen -= 2;
  std::memmove(found->pValue, static_cast<char*>(found->pValue) + 2, found->ulValueLen);
  return rv;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(
    CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == nullptr) {
    void* module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) return CKR_GENERAL_ERROR;
    auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
    if (CK_RV rv = get(&real); rv != CKR_OK) return rv;
    faulty = *real;
    faulty.C_Sign = Sign;
    faulty.C_DeriveKey = DeriveKey;
    faulty.C_OpenSession = OpenSession;
    faulty.C_GetTokenInfo = GetTokenInfo;
    faulty.C_GetAttributeValue = GetAttributeValue;
  }
  *list = &faulty;
  return CKR_OK;
}
