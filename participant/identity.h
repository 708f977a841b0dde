// Identity: who this participant is, as the gateway certified it (protocol.md section 4).
//
// Kept in identity.json, which is written when registration is complete and replaced, in one step,
// when a renewal is. It holds the account number inside `binding`: that never leaves the
// participant except encrypted to the gateway.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "participant/disk.h"

namespace paygate::participant {

struct Identity {
  std::string id;                      // ID_X
  std::string gateway_id;              // ID_PG
  std::string signature_certificate;   // Cert_V, DER
  std::string encryption_certificate;  // Cert_P, DER
  std::vector<std::string> chain;      // issuing CAs, DER
  std::string binding;                 // the disclosure that opens the certificates' accountBinding
  uint32_t generation = 0;             // of the keys (keyring.h): how often it was renewed
  std::vector<std::string> earlier;    // Cert_P of the generations before, DER: messages that are
                                       // encrypted to them still come
};

base::Result<std::optional<Identity>> LoadIdentity(Disk& disk);
base::Status SaveIdentity(Disk& disk, const Identity& identity);  // never replaces
base::Status ReplaceIdentity(Disk& disk, const Identity& identity);

// revoked.json: the participant's own revocation, acknowledged. For good.
struct Revoked {
  std::string reason;  // "keyCompromise" …
  int64_t at = 0;      // by the gateway's clock
  std::string done;    // its JWS
};
base::Result<std::optional<Revoked>> LoadRevoked(Disk& disk);
base::Status SaveRevoked(Disk& disk, const Revoked& revoked);

}  // namespace paygate::participant
