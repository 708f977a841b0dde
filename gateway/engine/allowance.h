// What strangers may have of something dear in one second: at most so much in all, and at most so
// much for one source. Windows of one second; a source beyond kMaxSources gets nothing in that one.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace paygate::gateway::engine {

class Allowance {
 public:
  Allowance(uint64_t per_second, uint64_t per_source) : all_(per_second), each_(per_source) {}

  // False, and nothing is taken, if there is not so much left. What is more than the whole is given
  // to the first who asks in a window.
  bool Take(const std::string& source, uint64_t amount, base::MonotonicTime now) EXCLUDES(mutex_);

 private:
  static constexpr size_t kMaxSources = 4096;

  const uint64_t all_, each_;
  base::Mutex mutex_;
  base::MonotonicTime window_ GUARDED_BY(mutex_){};
  uint64_t taken_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, uint64_t> by_source_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
