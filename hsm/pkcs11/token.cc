#include "hsm/pkcs11/token.h"

#include <thread>

#include "base/log.h"
#include "hsm/pkcs11/internal/token_impl.h"
#include "hsm/proof.h"
#include "hsm/statement.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;
using base::SecretBytes;

constexpr std::chrono::milliseconds kReconnectInterval{500};
constexpr int kOpenAttempts = 4;
constexpr std::chrono::milliseconds kOpenPause{50};

class TokenSigner final : public Signer {
 public:
  TokenSigner(std::shared_ptr<TokenState> state, KeyInfo key)
      : state_(std::move(state)), key_(std::move(key)) {}
  SignatureAlgorithm algorithm() const override { return SignatureAlgorithmOf(key_.type); }
  base::Result<std::string> Sign(Statement statement) override {
    RETURN_IF_ERROR(CheckStatement(statement));
    return state_->Sign(key_, statement.bytes);
  }

 private:
  const std::shared_ptr<TokenState> state_;
  const KeyInfo key_;
};

class TokenDecrypter final : public Decrypter {
 public:
  TokenDecrypter(std::shared_ptr<TokenState> state, KeyInfo key, KeyManagement algorithm)
      : state_(std::move(state)), key_(std::move(key)), algorithm_(algorithm) {}
  KeyManagement algorithm() const override { return algorithm_; }
  base::Result<SecretBytes> Unwrap(WrappedKey wrapped) override {
    if (wrapped.algorithm != algorithm_) {
      return Fail(ErrorCode::kDecryptionFailed, "not decrypted");
    }
    return state_->Unwrap(key_, wrapped.bytes);
  }

 private:
  const std::shared_ptr<TokenState> state_;
  const KeyInfo key_;
  const KeyManagement algorithm_;
};

base::Result<FoundKey> SameKey(Connection& connection, const KeyInfo& known) {
  ASSIGN_OR_RETURN(FoundKey found, connection.Key(known.label));
  if (found.info.public_key_der == known.public_key_der && found.info.usage == known.usage) {
    return found;
  }
  base::LogAlarm("token.key_changed", {{"label", known.label}});
  return Fail(ErrorCode::kInvalidArgument, "key '" + known.label +
                                               "' is not the key it was: the token was exchanged; "
                                               "restart when that is as it should be");
}

base::Result<KeyInfo> CheckedKey(TokenState& state, const std::string& label) {
  KeyInfo info;
  RETURN_IF_ERROR(state.Run([&](Connection& connection) -> base::Status {
    ASSIGN_OR_RETURN(FoundKey key, connection.Key(label));
    info = key.info;
    return {};
  }));
  return info;
}

base::Error UsedFor(const KeyInfo& key, std::string_view not_for) {
  return {ErrorCode::kInvalidArgument,
          "key '" + key.label + "' is not made for " + std::string(not_for)};
}

class TokenImpl final : public Token {
 public:
  explicit TokenImpl(std::shared_ptr<TokenState> state) : state_(std::move(state)) {}
  size_t sessions() const override { return state_->sessions(); }
  base::Result<KeyInfo> ProvenKey(const std::string& label) override {
    return pkcs11::ProvenKey(state_, label);
  }
  base::Status KeepAlive() override {
    return state_->Run([](Connection& connection) { return connection.KeepAlive(); });
  }
  base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) override {
    return MakeSigner(state_, label);
  }
  base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) override {
    return MakeDecrypter(state_, label);
  }

 private:
  const std::shared_ptr<TokenState> state_;
};

}  // namespace

base::Result<std::shared_ptr<TokenState>> TokenState::Open(const TokenLocation& location,
                                                           size_t sessions, bool read_write) {
  std::shared_ptr<TokenState> state(new TokenState(location, sessions, read_write));
  // SoftHSM overlooks its token now and then while another process logs in (measured, when several
  // token processes start together).
  for (int attempt = 1;; ++attempt) {
    auto connection = Connection::Open(location, sessions, read_write);
    if (connection) {
      state->connection_ = std::move(*connection);
      state->connection_sessions_ = state->connection_->sessions();
      return state;
    }
    if (connection.error().code != ErrorCode::kTokenUnavailable || attempt == kOpenAttempts) {
      return std::unexpected(std::move(connection).error());
    }
    std::this_thread::sleep_for(kOpenPause);
  }
}

base::Status TokenState::Run(const std::function<base::Status(Connection&)>& operation) {
  for (int attempt = 0;; ++attempt) {
    uint64_t generation;
    std::string why = "not connected";
    {
      std::shared_lock lock(mutex_);
      generation = generation_;
      if (connection_ != nullptr) {
        base::Status status = operation(*connection_);
        if (status || status.error().code != ErrorCode::kTokenUnavailable || attempt > 0) {
          return status;
        }
        why = status.error().message;
      }
    }
    RETURN_IF_ERROR(Reconnect(generation, why));
  }
}

base::Status TokenState::Reconnect(uint64_t lost_generation, const std::string& why) {
  std::unique_lock lock(mutex_);
  if (generation_ != lost_generation) return {};  // another thread was here first
  if (clock_.Monotonic() < next_attempt_) {
    return Fail(ErrorCode::kTokenUnavailable, "the token is away; it is tried twice a second");
  }
  base::LogWarning("token.lost", {{"why", why}});
  connection_.reset();
  auto connection = Connection::Open(location_, sessions_, read_write_);
  if (!connection) {
    next_attempt_ = clock_.Monotonic() + kReconnectInterval;
    base::LogError("token.unreachable", {{"why", connection.error().message}});
    return Fail(ErrorCode::kTokenUnavailable, connection.error().message);
  }
  connection_ = std::move(*connection);
  ++generation_;
  base::LogInfo("token.reconnected");
  return {};
}

base::Result<std::string> TokenState::Sign(const KeyInfo& key, std::string_view bytes) {
  std::string signature;
  RETURN_IF_ERROR(Run([&](Connection& connection) -> base::Status {
    ASSIGN_OR_RETURN(FoundKey found, SameKey(connection, key));
    Connection::Lease lease(connection);
    ASSIGN_OR_RETURN(signature,
                     SignWith({connection.functions(), lease.session()}, found, bytes));
    return {};
  }));
  return signature;
}

base::Result<SecretBytes> TokenState::Unwrap(const KeyInfo& key, std::string_view wrapped) {
  SecretBytes content_key;
  RETURN_IF_ERROR(Run([&](Connection& connection) -> base::Status {
    ASSIGN_OR_RETURN(FoundKey found, SameKey(connection, key));
    Connection::Lease lease(connection);
    ASSIGN_OR_RETURN(content_key,
                     UnwrapWith({connection.functions(), lease.session()}, found, wrapped));
    return {};
  }));
  return content_key;
}

base::Result<std::unique_ptr<Signer>> MakeSigner(const std::shared_ptr<TokenState>& state,
                                                 const std::string& label) {
  ASSIGN_OR_RETURN(KeyInfo key, CheckedKey(*state, label));
  if (key.usage != KeyUsage::kSign) return std::unexpected(UsedFor(key, "signing"));
  return std::make_unique<TokenSigner>(state, std::move(key));
}

base::Result<std::unique_ptr<Decrypter>> MakeDecrypter(const std::shared_ptr<TokenState>& state,
                                                       const std::string& label) {
  ASSIGN_OR_RETURN(KeyInfo key, CheckedKey(*state, label));
  if (key.usage != KeyUsage::kDecrypt) return std::unexpected(UsedFor(key, "decryption"));
  ASSIGN_OR_RETURN(KeyManagement algorithm, KeyManagementOf(key.type));
  return std::make_unique<TokenDecrypter>(state, std::move(key), algorithm);
}

base::Result<KeyInfo> ProvenKey(const std::shared_ptr<TokenState>& state,
                                const std::string& label) {
  ASSIGN_OR_RETURN(KeyInfo key, CheckedKey(*state, label));
  base::Status proof;
  if (key.usage == KeyUsage::kSign) {
    ASSIGN_OR_RETURN(std::unique_ptr<Signer> signer, MakeSigner(state, label));
    proof = ProveSigner(*signer, key.public_key_der);
  } else {
    ASSIGN_OR_RETURN(std::unique_ptr<Decrypter> decrypter, MakeDecrypter(state, label));
    proof = ProveDecrypter(*decrypter, key.public_key_der);
  }
  if (!proof) return Fail(proof.error().code, "key '" + label + "': " + proof.error().message);
  return key;
}

base::Result<std::unique_ptr<Token>> Token::Open(const TokenLocation& location, size_t sessions) {
  ASSIGN_OR_RETURN(auto state, TokenState::Open(location, sessions, false));
  return std::make_unique<TokenImpl>(std::move(state));
}

}  // namespace paygate::hsm::pkcs11
