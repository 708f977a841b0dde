// A seller's refund (paper 7.4, protocol.md section 7): the authorisation is checked against the
// completed payment, becomes durable, and goes to the bank as any intent does. Whether there is
// enough left of the payment is decided inside the store. Thread-safe.
#pragma once

#include <string>

#include "bank/bank.h"
#include "base/clock.h"
#include "gateway/engine/awaiting.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/settler.h"
#include "gateway/engine/storage_keys.h"
#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Refund {
 public:
  struct Parts {  // everything is borrowed
    const base::Clock& clock;
    const Envelope& envelope;
    const SignedMessages& messages;
    storage::AuthorisationStore& authorisations;
    const storage::AuthorisationReader& payments;
    bank::Bank& bank;
    StorageKeys& storage_keys;
    Settler& settler;
    Awaiting& awaiting;
    const Limits& limits;
  };
  explicit Refund(const Parts& parts) : p_(parts) {}

  // A message whose handshake is lost or expired is answered only if it was seen before.
  void Authorise(protocol::ParsedJwe jwe, base::Result<Handshake> handshake, Reply reply);

 private:
  using Payload = protocol::RefundAuthorisationPayload;
  base::Result<Payload> Check(const VerifiedMessage& message, const Handshake& handshake) const;
  // The payment, if this participant may refund it.
  base::Result<storage::Payment> CheckPayment(const std::string& seller_id,
                                              const protocol::RefundBlock& refund) const;
  void Record(const VerifiedMessage& message, const std::string& authorisation_jws,
              const Payload& payload, const storage::Payment& payment, const Handshake& handshake,
              Reply reply);

  const Parts p_;
};

}  // namespace paygate::gateway::engine
