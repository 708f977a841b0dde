// Which signature forms a participant takes in its mailbox: what its last request said that it was
// bound to (the signed ones that only it can have made), as far as it is remembered here
// (docs/protocol/batch-signatures.md). In memory alone: who is forgotten gets single signatures,
// which everyone takes, until the next request. Thread-safe.
#pragma once

#include <string>
#include <unordered_set>

#include "base/mutex.h"
#include "protocol/jws.h"

namespace paygate::gateway::engine {

class ReaderForms {
 public:
  static constexpr size_t kMaxReaders = 100'000;  // beyond: all are forgotten

  void Note(const std::string& participant_id, protocol::JwsForms forms) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (forms == protocol::JwsForms::kSingle) {
      batch_.erase(participant_id);
      return;
    }
    if (batch_.size() >= kMaxReaders) batch_.clear();
    batch_.insert(participant_id);
  }
  protocol::JwsForms Of(const std::string& participant_id) const EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return batch_.contains(participant_id) ? protocol::JwsForms::kSingleOrBatch
                                           : protocol::JwsForms::kSingle;
  }

 private:
  mutable base::Mutex mutex_;
  std::unordered_set<std::string> batch_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
