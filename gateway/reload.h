// What paygated does at SIGHUP: takes up new keys and certificates from the configuration while
// payments go on (docs/operations/rotation.md).
//
//   read and check the file → prove the keys, in a token process of its own that then ends
//   → from now on token processes start with former and new keys → SIGHUP to the engine, which has
//   those that lack a new key replaced one after another, loads the certificates, checks them as at
//   a start and changes over in one step → from now on token processes start with the new keys
//
// Whatever is wrong on the way: everything is as before, and a sentence says what to mend.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "gateway/config.h"
#include "gateway/supervisor/supervisor.h"

namespace paygate::gateway {

class Reloading {
 public:
  using TokenSpec = std::function<supervisor::ChildSpec(const Config& config, uint32_t index)>;

  // `running` is what the gateway was started with. The supervisor outlives this object.
  Reloading(std::string file, Config running, supervisor::Supervisor& supervisor,
            TokenSpec token_spec);
  // From the supervisor's on_reload. kInvalidArgument: refused, with what to mend.
  base::Status Run();

 private:
  base::Result<Config> Read() const;
  base::Status ProveKeys(const Config& config) const;
  base::Status TellEngine() const;
  void StartTokensWith(const Config& config) const;

  const std::string file_;
  Config running_;
  supervisor::Supervisor& supervisor_;
  const TokenSpec token_spec_;
};

}  // namespace paygate::gateway
