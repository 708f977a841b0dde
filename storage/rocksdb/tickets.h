// Numbers for what is written in no promised order and must be found again from the oldest on: rows
// below Oldest() are there, or will never be. A walk that begins there misses nothing, and does not
// step over all that was deleted before. Thread-safe.
#pragma once

#include <cstdint>
#include <set>

#include "base/mutex.h"

namespace paygate::storage::rocksdb {

class Tickets {
 public:
  // Before the first Take: those below `next` are of an earlier run.
  void StartAt(uint64_t next) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    next_ = next;
  }
  uint64_t Take() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return *out_.insert(next_++).first;
  }
  // Its row is written, or will never be.
  void GiveBack(uint64_t ticket) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    out_.erase(ticket);
  }
  uint64_t Oldest() const EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return out_.empty() ? next_ : *out_.begin();
  }

 private:
  mutable base::Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> out_ GUARDED_BY(mutex_);
};

}  // namespace paygate::storage::rocksdb
