// A participant's two certificates and the answer that carries them (paper 6.2.2, protocol.md
// section 4), the same for registration and renewal. Decides nothing: whoever asks has checked the
// keys, the account and the bank's word, and makes what comes back durable. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/reply.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Issuance {
 public:
  Issuance(const base::Clock& clock, const Envelope& envelope, const Limits& limits,
           std::string public_url)
      : clock_(clock), envelope_(envelope), limits_(limits), public_url_(std::move(public_url)) {}

  struct Request {
    std::string_view digest, nonce;  // of the message that asks
    std::string_view participant_id;
    const protocol::PublicKey& signature_key;
    const protocol::PublicKey& encryption_key;
    std::string account_binding;  // raw SHA-256
  };
  // Three private-key operations.
  base::Result<storage::Registration> Issue(const Request& request) const;

  // {member: JWS} to the key that is being certified: only its holder learns what was decided.
  static void Answer(const protocol::PublicKey& encryption_key, uint32_t status,
                     std::string_view member, std::string_view jws, Reply& reply);

 private:
  base::Result<protocol::Certificate> Certify(const GatewayKeys& keys, const Request& request,
                                              protocol::Role role,
                                              const protocol::PublicKey& key) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  const Limits& limits_;
  const std::string public_url_;
};

}  // namespace paygate::gateway::engine
