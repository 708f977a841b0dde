#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxKeysInToken = 4096;
constexpr std::string_view kP256Oid{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10};
constexpr std::string_view kEd25519Oid{"\x06\x03\x2b\x65\x70", 5};

CK_RV OpenSession(CK_FUNCTION_LIST* functions, CK_SLOT_ID slot, bool read_write,
                  CK_SESSION_HANDLE& session) {
  CK_FLAGS flags = CKF_SERIAL_SESSION | (read_write ? CKF_RW_SESSION : 0);
  return functions->C_OpenSession(slot, flags, nullptr, nullptr, &session);
}

// SoftHSM 2.6.1 answers CKR_GENERAL_ERROR now and then when two sessions work at once (measured:
// its manager of private attributes is not thread-safe), and its lock would make them wait anyway.
bool WorksInParallel(CK_FUNCTION_LIST* functions, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info{};
  return functions->C_GetTokenInfo(slot, &info) == CKR_OK &&
         !std::string_view(reinterpret_cast<char*>(info.manufacturerID), 7).starts_with("SoftHSM");
}

}  // namespace

base::Result<std::unique_ptr<Connection>> Connection::Open(const TokenLocation& location,
                                                           size_t sessions, bool read_write,
                                                           Pool pool) {
  ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                   Module::Load(location.module_path, location.init_args));
  ASSIGN_OR_RETURN(CK_SLOT_ID slot, FindToken(*module, location.token_uri));
  CK_SESSION_HANDLE anchor = CK_INVALID_HANDLE;
  RETURN_IF_CK("C_OpenSession", OpenSession(module->functions(), slot, read_write, anchor));
  std::unique_ptr<Connection> connection(
      new Connection(std::move(module), anchor, location.backed_up_keys,
                     read_write ? Leaving::kNow : Leaving::kOnce));
  RETURN_IF_ERROR(LogIn(*connection->module_, slot, anchor, location));
  if (pool == Pool::kSafe && sessions > 1 && !WorksInParallel(connection->functions(), slot)) {
    base::LogInfo("token.one_session", {{"why", "SoftHSM: run more token processes instead"}});
    sessions = 1;
  }
  RETURN_IF_ERROR(connection->FillPool(slot, sessions, read_write));
  return connection;
}

base::Status Connection::FillPool(CK_SLOT_ID slot, size_t sessions, bool read_write) {
  base::MutexLock lock(pool_mutex_);
  while (free_.size() < sessions) {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_RV rv = OpenSession(functions(), slot, read_write, session);
    if (rv == CKR_SESSION_COUNT && !free_.empty()) {
      base::LogWarning("token.few_sessions", {{"wanted", sessions}, {"got", free_.size()}});
      return {};
    }
    if (rv == CKR_SESSION_COUNT) {
      return Fail(ErrorCode::kTokenUnavailable,
                  "the token has no session left for this process, which needs two: lower "
                  "`sessions` or `processes` in [token], or close what else uses the token");
    }
    RETURN_IF_CK("C_OpenSession", rv);
    free_.push_back(session);
    sessions_ = free_.size();
  }
  return {};
}

Connection::~Connection() {
  // Every lease is back: the owner destroys a connection only when nobody uses it. The anchor goes
  // last; with the process' last session the login ends.
  base::MutexLock pool(pool_mutex_);
  for (CK_SESSION_HANDLE session : free_) functions()->C_CloseSession(session);
  base::MutexLock anchor(anchor_mutex_);
  functions()->C_CloseSession(anchor_.session);
}

Connection::Lease::Lease(Connection& connection) : connection_(connection) {
  base::MutexLock lock(connection_.pool_mutex_);
  while (connection_.free_.empty()) connection_.session_free_.Wait(connection_.pool_mutex_);
  session_ = connection_.free_.back();
  connection_.free_.pop_back();
}

Connection::Lease::~Lease() {
  base::MutexLock lock(connection_.pool_mutex_);
  connection_.free_.push_back(session_);
  connection_.session_free_.NotifyOne();
}

base::Status Connection::KeepAlive() {
  CK_SESSION_INFO info{};
  {
    base::MutexLock lock(anchor_mutex_);
    RETURN_IF_CK("C_GetSessionInfo", functions()->C_GetSessionInfo(anchor_.session, &info));
  }
  base::MutexLock lock(pool_mutex_);
  for (CK_SESSION_HANDLE session : free_) {
    RETURN_IF_CK("C_GetSessionInfo", functions()->C_GetSessionInfo(session, &info));
  }
  return {};
}

base::Result<FoundKey> Connection::Key(const std::string& label) {
  base::MutexLock lock(anchor_mutex_);
  if (auto at = keys_.find(label); at != keys_.end()) return at->second;
  ASSIGN_OR_RETURN(FoundKey key, FindAndCheckKey(anchor_, label, LeavingOf(label)));
  // A session copy spares the token's storage at each use. It belongs to the anchor session and is
  // good in all. A token that refuses to copy keeps its word about the key: use the key itself.
  Template copy;
  copy.Bool(CKA_TOKEN, false);
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  CK_RV rv = functions()->C_CopyObject(anchor_.session, key.token_object, copy.data(), copy.size(),
                                       &handle);
  key.handle = rv == CKR_OK ? handle : key.token_object;
  return keys_.emplace(label, std::move(key)).first->second;
}

base::Result<std::vector<std::string>> Connection::PrivateKeyLabels() {
  base::MutexLock lock(anchor_mutex_);
  ASSIGN_OR_RETURN(auto objects, anchor_.Find(CKO_PRIVATE_KEY, "", kMaxKeysInToken));
  std::vector<std::string> labels;
  for (CK_OBJECT_HANDLE object : objects) {
    ASSIGN_OR_RETURN(std::string label, anchor_.Bytes(object, CKA_LABEL));
    labels.push_back(std::move(label));
  }
  return labels;
}

Leaving Connection::LeavingOf(const std::string& label) const {
  const bool may = std::ranges::find(backed_up_keys_, label) != backed_up_keys_.end();
  return may ? backed_up_may_ : Leaving::kNever;
}

base::Status Connection::RefuseExisting(const std::string& label) {
  for (CK_OBJECT_CLASS kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    ASSIGN_OR_RETURN(auto objects, anchor_.Find(kind, label, 1));
    if (!objects.empty()) {
      return Fail(ErrorCode::kAlreadyExists, "the token already has a key '" + label +
                                                 "': nothing is overwritten; choose another label "
                                                 "or another token");
    }
  }
  return {};
}

base::Status Connection::GeneratePair(const std::string& label, KeyType type, KeyUsage usage,
                                      const KeyOptions& options) {
  base::MutexLock lock(anchor_mutex_);
  RETURN_IF_ERROR(RefuseExisting(label));
  bool rsa = type != KeyType::kP256 && type != KeyType::kEd25519;
  bool sign = usage == KeyUsage::kSign;
  std::string id = options.id.empty() ? base::RandomBytes(16) : options.id;
  Template open, secret;
  open.Bool(CKA_TOKEN, true).Bool(CKA_PRIVATE, false).Bytes(CKA_LABEL, label).Bytes(CKA_ID, id);
  secret.Bool(CKA_TOKEN, true).Bool(CKA_PRIVATE, true).Bytes(CKA_LABEL, label).Bytes(CKA_ID, id);
  open.Bool(CKA_VERIFY, sign).Bool(CKA_ENCRYPT, !sign && rsa).Bool(CKA_WRAP, false);
  if (!rsa) open.Bool(CKA_DERIVE, !sign);
  // Said one by one: CKA_SENSITIVE defaults to false in some tokens, usages to true in others.
  secret.Bool(CKA_SENSITIVE, true).Bool(CKA_EXTRACTABLE, options.exportable);
  secret.Bool(CKA_SIGN, sign).Bool(CKA_DECRYPT, !sign && rsa).Bool(CKA_DERIVE, !sign && !rsa);
  secret.Bool(CKA_UNWRAP, false).Bool(CKA_SIGN_RECOVER, false);
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  if (rsa) {
    mechanism.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
    CK_ULONG bits = type == KeyType::kRsa2048 ? 2048 : type == KeyType::kRsa3072 ? 3072 : 4096;
    open.Ulong(CKA_MODULUS_BITS, bits).Bytes(CKA_PUBLIC_EXPONENT, {"\x01\x00\x01", 3});
  } else if (type == KeyType::kEd25519) {
    mechanism.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
    open.Bytes(CKA_EC_PARAMS, kEd25519Oid);
  } else {
    open.Bytes(CKA_EC_PARAMS, kP256Oid);
  }
  CK_OBJECT_HANDLE public_key, private_key;
  RETURN_IF_CK("C_GenerateKeyPair",
               functions()->C_GenerateKeyPair(anchor_.session, &mechanism, open.data(), open.size(),
                                              secret.data(), secret.size(), &public_key,
                                              &private_key));
  return {};
}

// The next use finds and checks the key anew.
void Connection::Forget(const std::string& label) {
  auto at = keys_.find(label);
  if (at == keys_.end()) return;
  if (at->second.handle != at->second.token_object) {
    functions()->C_DestroyObject(anchor_.session, at->second.handle);
  }
  keys_.erase(at);
}

base::Status Connection::DestroyPair(const std::string& label) {
  base::MutexLock lock(anchor_mutex_);
  Forget(label);
  for (CK_OBJECT_CLASS kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    ASSIGN_OR_RETURN(auto objects, anchor_.Find(kind, label, 2));
    for (CK_OBJECT_HANDLE object : objects) {
      RETURN_IF_CK("C_DestroyObject", functions()->C_DestroyObject(anchor_.session, object));
    }
  }
  return {};
}

}  // namespace paygate::hsm::pkcs11
