// TokenState: a Connection that is replaced when the token was away. Shared by Token, KeyAdmin and
// the signers and decrypters that they give out. Internal to hsm/pkcs11. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>

#include "base/clock.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {

class TokenState {
 public:
  static base::Result<std::shared_ptr<TokenState>> Open(const TokenLocation& location,
                                                        size_t sessions, bool read_write);

  size_t sessions() const { return connection_sessions_; }

  // Runs `operation` while the connection stays. When it says kTokenUnavailable, reconnects and
  // runs it once more. A reconnect that failed is tried no sooner than half a second later.
  base::Status Run(const std::function<base::Status(Connection&)>& operation);

  // The key under its label, the same public key as before a reconnect; then the operation.
  base::Result<std::string> Sign(const KeyInfo& key, std::string_view bytes);
  base::Result<base::SecretBytes> Unwrap(const KeyInfo& key, std::string_view wrapped);

 private:
  TokenState(TokenLocation location, size_t sessions, bool read_write)
      : location_(std::move(location)), sessions_(sessions), read_write_(read_write) {}
  base::Status Reconnect(uint64_t lost_generation, const std::string& why);

  const TokenLocation location_;
  const size_t sessions_;  // asked for
  const bool read_write_;
  size_t connection_sessions_ = 0;  // had at Open
  const base::SystemClock clock_;

  // Held shared by operations, alone by a reconnect: C_Finalize must not meet a running call.
  std::shared_mutex mutex_;
  std::unique_ptr<Connection> connection_;
  uint64_t generation_ = 0;
  base::MonotonicTime next_attempt_{};
};

base::Result<KeyInfo> ProvenKey(const std::shared_ptr<TokenState>& state, const std::string& label);
base::Result<std::unique_ptr<Signer>> MakeSigner(const std::shared_ptr<TokenState>& state,
                                                 const std::string& label);
base::Result<std::unique_ptr<Decrypter>> MakeDecrypter(const std::shared_ptr<TokenState>& state,
                                                       const std::string& label);

}  // namespace paygate::hsm::pkcs11
