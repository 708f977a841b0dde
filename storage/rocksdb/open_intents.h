// Which payments have no stored results yet, and which storage keys they need: the `open` family's
// rows in memory, so that counting costs nothing and a walk costs what is open, not what was ever
// stored (deleted rows linger in an LSM tree). Thread-safe.
//
// An intent is added before its batch is written and removed after its settlement's is, so that a
// storage key is never believed unused while a durable intent needs it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace paygate::storage::rocksdb {

class OpenIntents {
 public:
  // prepared_key is empty if the bank's outcome is known.
  void Add(base::UnixTime recorded_at, const std::string& payment_id,
           const std::string& prepared_key) EXCLUDES(mutex_);
  // The prepared bytes are gone, the results are not there yet. A second time changes nothing.
  void ReleaseKey(base::UnixTime recorded_at, const std::string& payment_id) EXCLUDES(mutex_);
  void Remove(base::UnixTime recorded_at, const std::string& payment_id) EXCLUDES(mutex_);

  size_t Count() const EXCLUDES(mutex_);
  // Oldest first.
  std::vector<std::string> PaymentIds(size_t limit) const EXCLUDES(mutex_);
  std::vector<std::string> KeysInUse() const EXCLUDES(mutex_);

 private:
  void Release(std::string& prepared_key) REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::map<std::pair<base::UnixTime, std::string>, std::string> open_ GUARDED_BY(mutex_);
  std::map<std::string, size_t> key_uses_ GUARDED_BY(mutex_);
};

}  // namespace paygate::storage::rocksdb
