// What is known of the gateway under test: its document, verified against the pinned root before
// anything is sent. Immutable; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/jws.h"
#include "protocol/public_key.h"
#include "tools/load/connection.h"

namespace paygate::load {

struct Gateway {
  Endpoint endpoint;
  std::string root_pem, id;
  protocol::PublicKey encryption_key;
  std::string encryption_x5t;
  std::map<std::string, protocol::PublicKey, std::less<>> signature_keys;  // by x5t#S256
  std::string signature_algorithm, encryption_algorithm;  // for the report: "ES256", "ECDH-ES"
  size_t request_bytes = 65536;

  bool batch_signatures = false;  // it offers them (docs/protocol/batch-signatures.md)

  // The payload of a JWS of the gateway. The signature is verified if `verify`, and always named.
  base::Result<std::string> Read(std::string_view jws, std::string_view typ, bool verify,
                                 protocol::JwsForms forms) const;
};

base::Result<Gateway> LearnGateway(const std::string& url, const std::string& root_pem);

}  // namespace paygate::load
