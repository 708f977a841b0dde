// Concat KDF (NIST SP 800-56A section 5.8.1, RFC 7518 section 4.6.2) for ECDH-ES with A256GCM,
// direct: AlgorithmID "A256GCM", empty PartyUInfo and PartyVInfo, 256 bits out. Used by the sender
// of a JWE and by whoever holds the receiver's key. Pure; thread-safe.
#pragma once

#include "base/secret_bytes.h"

namespace paygate::hsm {

// `z`: the ECDH shared secret, 32 bytes (the x coordinate). The 32-byte content encryption key.
base::SecretBytes ConcatKdfA256Gcm(const base::SecretBytes& z);

}  // namespace paygate::hsm
