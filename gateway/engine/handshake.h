// What the gateway must remember between a challenge and its answer, carried by the participant
// (protocol.md section 1, rule 10): sealed by AEAD under a key that lives and dies with this
// process. Checked before any private-key operation. Thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::gateway::engine {

enum class Phase : uint8_t { kSellerBlock = 1, kPayment = 2 };

struct Handshake {
  Phase phase;
  std::string participant_id;
  std::string nonce_participant, nonce_gateway;  // r1 r2, or r3 r4
  std::string block_digest;                      // of SBLK or BBLK as printed
  std::string encryption_certificate;            // fingerprint of Cert_P
  base::UnixTime expires;
};

class Handshakes {
 public:
  Handshakes();
  std::string Seal(const Handshake& handshake) const;
  // kHandshakeExpired for every cause: too old, another phase, not ours.
  base::Result<Handshake> Open(std::string_view sealed, Phase phase, base::UnixTime now) const;

 private:
  const base::SecretBytes key_;
};

}  // namespace paygate::gateway::engine
