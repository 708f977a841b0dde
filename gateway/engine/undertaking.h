// The seller's undertaking (protocol.md section 7), as the register of CSBLKs keeps it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

struct KeptUndertaking {
  std::string jws;
  protocol::UndertakingPayload payload;
};
// Of an issued CSBLK, and so verified when it was; nullopt: its seller promised nothing.
base::Result<std::optional<KeptUndertaking>> UndertakingOf(const storage::CsblkRegister& csblks,
                                                           const std::string& csblk_id);

}  // namespace paygate::gateway::engine
