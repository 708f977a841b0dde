// The front's TLS key: the one private key of the gateway that is a file (P-256, PKCS#8, PEM).
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "protocol/public_key.h"

namespace paygate::tools::ceremony {

struct TlsKey {
  base::SecretBytes pkcs8_pem;
  protocol::PublicKey public_key;
};

base::Result<TlsKey> MakeTlsKey();
// The public half of such a file. kMalformed if it is none, half written for example.
base::Result<protocol::PublicKey> ReadTlsKey(const std::string& path);

}  // namespace paygate::tools::ceremony
