#include "gateway/engine/allowance.h"

namespace paygate::gateway::engine {

bool Allowance::Take(const std::string& source, uint64_t amount, base::MonotonicTime now) {
  base::MutexLock lock(mutex_);
  if (now - window_ >= std::chrono::seconds(1)) {
    window_ = now;
    taken_ = 0;
    by_source_.clear();
  }
  if (taken_ > 0 && taken_ + amount > all_) return false;
  if (by_source_.size() >= kMaxSources && !by_source_.contains(source)) return false;
  uint64_t& of_source = by_source_[source];
  if (of_source > 0 && of_source + amount > each_) return false;
  taken_ += amount;
  of_source += amount;
  return true;
}

}  // namespace paygate::gateway::engine
