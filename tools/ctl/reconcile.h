// paygatectl reconcile: has the running engine compare itself with the bank's statement, and waits
// for the end.
#pragma once

#include <string>

#include "base/result.h"
#include "tools/ctl/audit_export.h"

namespace paygate::tools::ctl {

struct Reconciled {
  std::string json;       // the engine's report
  bool done = false;      // otherwise the bank could not be asked, say
  uint64_t differences = 0;
};
// `since`: empty for what is new, together with all that stands.
base::Result<Reconciled> Reconcile(const Asker& ask, const std::string& since);

}  // namespace paygate::tools::ctl
