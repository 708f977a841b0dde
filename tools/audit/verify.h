// Checks an exported audit log (docs/formats/audit-log.md) with nothing but its directory and the
// operator's root certificate: one pass over the entries, in constant memory. Reads files only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/checkpoint.h"
#include "base/result.h"

namespace paygate::tools::audit {

struct LogReport {
  std::string origin;
  uint64_t entries = 0;
  size_t checkpoints = 0;  // of the directory, all good
  paygate::audit::Checkpoint newest;
  std::vector<std::string> kept;  // what was found of the reader's own checkpoints, in words
  // What is wrong, in words; empty: nothing. The report ends with the first that makes what comes
  // after it meaningless.
  std::vector<std::string> findings;
};

struct LogToVerify {
  std::string directory;
  std::string root;  // a PEM file
  std::vector<std::string> kept;  // files with checkpoints that the reader has from before
};

// An error (kIo, kInvalidArgument) means that nothing could be checked; what is bad is a finding.
base::Result<LogReport> VerifyLog(const LogToVerify& what);

}  // namespace paygate::tools::audit
