// One good example of each message, with values of the usual sizes; certificates from software
// keys.
#pragma once

#include <optional>
#include <string>

#include "protocol/certificate.h"
#include "protocol/messages.h"
#include "protocol/software_key.h"

namespace paygate::bench {

struct Samples {
  Samples();

  protocol::SoftwareKey issuer_key, signature_key, encryption_key;
  std::unique_ptr<hsm::Signer> signer;
  std::unique_ptr<hsm::Decrypter> decrypter;
  protocol::Certificate signature, encryption;  // Cert_V, Cert_P
  protocol::Disclosure account;
  protocol::Sblk sblk;
  protocol::Bblk bblk;
  std::string id, nonce, digest;
  std::string csblk;          // JWS
  std::string authorisation;  // JWS
  std::string receipt;        // JWS
  std::string receipt_jwe;
  std::optional<protocol::PaymentAuthorisationPayload> authorisation_payload;
  std::optional<protocol::PaymentResultPayload> receipt_payload;
};

}  // namespace paygate::bench
