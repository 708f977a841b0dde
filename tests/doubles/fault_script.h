// FaultScript: the script of tests/doubles/faulty_module.cc, as a test writes it, and what the
// module counted, over all processes that have it. Thread-safe but for Set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paygate::doubles {

struct FaultState;
std::string FaultyModule();

class FaultScript {
 public:
  // The path that the module reads: PAYGATE_FAULT_FILE's, or "faults" beside SOFTHSM2_CONF's.
  explicit FaultScript(const std::string& path);
  ~FaultScript();
  FaultScript(const FaultScript&) = delete;

  // From now on; every "after" and "times" is counted anew.
  void Set(const std::string& script);
  void Clear() { Set(""); }
  // Since the state file was made.
  uint64_t Calls(std::string_view function) const;
  // How often the rule was applied, by its place in the script (from 0), since Set.
  uint64_t Hits(size_t rule = 0) const;

 private:
  const std::string path_;
  FaultState* state_;
};

}  // namespace paygate::doubles
