#include "tools/load/processes.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/ipc.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The fields of /proc/PID/stat behind the command, which may hold anything: state is the first.
std::vector<std::string> StatOf(pid_t pid) {
  const std::string stat = ReadAll("/proc/" + std::to_string(pid) + "/stat");
  const size_t end = stat.rfind(')');
  std::vector<std::string> fields;
  if (end == stat.npos) return fields;
  std::istringstream rest(stat.substr(end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

std::string NameOf(pid_t pid) {
  std::string command = ReadAll("/proc/" + std::to_string(pid) + "/cmdline");
  command = command.substr(0, command.find('\0'));
  return command.substr(command.rfind('/') + 1);
}

}  // namespace

std::vector<ProcessUse> UseOf(const std::vector<pid_t>& pids) {
  std::vector<ProcessUse> uses;
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (const pid_t pid : pids) {
    const auto fields = StatOf(pid);
    if (fields.size() < 22) continue;
    ProcessUse use{.pid = pid, .name = NameOf(pid)};
    use.cpu_s = (std::atof(fields[11].c_str()) + std::atof(fields[12].c_str())) / ticks;
    use.rss_bytes = std::strtoull(fields[21].c_str(), nullptr, 10) * page;
    uses.push_back(std::move(use));
  }
  return uses;
}

double OwnCpuSeconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

base::Result<std::vector<pid_t>> PidsBehind(const std::string& control_socket) {
  ASSIGN_OR_RETURN(const auto channel, base::Channel::Connect(control_socket));
  ASSIGN_OR_RETURN(const base::PeerCredentials peer, channel->Peer());
  const auto engine = StatOf(peer.pid);
  if (engine.size() < 2) return Fail(ErrorCode::kIo, "the engine is not in /proc");
  const pid_t parent = std::atoi(engine[1].c_str());
  // Under systemd each is a unit of its own, and nothing but the engine is found this way.
  if (NameOf(parent) != "paygated") return std::vector<pid_t>{peer.pid};
  std::vector<pid_t> pids{parent};
  DIR* proc = opendir("/proc");
  while (const dirent* entry = proc ? readdir(proc) : nullptr) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    const auto fields = StatOf(pid);
    if (fields.size() > 1 && std::atoi(fields[1].c_str()) == parent) pids.push_back(pid);
  }
  if (proc != nullptr) closedir(proc);
  std::sort(pids.begin(), pids.end());
  return pids;
}

Machine ThisMachine() {
  Machine machine;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; machine.cpu.empty() && std::getline(info, line);) {
    if (line.starts_with("model name")) machine.cpu = line.substr(line.find(':') + 2);
  }
  utsname name{};
  if (uname(&name) == 0) machine.kernel = std::string(name.sysname) + " " + name.release;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    machine.cores = static_cast<uint32_t>(CPU_COUNT(&cpus));
  }
  struct sysinfo memory {};
  if (sysinfo(&memory) == 0) machine.memory_bytes = memory.totalram * memory.mem_unit;
  return machine;
}

}  // namespace paygate::load
