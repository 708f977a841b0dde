// What the processes of this machine use: the tester's own, and the gateway's if it is here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace paygate::load {

struct ProcessUse {
  pid_t pid = 0;
  std::string name;  // "paygate-engine"
  double cpu_s = 0;  // user and system, since it started
  uint64_t rss_bytes = 0;
};

// A process that is gone is left out.
std::vector<ProcessUse> UseOf(const std::vector<pid_t>& pids);
double OwnCpuSeconds();

// paygated and its children, found from who listens at the engine's control socket.
base::Result<std::vector<pid_t>> PidsBehind(const std::string& control_socket);

struct Machine {
  std::string cpu, kernel;
  uint32_t cores = 0;  // that this process may use
  uint64_t memory_bytes = 0;
};
Machine ThisMachine();

}  // namespace paygate::load
