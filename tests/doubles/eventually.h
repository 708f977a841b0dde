// For what gives no other sign than its effect.
#pragma once

#include <chrono>
#include <thread>

namespace paygate::doubles {

// True once `condition` is; false after `limit`, which no test waits for unless it fails.
template <typename Condition>
bool Eventually(Condition condition, std::chrono::seconds limit = std::chrono::seconds(60)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace paygate::doubles
