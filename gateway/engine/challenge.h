// Messages 1 and 2 of seller block certification, payment and refund (paper 6.2.3, 6.2.4, 7.4;
// ISO/IEC 9798-3 clause 5.2.2): the same step over another block. The gateway signs only what names
// the challenge, the participant, both nonces and the block, under a typ of its own: read raw, the
// paper's message 2 could be taken for a CSBLK (formal/README.md, attack 1). Keeps no state.
// Thread-safe.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/verified_message.h"

namespace paygate::gateway::engine {

class Challenge {
 public:
  Challenge(const base::Clock& clock, const Envelope& envelope, Participants& participants,
            const Handshakes& handshakes, const Limits& limits)
      : clock_(clock),
        envelope_(envelope),
        participants_(participants),
        handshakes_(handshakes),
        limits_(limits) {}

  void SellerBlock(std::string_view jwe, Reply reply);  // r1 → r2
  void Payment(std::string_view jwe, Reply reply);      // r3 → r4
  void Refund(std::string_view jwe, Reply reply);       // r5 → r6

 private:
  struct Opened {
    std::string nonce;  // r1, r3 or r5
    protocol::JwsForms forms;  // that the sender takes
    std::string body;
  };
  base::Result<Opened> Open(std::string_view jwe, std::string_view nonce_name) const;
  base::Result<protocol::Certificate> CheckSender(std::string_view certificate,
                                                  std::string_view account_digest) const;
  struct Statement {
    std::string_view typ;
    std::string payload;
    protocol::JwsForms forms;
  };
  void Answer(Phase phase, const protocol::Certificate& recipient, const Statement& statement,
              Handshake handshake, Reply& reply) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  Participants& participants_;
  const Handshakes& handshakes_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
