// The answer to whoever authorised a payment or a refund: its final receipt, again as often as it
// is asked for; a wait for it, up to payment_wait; or the signed `pending` then. Once an
// authorisation is durable no error is sent (protocol.md section 6). Thread-safe.
#pragma once

#include <string>

#include "base/clock.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/participants.h"
#include "gateway/engine/reply.h"
#include "gateway/engine/settler.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Awaiting {
 public:
  Awaiting(const base::Clock& clock, Participants& participants,
           const storage::AuthorisationReader& payments, Settler& settler, Parking& parking,
           const Limits& limits)
      : clock_(clock),
        participants_(participants),
        payments_(payments),
        settler_(settler),
        parking_(parking),
        limits_(limits) {}

  // The same authorisation again gets its answer again, whatever it was. False: never seen.
  bool AnswerSeenBefore(const std::string& payment_id, Reply& reply);
  // For a fresh intent, before the settler has it: the bank's answer must find who waits.
  void Await(const storage::Intent& intent, Reply reply);

 private:
  void Park(const storage::Intent& intent, base::MonotonicTime deadline, Reply reply);
  void AwaitOpen(const storage::Intent& intent, base::MonotonicTime deadline, Reply reply);
  void AnswerNow(const std::string& payment_id, Wake wake, Reply reply);
  // To the certificate with this fingerprint.
  void AnswerReceipt(std::string_view reply_certificate, uint32_t status,
                     std::string_view receipt, Reply& reply) const;

  const base::Clock& clock_;
  Participants& participants_;
  const storage::AuthorisationReader& payments_;
  Settler& settler_;
  Parking& parking_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
