// Locks by key: two operations that name a common key exclude each other, from the check to the
// durable write. Keys are hashed onto a fixed number of mutexes (memory does not grow with keys);
// Lock takes all of an operation's mutexes in ascending order, so operations cannot deadlock as
// long as each calls Lock once and takes no other Hold while it has one.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace paygate::storage::rocksdb {

class KeyLocks {
 public:
  // 64 workers hold two or three each: the chance of waiting for a stranger stays near 1 %.
  static constexpr size_t kStripes = 1 << 14;

  // Unlocks when destroyed.
  using Hold = std::vector<std::unique_lock<std::mutex>>;

  [[nodiscard]] Hold Lock(std::initializer_list<std::string_view> keys) {
    std::vector<size_t> stripes;
    for (std::string_view key : keys) {
      stripes.push_back(std::hash<std::string_view>()(key) % kStripes);
    }
    std::sort(stripes.begin(), stripes.end());
    stripes.erase(std::unique(stripes.begin(), stripes.end()), stripes.end());
    Hold hold;
    hold.reserve(stripes.size());
    for (size_t stripe : stripes) hold.emplace_back((*mutexes_)[stripe]);
    return hold;
  }

 private:
  std::unique_ptr<std::array<std::mutex, kStripes>> mutexes_ =
      std::make_unique<std::array<std::mutex, kStripes>>();
};

}  // namespace paygate::storage::rocksdb
