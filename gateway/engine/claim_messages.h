// A buyer's claim on an undertaking, and the seller's answer (protocol.md section 7). Both are
// durable before they are acknowledged. Thread-safe.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class ClaimMessages {
 public:
  struct Parts {  // everything is borrowed
    const base::Clock& clock;
    const Envelope& envelope;
    const SignedMessages& messages;
    Participants& participants;
    const storage::AuthorisationReader& payments;
    const storage::CsblkRegister& csblks;
    storage::Claims& claims;
    Parking& parking;
    const Limits& limits;
  };
  explicit ClaimMessages(const Parts& parts) : p_(parts) {}

  void File(std::string_view jwe, Reply reply);    // POST /v1/refund-claims
  void Answer(std::string_view jwe, Reply reply);  // POST /v1/refund-claims/answer

 private:
  // The JWS of either message; nullopt: answered already.
  struct Opened {
    std::string compact;
    VerifiedMessage message;
  };
  std::optional<Opened> Open(std::string_view jwe, std::string_view member, std::string_view typ,
                             Reply& reply) const;
  base::Status TakeClaim(const Opened& opened) const;
  base::Result<storage::IntentRecord> CheckClaim(
      const VerifiedMessage& message, const protocol::RefundClaimPayload& claim) const;
  base::Status TakeAnswer(const Opened& opened) const;

  const Parts p_;
};

}  // namespace paygate::gateway::engine
