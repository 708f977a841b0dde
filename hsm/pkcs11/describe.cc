// What a token says of itself and of its keys, for a ceremony's record.

#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

struct Named {
  CK_ATTRIBUTE_TYPE attribute;
  const char* name;
};
constexpr Named kRecorded[] = {
    {CKA_TOKEN, "CKA_TOKEN"},
    {CKA_PRIVATE, "CKA_PRIVATE"},
    {CKA_SENSITIVE, "CKA_SENSITIVE"},
    {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE"},
    {CKA_EXTRACTABLE, "CKA_EXTRACTABLE"},
    {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE"},
    {CKA_LOCAL, "CKA_LOCAL"},
    {CKA_SIGN, "CKA_SIGN"},
    {CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER"},
    {CKA_DECRYPT, "CKA_DECRYPT"},
    {CKA_DERIVE, "CKA_DERIVE"},
    {CKA_UNWRAP, "CKA_UNWRAP"},
    {CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE"},
};

template <size_t N>
std::string Unpadded(const unsigned char (&field)[N]) {
  std::string text(reinterpret_cast<const char*>(field), N);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
  return text;
}

std::string Print(const CK_VERSION& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

}  // namespace

base::Result<TokenDescription> Connection::DescribeToken() {
  base::MutexLock lock(anchor_mutex_);
  CK_SESSION_INFO session{};
  CK_TOKEN_INFO token{};
  CK_INFO library{};
  RETURN_IF_CK("C_GetSessionInfo", functions()->C_GetSessionInfo(anchor_.session, &session));
  RETURN_IF_CK("C_GetTokenInfo", functions()->C_GetTokenInfo(session.slotID, &token));
  RETURN_IF_CK("C_GetInfo", functions()->C_GetInfo(&library));
  return TokenDescription{.label = Unpadded(token.label),
                          .manufacturer = Unpadded(token.manufacturerID),
                          .model = Unpadded(token.model),
                          .serial = Unpadded(token.serialNumber),
                          .hardware_version = Print(token.hardwareVersion),
                          .firmware_version = Print(token.firmwareVersion),
                          .library = Unpadded(library.libraryDescription),
                          .library_version = Print(library.libraryVersion)};
}

base::Result<KeyDescription> Connection::Describe(const std::string& label) {
  base::MutexLock lock(anchor_mutex_);
  ASSIGN_OR_RETURN(FoundKey key, FindAndCheckKey(anchor_, label, LeavingOf(label)));
  KeyDescription description{.info = key.info, .id = {}, .attributes = {}};
  ASSIGN_OR_RETURN(description.id, anchor_.Bytes(key.token_object, CKA_ID));
  for (const Named& each : kRecorded) {
    ASSIGN_OR_RETURN(bool value, anchor_.Bool(key.token_object, each.attribute));
    description.attributes.emplace_back(each.name, value);
  }
  return description;
}

base::Result<bool> Connection::HasObjectOf(const std::string& label, const std::string& id) {
  base::MutexLock lock(anchor_mutex_);
  for (CK_OBJECT_CLASS kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    ASSIGN_OR_RETURN(auto labelled, anchor_.Find(kind, label, 1));
    if (!labelled.empty()) return true;
    if (id.empty()) continue;
    ASSIGN_OR_RETURN(auto all, anchor_.Find(kind, "", 4096));
    for (CK_OBJECT_HANDLE object : all) {
      ASSIGN_OR_RETURN(std::string other, anchor_.Bytes(object, CKA_ID));
      if (other == id) return true;
    }
  }
  return false;
}

}  // namespace paygate::hsm::pkcs11
