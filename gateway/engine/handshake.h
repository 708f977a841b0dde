// What the gateway must remember between a challenge and its answer, carried by the participant
// (protocol.md section 1, rule 10): sealed by AEAD under a key that lives and dies with this
// process. Checked before any private-key operation. Thread-safe.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::gateway::engine {

enum class Phase : uint8_t { kSellerBlock = 1, kPayment = 2, kRefund = 3 };

struct Handshake {
  Phase phase;
  std::string participant_id;
  std::string nonce_participant, nonce_gateway;  // r1 r2, r3 r4, or r5 r6
  std::string block_digest;                      // of SBLK, BBLK or refund as printed
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

// A handshake opens the lane of answers once: who sends garbage with it a second time is limited as
// a stranger is. Remembers handshakes until they expire, at most kMaxPasses (a few MiB).
// Thread-safe.
class LanePasses {
 public:
  static constexpr size_t kMaxPasses = 50'000;
  // False for one that was taken before, and for a new one where no more can be remembered.
  bool Take(const Handshake& handshake, base::UnixTime now) EXCLUDES(mutex_);
  // It was not used after all.
  void GiveBack(const Handshake& handshake) EXCLUDES(mutex_);

 private:
  base::Mutex mutex_;
  std::set<std::pair<base::UnixTime, std::string>> taken_ GUARDED_BY(mutex_);  // expires; r2 …
};

}  // namespace paygate::gateway::engine
