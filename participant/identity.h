// Identity: who this participant is, as the gateway certified it (protocol.md section 4).
//
// Kept in identity.json, which is written once, when registration is complete, and holds the
// account number inside `binding`: it never leaves the participant except encrypted to the gateway.
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
};

base::Result<std::optional<Identity>> LoadIdentity(Disk& disk);
base::Status SaveIdentity(Disk& disk, const Identity& identity);

}  // namespace paygate::participant
