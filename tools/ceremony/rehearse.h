// A rehearsal: the whole ceremony of a file, on scratch SoftHSM tokens, with stand-ins for people,
// CAs, custodians and keys that the real one needs. The real tokens and PINs are not touched.
#pragma once

#include <string>

#include "base/result.h"
#include "tools/ceremony/plan.h"

namespace paygate::tools::ceremony {

// Makes tokens, stand-ins and the file rehearsal.toml in `directory`, which is the rehearsed one
// with other tokens, paths and keys, and returns that plan: HoldCeremony and VerifyArtefacts do the
// rest, as ever. Reads the certificates that `plan` names. SOFTHSM2_CONF must not have been read by
// this process before.
base::Result<Plan> PrepareRehearsal(const Plan& plan, const std::string& directory,
                                    const std::string& module_path);

}  // namespace paygate::tools::ceremony
