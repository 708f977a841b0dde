// Crash points: what preload.cc and a test share, in a file that both map. Every call by which a
// process changes what others see (send, write, sync, rename) or learns something (receive, read)
// is a step; the process dies before the step at which its countdown is over.
#pragma once

#include <atomic>
#include <cstdint>

namespace paygate::crash {

inline constexpr const char* kRoles[] = {"engine", "bank", "front", "token", "banksim"};
inline constexpr int kRoleCount = 5;
inline constexpr int kGatewayRoles = 4;  // the first; the last is the simulated network

struct Points {
  std::atomic<int64_t> left[kRoleCount];     // steps that are still done; negative: lives on
  std::atomic<uint64_t> passed[kRoleCount];  // steps done while a countdown ran
  std::atomic<uint64_t> deaths;
};

}  // namespace paygate::crash
