// Shares: how much of a lane one client holds at once, queued or running. Nobody gets more than
// its share, so that nobody fills the lane alone. Clients who hold nothing cost nothing.
// Thread-safe.
#pragma once

#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace paygate::gateway::engine {

class Shares {
 public:
  // False, and nothing is taken: the client has its share (at least one) already.
  bool Take(const std::string& client, size_t share) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    size_t& held = held_[client];
    if (held >= share) return false;
    ++held;
    return true;
  }
  void GiveBack(const std::string& client) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    auto found = held_.find(client);
    if (found != held_.end() && --found->second == 0) held_.erase(found);
  }

 private:
  base::Mutex mutex_;
  std::unordered_map<std::string, size_t> held_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
