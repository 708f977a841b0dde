// The gateway's own keys and certificates, as the engine uses them: every private key behind a
// Signer or Decrypter whose key is in the token. Immutable after Load; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/config.h"
#include "hsm/decrypter.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"

namespace paygate::hsm::token {
class TokenClient;
}

namespace paygate::gateway::engine {

struct GatewayKeys {
  std::string id;  // ID_PG
  protocol::CertificateChecker checker;
  protocol::Certificate signature_certificate, encryption_certificate, issuing_ca;
  std::unique_ptr<hsm::Signer> signature, issuing;
  std::unique_ptr<hsm::Decrypter> encryption, storage;
  protocol::PublicKey storage_public_key;

  // The certificates named in the configuration must be good now, carry ID_PG, and certify the very
  // keys that the token proved; otherwise kInvalidArgument with what to mend.
  static base::Result<std::unique_ptr<GatewayKeys>> Load(const Config& config,
                                                         hsm::token::TokenClient& token,
                                                         base::UnixTime now);
};

}  // namespace paygate::gateway::engine
