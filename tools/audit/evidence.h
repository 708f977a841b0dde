// Judges an evidence file (docs/formats/evidence.md) by the files that a person has. Reads alone.
#pragma once

#include <string>

#include "audit/verdict.h"
#include "base/result.h"

namespace paygate::tools::audit {

struct EvidenceToVerify {
  std::string file;
  std::string root;             // the operator's root certificate, PEM
  std::string bank_key;         // PKCS#8, PEM, opens the sealed accounts; "": not there
  std::string passphrase_file;  // of that key; "": it is not encrypted
  std::string bank_signer;      // public key or certificate under which the bank signs; "": unknown
};

// An error (kIo, kNotFound, kInvalidArgument …) means that nothing could be judged.
base::Result<paygate::audit::EvidenceReport> VerifyEvidence(const EvidenceToVerify& what);

}  // namespace paygate::tools::audit
