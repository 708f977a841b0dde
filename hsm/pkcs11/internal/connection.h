// Connection: one life of the token, from C_Initialize to C_Finalize. Replaced whole when the token
// was away, because no handle survives that. Internal to hsm/pkcs11. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/key_admin.h"
#include "hsm/pkcs11/internal/cryptoki.h"
#include "hsm/pkcs11/key_admin.h"
#include "hsm/proof.h"

namespace paygate::hsm::pkcs11 {

// How far a key may leave its token: never; it could once, for its backup, and is closed; it can.
enum class Leaving { kNever, kOnce, kNow };

struct FoundKey {
  KeyInfo info;
  CK_OBJECT_HANDLE token_object;  // for life, in the token
  CK_OBJECT_HANDLE handle;        // to use: a session copy, or the token object itself
  std::string modulus;            // RSA
  bool bare_rsa = false;          // RSA, kDecrypt: the token has CKM_RSA_X_509
  std::shared_ptr<const SignatureVerifier> verifier;  // kSign: no signature leaves unverified
};

// A loaded and initialised module; the last one of its path finalises and releases it.
class Module {
 public:
  static base::Result<std::unique_ptr<Module>> Load(const std::string& path,
                                                    const std::string& init_args = {});
  ~Module();
  CK_FUNCTION_LIST* functions() const { return functions_; }
  base::Result<std::vector<CK_SLOT_ID>> SlotsWithTokens() const;

 private:
  Module(std::string path, CK_FUNCTION_LIST* functions)
      : path_(std::move(path)), functions_(functions) {}
  const std::string path_;
  CK_FUNCTION_LIST* const functions_;
};

class Connection {
 public:
  // kSafe: one session where the token is known to fail in parallel.
  enum class Pool { kSafe, kAsAsked };
  static base::Result<std::unique_ptr<Connection>> Open(const TokenLocation& location,
                                                        size_t sessions, bool read_write,
                                                        Pool pool = Pool::kSafe);
  ~Connection();

  // A session of the pool, for one operation. Blocks until one is free.
  class Lease {
   public:
    explicit Lease(Connection& connection);
    ~Lease();
    Lease(const Lease&) = delete;
    CK_SESSION_HANDLE session() const { return session_; }

   private:
    Connection& connection_;
    CK_SESSION_HANDLE session_;
  };

  CK_FUNCTION_LIST* functions() const { return module_->functions(); }
  size_t sessions() const { return sessions_; }
  // The one private key of this label, checked; remembered once found.
  base::Result<FoundKey> Key(const std::string& label) EXCLUDES(anchor_mutex_);
  // Uses every session that nobody leases, because some tokens drop those that are idle.
  base::Status KeepAlive() EXCLUDES(pool_mutex_, anchor_mutex_);
  base::Result<std::vector<std::string>> PrivateKeyLabels() EXCLUDES(anchor_mutex_);
  // Makes the pair; the caller checks and proves it. One at a time: in parallel it has failed.
  base::Status GeneratePair(const std::string& label, KeyType type, KeyUsage usage,
                            const KeyOptions& options) EXCLUDES(anchor_mutex_);
  base::Status DestroyPair(const std::string& label) EXCLUDES(anchor_mutex_);

  // For the ceremony (describe.cc, backup.cc).
  base::Result<TokenDescription> DescribeToken() EXCLUDES(anchor_mutex_);
  base::Result<KeyDescription> Describe(const std::string& label) EXCLUDES(anchor_mutex_);
  base::Result<bool> HasObjectOf(const std::string& label, const std::string& id)
      EXCLUDES(anchor_mutex_);
  base::Result<std::string> WrapOut(const std::string& label, const base::SecretBytes& wrapping_key)
      EXCLUDES(anchor_mutex_);
  base::Status CloseExport(const std::string& label) EXCLUDES(anchor_mutex_);
  base::Status UnwrapIn(const KeyInfo& key, std::string_view wrapped,
                        const base::SecretBytes& wrapping_key) EXCLUDES(anchor_mutex_);

 private:
  Connection(std::unique_ptr<Module> module, CK_SESSION_HANDLE anchor,
             std::vector<std::string> backed_up_keys, Leaving backed_up_may)
      : module_(std::move(module)),
        backed_up_keys_(std::move(backed_up_keys)),
        backed_up_may_(backed_up_may),
        anchor_{module_->functions(), anchor} {}
  Leaving LeavingOf(const std::string& label) const;
  base::Status RefuseExisting(const std::string& label) REQUIRES(anchor_mutex_);
  void Forget(const std::string& label) REQUIRES(anchor_mutex_);

  base::Status FillPool(CK_SLOT_ID slot, size_t sessions, bool read_write) EXCLUDES(pool_mutex_);

  const std::unique_ptr<Module> module_;
  size_t sessions_ = 0;  // in the pool, free or leased; constant after Open
  const std::vector<std::string> backed_up_keys_;
  const Leaving backed_up_may_;  // what those may; a ceremony's are closed only after the backup

  base::Mutex pool_mutex_;
  base::CondVar session_free_;
  std::vector<CK_SESSION_HANDLE> free_ GUARDED_BY(pool_mutex_);

  base::Mutex anchor_mutex_;
  const SessionView anchor_ GUARDED_BY(anchor_mutex_);  // holds the login and the session copies
  std::map<std::string, FoundKey> keys_ GUARDED_BY(anchor_mutex_);
};

// Logs the session in with the PIN of the location's file, once: a PIN that the token has refused
// is not tried again, by no process and after no restart, until the file has changed (login.cc).
// kPermissionDenied says what to do.
base::Status LogIn(const Module& module, CK_SLOT_ID slot, CK_SESSION_HANDLE session,
                   const TokenLocation& location);

// The mechanism by which C_WrapKey gives the key out, or "" (wrap_out.cc).
std::string WrapsOut(const SessionView& view, CK_OBJECT_HANDLE key);
// What is wrong with the key's attributes, a sentence for each (keys.cc).
base::Result<std::vector<std::string>> AttributeFaults(const SessionView& view,
                                                       CK_OBJECT_HANDLE key,
                                                       Leaving leaving = Leaving::kNever);

// The key of this label as the token has it (keys.cc). kNotFound; kInvalidArgument with what is to
// be mended.
base::Result<FoundKey> FindAndCheckKey(const SessionView& view, const std::string& label,
                                       Leaving leaving);
// Slot of the one token that the URI names (module.cc).
base::Result<CK_SLOT_ID> FindToken(const Module& module, const std::string& token_uri);

// The operations (operations.cc), on a leased session. A signature that does not verify with the
// key's public key is an alarm and kTokenUnavailable.
base::Result<std::string> SignWith(const SessionView& view, const FoundKey& key,
                                   std::string_view bytes);
base::Result<base::SecretBytes> UnwrapWith(const SessionView& view, const FoundKey& key,
                                           std::string_view wrapped);

}  // namespace paygate::hsm::pkcs11
