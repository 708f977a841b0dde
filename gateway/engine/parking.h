// Who waits: requests that will be answered when something happens (a payment is settled, a message
// arrives) or when their time is over. No thread waits with them. A request is resumed exactly
// once, on a worker or by WakeAllHere's caller, unless its connection is gone first. Bounded;
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/worker_pool.h"

namespace paygate::gateway::engine {

enum class Wake : uint8_t { kHappened, kTimedOut };

class Parking {
 public:
  using Resume = std::move_only_function<void(Wake)>;

  Parking(base::WorkerPool& workers, size_t limit) : workers_(workers), limit_(limit) {}

  // Beyond the limit the request is resumed at once, as timed out.
  void Park(const std::string& key, base::MonotonicTime deadline, Resume resume);
  void WakeAll(const std::string& key);           // something happened to `key`
  // The same on the calling thread, which must hold no lock: spares a hand-over.
  void WakeAllHere(const std::string& key);
  void Expire(base::MonotonicTime now);           // from the ticker
  // Leaves at most `at_most` - 1 for this key: those who wait longest time out now.
  void MakeRoom(const std::string& key, size_t at_most);
  void ReleaseAll();                              // at shutdown: everyone times out
  size_t size() const;
  bool HasRoom() const EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string key;
    base::MonotonicTime deadline;
    Resume resume;
  };
  using ById = std::map<uint64_t, Entry>;

  Entry Take(ById::iterator entry) REQUIRES(mutex_);
  std::vector<Entry> TakeAll(const std::string& key) EXCLUDES(mutex_);
  void Post(Entry entry, Wake wake);

  base::WorkerPool& workers_;
  const size_t limit_;
  mutable base::Mutex mutex_;
  uint64_t next_id_ GUARDED_BY(mutex_) = 0;
  ById entries_ GUARDED_BY(mutex_);
  std::unordered_multimap<std::string, uint64_t> by_key_ GUARDED_BY(mutex_);
  std::multimap<base::MonotonicTime, uint64_t> by_deadline_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
