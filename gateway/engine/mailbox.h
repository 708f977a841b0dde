// The mailbox (protocol.md section 8): what the gateway has for a participant, with long poll.
// Thread-safe.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/verified_message.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Mailbox {
 public:
  Mailbox(const base::Clock& clock, const Envelope& envelope, const SignedMessages& messages,
          storage::Mailbox& mailbox, Parking& parking, const Limits& limits)
      : clock_(clock),
        envelope_(envelope),
        messages_(messages),
        mailbox_(mailbox),
        parking_(parking),
        limits_(limits) {}

  void Read(std::string_view jwe, Reply reply);

 private:
  void Poll(const VerifiedMessage& message, uint64_t after, base::MonotonicTime deadline,
            Reply reply);
  void Answer(const VerifiedMessage& message, const storage::MailboxPage& page, Reply& reply);

  const base::Clock& clock_;
  const Envelope& envelope_;
  const SignedMessages& messages_;
  storage::Mailbox& mailbox_;
  Parking& parking_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
