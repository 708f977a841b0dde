// Plugin: one bank adapter, loaded and opened. The host's side of bank/include/bank_adapter.h.
//
// Load refuses, with a sentence that says what to mend, a path that is not absolute, a file that is
// no adapter, one that speaks another version, and one that leaves out a function it must have.
// Open gives it its configuration. After Open the functions of table() may be called from any
// thread with handle(). The destructor closes it; the code stays in memory, because threads of a
// badly made adapter may still run in it.
#pragma once

#include <memory>
#include <string>

#include "bank/bank.h"
#include "bank/include/bank_adapter.h"
#include "base/clock.h"
#include "base/result.h"

namespace paygate::bank::host {

class Plugin {
 public:
  static base::Result<std::unique_ptr<Plugin>> Load(const std::string& path,
                                                    const base::Clock& clock);
  ~Plugin();
  Plugin(const Plugin&) = delete;

  base::Status Open(const std::string& config);

  const paygate_bank_adapter_v1& table() const { return table_; }
  paygate_bank* handle() const { return handle_; }
  std::string name() const { return table_.name ? table_.name : "unnamed"; }
  Capabilities capabilities() const;

 private:
  Plugin(const paygate_bank_adapter_v1& table, const base::Clock& clock);

  const paygate_bank_adapter_v1 table_;  // a copy: only what its size covers, the rest zero
  paygate_bank_host host_;
  paygate_bank* handle_ = nullptr;
};

}  // namespace paygate::bank::host
