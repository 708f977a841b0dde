#include "storage/rocksdb/open_intents.h"

#include <algorithm>

namespace paygate::storage::rocksdb {

void OpenIntents::Add(base::UnixTime recorded_at, const std::string& payment_id,
                      const std::string& prepared_key) {
  base::MutexLock lock(mutex_);
  const bool added = open_.emplace(std::pair(recorded_at, payment_id), prepared_key).second;
  if (added && !prepared_key.empty()) ++key_uses_[prepared_key];
}

void OpenIntents::ReleaseKey(base::UnixTime recorded_at, const std::string& payment_id) {
  base::MutexLock lock(mutex_);
  const auto it = open_.find({recorded_at, payment_id});
  if (it != open_.end()) Release(it->second);
}

void OpenIntents::Remove(base::UnixTime recorded_at, const std::string& payment_id) {
  base::MutexLock lock(mutex_);
  const auto it = open_.find({recorded_at, payment_id});
  if (it == open_.end()) return;
  Release(it->second);
  open_.erase(it);
}

void OpenIntents::Release(std::string& prepared_key) {
  const auto it = key_uses_.find(prepared_key);
  if (it != key_uses_.end() && --it->second == 0) key_uses_.erase(it);
  prepared_key.clear();
}

size_t OpenIntents::Count() const {
  base::MutexLock lock(mutex_);
  return open_.size();
}

std::vector<std::string> OpenIntents::PaymentIds(size_t limit) const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> ids;
  ids.reserve(std::min(limit, open_.size()));
  for (const auto& [key, prepared_key] : open_) {
    if (ids.size() >= limit) break;
    ids.push_back(key.second);
  }
  return ids;
}

std::vector<std::string> OpenIntents::KeysInUse() const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, uses] : key_uses_) keys.push_back(key);
  return keys;
}

}  // namespace paygate::storage::rocksdb
