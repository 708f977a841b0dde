#include <cstring>

#include "hsm/pkcs11/internal/cryptoki.h"

namespace paygate::hsm::pkcs11 {

using base::ErrorCode;
using base::Fail;

base::Error CkError(std::string_view call, CK_RV rv) {
  ErrorCode code = ErrorCode::kTokenUnavailable;
  switch (rv) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
    case CKR_PIN_LOCKED:
      code = ErrorCode::kPermissionDenied;
      break;
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
      code = ErrorCode::kUnsupportedAlgorithm;
      break;
    // CKR_USER_PIN_NOT_INITIALIZED too: no PIN was compared and no try was spent. SoftHSM says it
    // where it read the token's file while another process wrote it.
    default:
      break;
  }
  return {code, std::string(call) + ": " + p11_kit_strerror(rv)};
}

Template& Template::Bool(CK_ATTRIBUTE_TYPE type, bool value) {
  return Bytes(type, std::string(1, value ? CK_TRUE : CK_FALSE));
}

Template& Template::Ulong(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  return Bytes(type, std::string(reinterpret_cast<const char*>(&value), sizeof value));
}

Template& Template::Bytes(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  std::string& owned = values_.emplace_back(value);
  attributes_.push_back({type, owned.data(), owned.size()});
  return *this;
}

base::Result<std::string> SessionView::Bytes(CK_OBJECT_HANDLE object,
                                             CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  RETURN_IF_CK("C_GetAttributeValue",
               functions->C_GetAttributeValue(session, object, &attribute, 1));
  if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen > 65536) {
    return Fail(ErrorCode::kTokenUnavailable, "C_GetAttributeValue: a length out of bounds");
  }
  std::string value(attribute.ulValueLen, '\0');
  attribute.pValue = value.data();
  RETURN_IF_CK("C_GetAttributeValue",
               functions->C_GetAttributeValue(session, object, &attribute, 1));
  value.resize(attribute.ulValueLen);
  return value;
}

base::Result<bool> SessionView::Bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE attribute{type, &value, sizeof value};
  CK_RV rv = functions->C_GetAttributeValue(session, object, &attribute, 1);
  // A usage that the token does not know is one that the key does not have.
  if (rv == CKR_ATTRIBUTE_TYPE_INVALID) return false;
  RETURN_IF_CK("C_GetAttributeValue", rv);
  return value == CK_TRUE;
}

base::Result<CK_ULONG> SessionView::Ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  CK_ULONG value = 0;
  CK_ATTRIBUTE attribute{type, &value, sizeof value};
  RETURN_IF_CK("C_GetAttributeValue",
               functions->C_GetAttributeValue(session, object, &attribute, 1));
  return value;
}

base::Result<std::vector<CK_OBJECT_HANDLE>> SessionView::Find(CK_OBJECT_CLASS kind,
                                                              const std::string& label,
                                                              size_t limit) const {
  Template wanted;
  wanted.Ulong(CKA_CLASS, kind).Bool(CKA_TOKEN, true);
  if (!label.empty()) wanted.Bytes(CKA_LABEL, label);
  RETURN_IF_CK("C_FindObjectsInit",
               functions->C_FindObjectsInit(session, wanted.data(), wanted.size()));
  std::vector<CK_OBJECT_HANDLE> found(limit);
  CK_ULONG count = 0;
  CK_RV rv = functions->C_FindObjects(session, found.data(), limit, &count);
  functions->C_FindObjectsFinal(session);
  RETURN_IF_CK("C_FindObjects", rv);
  found.resize(count);
  return found;
}

}  // namespace paygate::hsm::pkcs11
