#include "gateway/supervisor/supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/log.h"

namespace paygate::gateway::supervisor {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MonotonicTime;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};  // between looks at whether a stage is ready
constexpr milliseconds kFirstDelay{100};
constexpr std::chrono::minutes kWindow{1};

struct Child {
  ChildSpec spec;
  pid_t pid = 0;                          // 0: not running
  std::optional<MonotonicTime> start_at;  // when it is to be started again
  std::deque<MonotonicTime> deaths{};     // of the last minute
};

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return std::string("signal ") + strsignal(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

// In the child, after fork: only async-signal-safe calls.
[[noreturn]] void Become(const ChildSpec& spec, char* const* argv, char* const* envp,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  setpgid(0, 0);  // a terminal's Ctrl-C is for the supervisor, which has an order
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  close_range(STDERR_FILENO + 1, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
  execve(spec.program.c_str(), argv, envp);
  _exit(127);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

pid_t Spawn(const ChildSpec& spec) {
  std::vector<std::string> words{spec.program};
  words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
  const std::vector<char*> argv = Pointers(words);
  const std::vector<char*> envp = Pointers(spec.environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(spec, argv.data(), envp.data(), parent);
  return pid;
}

class SupervisorImpl final : public Supervisor {
 public:
  SupervisorImpl(std::vector<Stage> stages, const base::Clock& clock, SupervisorTimes times)
      : clock_(clock), times_(times) {
    for (Stage& stage : stages) {
      std::vector<Child>& children = stages_.emplace_back();
      for (ChildSpec& spec : stage) children.push_back(Child{std::move(spec)});
    }
    sigemptyset(&signals_);
    for (const int signal : {SIGCHLD, SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals_, signal);
  }

  base::Status Run(const std::function<void()>& on_ready,
                   const std::function<void()>& on_reload) override;
  void Change(const ChildSpec& spec) override;
  bool Signal(const std::string& name, int signal) override;
  bool Await(const std::function<bool()>& condition, milliseconds longest) override;
  std::optional<int> RunOnce(const ChildSpec& spec, milliseconds longest) override;

 private:
  base::Status StartAll();
  base::Status AwaitReady(std::vector<Child>& stage);
  void Watch(const std::function<void()>& on_reload);
  void Stop(std::vector<Child>& stage);
  void StopAll();

  void Start(Child& child);
  void StartDue();
  void Wait(milliseconds longest);
  void Reap();
  void OnDeath(Child& child, int status);
  milliseconds UntilNextStart() const;
  Child* Find(const std::string& name);

  const base::Clock& clock_;
  const SupervisorTimes times_;
  std::vector<std::vector<Child>> stages_;
  sigset_t signals_;
  bool stopping_ = false;   // SIGTERM or SIGINT came
  bool reload_ = false;     // SIGHUP came
  pid_t once_ = 0;          // the program of RunOnce; 0: none
  int once_status_ = 0;     // how it ended
  bool restarting_ = true;  // what dies is started again
  std::string start_failure_;
  bool started_ = false;  // all were ready once
};

base::Status SupervisorImpl::Run(const std::function<void()>& on_ready,
                                 const std::function<void()>& on_reload) {
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals_, &before);
  base::Status status = StartAll();
  if (status && !stopping_) {
    started_ = true;
    on_ready();
    Watch(on_reload);
  }
  StopAll();
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return status;
}

base::Status SupervisorImpl::StartAll() {
  for (std::vector<Child>& stage : stages_) {
    for (Child& child : stage) Start(child);
    RETURN_IF_ERROR(AwaitReady(stage));
    if (stopping_) return {};
  }
  return {};
}

base::Status SupervisorImpl::AwaitReady(std::vector<Child>& stage) {
  const MonotonicTime deadline = clock_.Monotonic() + times_.ready;
  for (Child& child : stage) {
    while (child.pid == 0 || !child.spec.ready()) {
      Wait(kPoll);
      StartDue();
      if (stopping_) return {};
      if (!start_failure_.empty()) return Fail(ErrorCode::kInternal, start_failure_);
      if (clock_.Monotonic() > deadline) {
        return Fail(ErrorCode::kTimeout,
                    child.spec.name + " was not ready in time; its log lines above say why");
      }
    }
  }
  return {};
}

void SupervisorImpl::Watch(const std::function<void()>& on_reload) {
  while (!stopping_) {
    if (std::exchange(reload_, false)) {
      on_reload();
    } else {
      Wait(UntilNextStart());
    }
    StartDue();
  }
}

Child* SupervisorImpl::Find(const std::string& name) {
  for (std::vector<Child>& stage : stages_) {
    for (Child& child : stage) {
      if (child.spec.name == name) return &child;
    }
  }
  return nullptr;
}

void SupervisorImpl::Change(const ChildSpec& spec) {
  if (Child* child = Find(spec.name)) child->spec = spec;
}

bool SupervisorImpl::Signal(const std::string& name, int signal) {
  const Child* child = Find(name);
  return child && child->pid > 0 && kill(child->pid, signal) == 0;
}

bool SupervisorImpl::Await(const std::function<bool()>& condition, milliseconds longest) {
  const MonotonicTime deadline = clock_.Monotonic() + longest;
  while (!condition()) {
    if (stopping_ || clock_.Monotonic() > deadline) return false;
    Wait(kPoll);
    StartDue();
  }
  return true;
}

std::optional<int> SupervisorImpl::RunOnce(const ChildSpec& spec, milliseconds longest) {
  const pid_t pid = once_ = Spawn(spec);
  if (pid < 0) return once_ = 0, std::nullopt;
  const auto ended = [this] { return once_ == 0; };
  if (!Await(ended, longest)) {
    kill(pid, SIGKILL);
    while (!ended()) Wait(kPoll);
  }
  if (!WIFEXITED(once_status_)) return std::nullopt;
  return WEXITSTATUS(once_status_);
}

void SupervisorImpl::StopAll() {
  restarting_ = false;
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) Stop(*stage);
}

void SupervisorImpl::Stop(std::vector<Child>& stage) {
  for (Child& child : stage) {
    if (child.pid > 0) kill(child.pid, SIGTERM);
  }
  const MonotonicTime deadline = clock_.Monotonic() + times_.stop;
  const auto running = [](const Child& child) { return child.pid > 0; };
  bool killed = false;
  while (std::ranges::any_of(stage, running)) {
    if (!killed && clock_.Monotonic() >= deadline) {
      killed = true;
      for (Child& child : stage) {
        if (child.pid <= 0) continue;
        base::LogError("child.killed",
                       {{"name", child.spec.name}, {"why", "did not stop in time"}});
        kill(child.pid, SIGKILL);
      }
    }
    Wait(kPoll);
  }
}

void SupervisorImpl::Start(Child& child) {
  child.start_at.reset();
  const pid_t pid = Spawn(child.spec);
  if (pid < 0) {
    base::LogError("child.fork-failed", {{"name", child.spec.name}, {"error", strerror(errno)}});
    child.start_at = clock_.Monotonic() + child.spec.longest_delay;
    return;
  }
  child.pid = pid;
  base::LogInfo("child.started", {{"name", child.spec.name}, {"pid", pid}});
}

void SupervisorImpl::StartDue() {
  const MonotonicTime now = clock_.Monotonic();
  for (std::vector<Child>& stage : stages_) {
    for (Child& child : stage) {
      if (child.start_at && *child.start_at <= now) Start(child);
    }
  }
}

milliseconds SupervisorImpl::UntilNextStart() const {
  const MonotonicTime now = clock_.Monotonic();
  milliseconds wait = kWindow;
  for (const std::vector<Child>& stage : stages_) {
    for (const Child& child : stage) {
      if (!child.start_at) continue;
      const auto left = std::chrono::ceil<milliseconds>(*child.start_at - now);
      wait = std::clamp(left, milliseconds(0), wait);
    }
  }
  return wait;
}

// Until a signal or the time is over.
void SupervisorImpl::Wait(milliseconds longest) {
  const timespec timeout{longest.count() / 1000, (longest.count() % 1000) * 1'000'000};
  siginfo_t info;
  const int signal = sigtimedwait(&signals_, &info, &timeout);
  if (signal == SIGHUP) reload_ = true;
  if (signal == SIGTERM || signal == SIGINT) {
    if (!stopping_) base::LogInfo("stopping", {{"signal", strsignal(signal)}});
    stopping_ = true;
  }
  Reap();
}

void SupervisorImpl::Reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == once_) {
      once_ = 0;
      once_status_ = status;
    }
    for (std::vector<Child>& stage : stages_) {
      const auto child = std::ranges::find(stage, pid, &Child::pid);
      if (child != stage.end()) OnDeath(*child, status);
    }
  }
}

void SupervisorImpl::OnDeath(Child& child, int status) {
  child.pid = 0;
  const std::string how = HowItEnded(status);
  if (!restarting_ || stopping_) {
    return base::LogInfo("child.stopped", {{"name", child.spec.name}, {"how", how}});
  }
  const MonotonicTime now = clock_.Monotonic();
  child.deaths.push_back(now);
  std::erase_if(child.deaths, [&](MonotonicTime death) { return death + kWindow < now; });
  const int deaths = static_cast<int>(child.deaths.size());
  milliseconds delay{0};
  if (deaths > 1) {
    delay = std::min(kFirstDelay * (1 << std::min(deaths - 2, 10)), child.spec.longest_delay);
  }
  child.start_at = now + delay;
  base::Log(deaths > kDeathsBeforeError ? base::LogLevel::kError : base::LogLevel::kWarning,
            "child.died",
            {{"name", child.spec.name},
             {"how", how},
             {"deaths_in_a_minute", deaths},
             {"restart_in_ms", delay.count()}});
  if (!started_ && deaths >= kStartAttempts) {
    start_failure_ = child.spec.name + " ended " + std::to_string(deaths) +
                     " times while starting, last with " + how + "; its log lines above say why";
  }
}

}  // namespace

std::unique_ptr<Supervisor> Supervisor::Create(std::vector<Stage> stages, const base::Clock& clock,
                                               SupervisorTimes times) {
  return std::make_unique<SupervisorImpl>(std::move(stages), clock, times);
}

}  // namespace paygate::gateway::supervisor
