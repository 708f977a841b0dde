// Revocation by the participant (protocol.md section 4): from the acknowledgement on, every message
// under these certificates is refused, but for the revocation itself sent again: it is acknowledged
// again. Thread-safe.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/verified_message.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Revocation {
 public:
  Revocation(const base::Clock& clock, const Envelope& envelope, const SignedMessages& messages,
             storage::CertificateRegister& certificates, const Limits& limits)
      : clock_(clock),
        envelope_(envelope),
        messages_(messages),
        certificates_(certificates),
        limits_(limits) {}

  void Revoke(std::string_view jwe, Reply reply);

 private:
  const base::Clock& clock_;
  const Envelope& envelope_;
  const SignedMessages& messages_;
  storage::CertificateRegister& certificates_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
