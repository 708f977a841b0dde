// Supervisor: starts programs in order, keeps them running, stops them in the reverse order.
//
// A stage is started when every program of the stages before it is ready. A program that dies is
// started again: at once the first time in a minute, then after 100 ms, doubling up to its
// longest_delay; more than kDeathsBeforeError deaths in a minute are logged as errors. Before
// everything was ready for the first time, kStartAttempts deaths of one program or a program that
// is not ready by its deadline end the start instead. Programs die with the supervisor
// (PR_SET_PDEATHSIG), have a process group of their own, no standard input, and standard error for
// standard output. At SIGHUP, once everything is ready, `on_reload` is called; what dies meanwhile
// is started again as ever. One thread, which must be the only one of its process; uses SIGCHLD,
// SIGHUP, SIGTERM and SIGINT.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace paygate::gateway::supervisor {

struct ChildSpec {
  std::string name;  // in the log
  std::string program;
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // NAME=value; all that it gets
  std::function<bool()> ready;           // does not block
  std::chrono::milliseconds longest_delay{10'000};  // between a death and the next start
};

using Stage = std::vector<ChildSpec>;

struct SupervisorTimes {
  std::chrono::milliseconds ready{60'000};  // for each stage
  std::chrono::milliseconds stop{10'000};   // from SIGTERM to SIGKILL, for each stage
};

constexpr int kDeathsBeforeError = 5;
constexpr int kStartAttempts = 3;

class Supervisor {
 public:
  static std::unique_ptr<Supervisor> Create(std::vector<Stage> stages, const base::Clock& clock,
                                            SupervisorTimes times = {});
  virtual ~Supervisor() = default;
  // Until SIGTERM or SIGINT (success) or a failed start; every program has ended on return.
  // `on_ready` is called once, when all are ready.
  virtual base::Status Run(const std::function<void()>& on_ready,
                           const std::function<void()>& on_reload = [] {}) = 0;

  // For `on_reload`.
  // The program of this spec's name is started like this from now on; one that runs is left alone.
  virtual void Change(const ChildSpec& spec) = 0;
  virtual bool Signal(const std::string& name, int signal) = 0;  // false: it does not run now
  // False at the deadline, or when asked to stop.
  virtual bool Await(const std::function<bool()>& condition, std::chrono::milliseconds longest) = 0;
  // Runs a program that is to end by itself; its exit status. nullopt: it was ended by a signal,
  // our own at the deadline included, or could not be started.
  virtual std::optional<int> RunOnce(const ChildSpec& spec, std::chrono::milliseconds longest) = 0;
};

}  // namespace paygate::gateway::supervisor
