// The gateway's own keys and certificates, as the engine uses them: every private key behind a
// Signer or Decrypter whose key is in the token.
//
// GatewayKeys: one state of the configuration; immutable after Load; thread-safe. During a rotation
// it holds several of a kind: the first is what the gateway signs with, has participants encrypt
// to, and issues under; the others still decrypt, and prove what was signed and issued before.
// KeysInForce: the GatewayKeys that new work takes. A reload replaces them whole, in one step; who
// holds the former ones finishes with them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "gateway/config.h"
#include "hsm/decrypter.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"
#include "protocol/jws.h"

namespace paygate::hsm::token {
class TokenClient;
}

namespace paygate::gateway::engine {

struct GatewayKeys {
  template <typename Key>
  struct Certified {
    protocol::Certificate certificate;
    protocol::Certificate issuer;  // the issuing CA that signed it; of an issuing CA: the root
    std::unique_ptr<Key> key;      // null: kept to prove what was signed before, no longer in use
    std::vector<std::string> Chain() const { return {certificate.der(), issuer.der()}; }
  };

  std::string id;  // ID_PG
  protocol::CertificateChecker checker;
  std::vector<Certified<hsm::Signer>> signature;       // the first has a key
  std::vector<Certified<hsm::Decrypter>> encryption;   // all have keys
  std::vector<Certified<hsm::Signer>> issuing;         // the first has a key
  std::optional<protocol::Certificate> bank;  // whom both accounts of a payment are sealed to
  std::string root_crl;  // DER; empty: none is configured
  std::shared_ptr<hsm::Decrypter> storage;
  protocol::PublicKey storage_public_key;
  // Whether the keys can be used now: a token process serves. Does not block.
  std::function<bool()> available = [] { return true; };

  const Certified<hsm::Signer>& Signature() const { return signature.front(); }
  const Certified<hsm::Decrypter>& Encryption() const { return encryption.front(); }
  // How a JWS by the gateway names its key (protocol.md rule 7).
  protocol::JwsKeyReference SignatureReference() const {
    return {.name = protocol::KeyName::kX5t, .x5t_s256 = Signature().certificate.fingerprint()};
  }
  const Certified<hsm::Signer>& Issuing() const { return issuing.front(); }
  // By x5t#S256; nullptr for one that is not ours.
  const Certified<hsm::Signer>* FindSignature(std::string_view fingerprint) const;
  const Certified<hsm::Decrypter>* FindEncryption(std::string_view fingerprint) const;

  // The preferred certificates must be good now, the others must have been while they lasted; all
  // carry ID_PG; each label's key, which the token proved, is certified by one of them, the first
  // by the first; the root's list is by the root. Otherwise kInvalidArgument with what to mend.
  static base::Result<std::shared_ptr<const GatewayKeys>> Load(const Config& config,
                                                               hsm::token::TokenClient& token,
                                                               base::UnixTime now);
};

class KeysInForce {
 public:
  explicit KeysInForce(std::shared_ptr<const GatewayKeys> keys) : keys_(std::move(keys)) {}

  std::shared_ptr<const GatewayKeys> Get() const EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return keys_;
  }
  void Replace(std::shared_ptr<const GatewayKeys> keys) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    keys_.swap(keys);  // the former ones may end here, outside the lock
  }

 private:
  mutable base::Mutex mutex_;
  std::shared_ptr<const GatewayKeys> keys_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
