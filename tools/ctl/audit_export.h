// paygatectl audit export: the audit log out of the running engine into a directory that
// paygate-audit verifies (docs/formats/audit-log.md).
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"

namespace paygate::tools::ctl {

// Asks the engine one thing; the JSON text of its answer.
using Asker = std::function<base::Result<std::string>(
    const std::string& command, const std::map<std::string, std::string>& arguments)>;

struct Exported {
  uint64_t entries = 0;
  size_t checkpoints = 0;
};

// Has a checkpoint signed and writes what it covers. `directory` is made, and must not be there:
// nothing is overwritten (kAlreadyExists). After another error it is incomplete: remove it.
base::Result<Exported> ExportAuditLog(const Asker& ask, const std::string& directory);

}  // namespace paygate::tools::ctl
