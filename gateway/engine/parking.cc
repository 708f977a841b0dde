#include "gateway/engine/parking.h"

#include <algorithm>

namespace paygate::gateway::engine {

void Parking::Park(const std::string& key, base::MonotonicTime deadline, Resume resume) {
  {
    base::MutexLock lock(mutex_);
    if (entries_.size() < limit_) {
      const uint64_t id = next_id_++;
      by_key_.emplace(key, id);
      by_deadline_.emplace(deadline, id);
      entries_.emplace(id, Entry{key, deadline, std::move(resume)});
      return;
    }
  }
  Post(Entry{key, deadline, std::move(resume)}, Wake::kTimedOut);
}

Parking::Entry Parking::Take(ById::iterator it) {
  const uint64_t id = it->first;
  Entry entry = std::move(it->second);
  entries_.erase(it);
  auto erase = [id](auto& index, const auto& key) {
    for (auto [at, end] = index.equal_range(key); at != end; ++at) {
      if (at->second == id) return (void)index.erase(at);
    }
  };
  erase(by_key_, entry.key);
  erase(by_deadline_, entry.deadline);
  return entry;
}

void Parking::Post(Entry entry, Wake wake) {
  // A drained pool drops the task; the Reply inside then answers by itself.
  (void)workers_.SubmitPromised(
      [resume = std::move(entry.resume), wake]() mutable { resume(wake); });
}

std::vector<Parking::Entry> Parking::TakeAll(const std::string& key) {
  std::vector<Entry> taken;
  base::MutexLock lock(mutex_);
  for (auto at = by_key_.find(key); at != by_key_.end(); at = by_key_.find(key)) {
    taken.push_back(Take(entries_.find(at->second)));
  }
  return taken;
}

void Parking::WakeAll(const std::string& key) {
  for (Entry& entry : TakeAll(key)) Post(std::move(entry), Wake::kHappened);
}

void Parking::WakeAllHere(const std::string& key) {
  for (Entry& entry : TakeAll(key)) entry.resume(Wake::kHappened);
}

void Parking::Expire(base::MonotonicTime now) {
  std::vector<Entry> expired;
  {
    base::MutexLock lock(mutex_);
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
      expired.push_back(Take(entries_.find(by_deadline_.begin()->second)));
    }
  }
  for (Entry& entry : expired) Post(std::move(entry), Wake::kTimedOut);
}

void Parking::MakeRoom(const std::string& key, size_t at_most) {
  std::vector<Entry> released;
  {
    base::MutexLock lock(mutex_);
    while (by_key_.count(key) >= at_most) {
      const auto [begin, end] = by_key_.equal_range(key);
      const auto oldest = std::min_element(
          begin, end, [](const auto& a, const auto& b) { return a.second < b.second; });
      released.push_back(Take(entries_.find(oldest->second)));
    }
  }
  for (Entry& entry : released) Post(std::move(entry), Wake::kTimedOut);
}

void Parking::ReleaseAll() { Expire(base::MonotonicTime::max()); }

bool Parking::HasRoom() const { return size() < limit_; }

size_t Parking::size() const {
  base::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace paygate::gateway::engine
