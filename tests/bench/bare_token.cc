#include "tests/bench/bare_token.h"

#include <stdexcept>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::bench {
namespace {

using hsm::KeyType;

void Check(CK_RV rv) {
  if (rv != CKR_OK) throw std::runtime_error(p11_kit_strerror(rv));
}
unsigned char* Octets(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

BareToken::BareToken(const std::string& token, std::string pin) {
  module_ = p11_kit_module_load(doubles::kSoftHsmModule, P11_KIT_MODULE_UNMANAGED);
  Check(p11_kit_module_initialize(module_));
  slot_ = SlotOf(token);
  anchor_ = OpenSession();
  Check(module_->C_Login(anchor_, CKU_USER, Octets(pin), pin.size()));
}

BareToken::~BareToken() {
  p11_kit_module_finalize(module_);
  p11_kit_module_release(module_);
}

CK_SLOT_ID BareToken::SlotOf(const std::string& token) {
  std::vector<CK_SLOT_ID> slots(16);
  CK_ULONG count = slots.size();
  Check(module_->C_GetSlotList(CK_TRUE, slots.data(), &count));
  slots.resize(count);
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info;
    Check(module_->C_GetTokenInfo(slot, &info));
    std::string_view label(reinterpret_cast<const char*>(info.label), sizeof info.label);
    label = label.substr(0, label.find_last_not_of(' ') + 1);
    if (token.empty() || label == token) return slot;
  }
  throw std::runtime_error("no token " + token);
}

CK_SESSION_HANDLE BareToken::OpenSession() {
  CK_SESSION_HANDLE session;
  Check(module_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
  return session;
}

BareToken::User BareToken::NewUser(const std::string& label) {
  User user{.session = OpenSession(), .key = 0};
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                           {CKA_LABEL, const_cast<char*>(label.data()), label.size()}};
  CK_OBJECT_HANDLE found;
  CK_ULONG count = 0;
  Check(module_->C_FindObjectsInit(user.session, wanted, 2));
  Check(module_->C_FindObjects(user.session, &found, 1, &count));
  Check(module_->C_FindObjectsFinal(user.session));
  if (count != 1) throw std::runtime_error("no private key " + label);
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE copy{CKA_TOKEN, &no, 1};
  Check(module_->C_CopyObject(user.session, found, &copy, 1, &user.key));
  return user;
}

bool BareToken::Sign(const User& user, KeyType type, const std::string& bytes, std::string& out) {
  CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  if (type == KeyType::kRsa2048) mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof pss};
  if (type == KeyType::kEd25519) mechanism.mechanism = CKM_EDDSA;
  std::string input = type == KeyType::kEd25519 ? bytes : base::Sha256(bytes);
  out.resize(512);
  CK_ULONG size = out.size();
  const bool done =
      module_->C_SignInit(user.session, &mechanism, user.key) == CKR_OK &&
      module_->C_Sign(user.session, Octets(input), input.size(), Octets(out), &size) == CKR_OK;
  out.resize(done ? size : 0);
  return done;
}

bool BareToken::Unwrap(const User& user, KeyType type, std::string wrapped) {
  std::string secret(512, '\0');
  if (type == KeyType::kRsa2048) {
    CK_MECHANISM mechanism{CKM_RSA_X_509, nullptr, 0};
    CK_ULONG size = secret.size();
    return module_->C_DecryptInit(user.session, &mechanism, user.key) == CKR_OK &&
           module_->C_Decrypt(user.session, Octets(wrapped), wrapped.size(), Octets(secret),
                              &size) == CKR_OK;
  }
  CK_ECDH1_DERIVE_PARAMS ecdh{CKD_NULL, 0, nullptr, wrapped.size(), Octets(wrapped)};
  CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
  CK_OBJECT_CLASS kind = CKO_SECRET_KEY;
  CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_ULONG length = 32;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                           {CKA_KEY_TYPE, &generic, sizeof generic},
                           {CKA_TOKEN, &no, 1},
                           {CKA_PRIVATE, &no, 1},
                           {CKA_SENSITIVE, &no, 1},
                           {CKA_EXTRACTABLE, &yes, 1},
                           {CKA_VALUE_LEN, &length, sizeof length}};
  CK_OBJECT_HANDLE derived;
  if (module_->C_DeriveKey(user.session, &mechanism, user.key, wanted, std::size(wanted),
                           &derived) != CKR_OK) {
    return false;
  }
  CK_ATTRIBUTE value{CKA_VALUE, secret.data(), secret.size()};
  const bool read = module_->C_GetAttributeValue(user.session, derived, &value, 1) == CKR_OK;
  return module_->C_DestroyObject(user.session, derived) == CKR_OK && read;
}

}  // namespace paygate::bench
