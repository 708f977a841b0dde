// PKCS#11 as the files of this folder use it: templates, attribute reads, errors in words.
// Internal to hsm/pkcs11.
#pragma once

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::hsm::pkcs11 {

// The value's name and meaning in a sentence: "C_Login: The PIN is incorrect".
// kPermissionDenied for a PIN's fault, kUnsupportedAlgorithm for a missing mechanism or curve,
// kTokenUnavailable for all else: the caller may reconnect.
base::Error CkError(std::string_view call, CK_RV rv);

#define RETURN_IF_CK(call, rv_expr)                                              \
  do {                                                                           \
    if (CK_RV rv_ = (rv_expr); rv_ != CKR_OK)                                    \
      return std::unexpected(::paygate::hsm::pkcs11::CkError(call, rv_));        \
  } while (false)

// An attribute template that owns its values.
class Template {
 public:
  Template& Bool(CK_ATTRIBUTE_TYPE type, bool value);
  Template& Ulong(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Bytes(CK_ATTRIBUTE_TYPE type, std::string_view value);
  CK_ATTRIBUTE* data() { return attributes_.data(); }
  CK_ULONG size() const { return attributes_.size(); }

 private:
  std::deque<std::string> values_;  // a deque: addresses stay
  std::vector<CK_ATTRIBUTE> attributes_;
};

// A session on which attributes are read and objects found; not thread-safe.
struct SessionView {
  CK_FUNCTION_LIST* functions;
  CK_SESSION_HANDLE session;

  base::Result<std::string> Bytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  base::Result<bool> Bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  base::Result<CK_ULONG> Ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  // At most `limit` objects of the class with this label (empty: any) among token objects.
  base::Result<std::vector<CK_OBJECT_HANDLE>> Find(CK_OBJECT_CLASS kind, const std::string& label,
                                                   size_t limit) const;
};

}  // namespace paygate::hsm::pkcs11
