#include "hsm/token/health.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using base::Fail;

// The module's locks may be held for ever: no destructor runs, and only what a handler may do.
void OnAlarm(int) {
  constexpr char kWords[] = "paygate-token: the module does not return; ending\n";
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, kWords, sizeof kWords - 1);
  _exit(kExitHung);
}

void SetTimer(std::chrono::milliseconds time) {
  itimerval timer{};
  timer.it_value.tv_sec = time.count() / 1000;
  timer.it_value.tv_usec = time.count() % 1000 * 1000;
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

ModuleDeadline::ModuleDeadline(std::chrono::milliseconds deadline) {
  signal(SIGALRM, OnAlarm);
  SetTimer(deadline);
}

ModuleDeadline::~ModuleDeadline() { SetTimer(std::chrono::milliseconds(0)); }

Health::Health(pkcs11::Token& token, std::chrono::milliseconds deadline)
    : token_(token), deadline_(deadline) {}

Health::~Health() { Stop(); }

void Health::Stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Health::Watch(std::vector<std::string> labels, std::function<void(bool)> changed) {
  labels_ = std::move(labels);
  changed_ = std::move(changed);
  thread_ = std::thread([this] { Run(); });
}

base::Status Health::Check() const {
  if (serving_) return {};
  return Fail(ErrorCode::kTokenUnavailable, "the token is away; it is tried again and again");
}

void Health::Suspect() {
  if (!serving_.exchange(false)) return;
  base::MutexLock lock(mutex_);
  wake_.NotifyAll();
}

void Health::Run() {
  bool told = true;  // what `changed` was last told
  for (base::MonotonicTime next = clock_.Monotonic() + kProbeInterval;;) {
    {
      base::MutexLock lock(mutex_);
      while (!stopping_ && !(told && !serving_) && wake_.WaitUntil(mutex_, next)) {
      }
      if (stopping_) return;
    }
    if (told && !serving_) {
      told = false;
      base::LogAlarm("token.latched");
      changed_(false);
    }
    const base::Status proof = Prove();
    if (!proof && serving_.exchange(false)) continue;  // tell at once
    if (!proof) base::LogError("token.not_well", {{"why", proof.error().message}});
    if (proof && !told) {
      told = true;
      serving_ = true;
      base::LogInfo("token.well");
      changed_(true);
    }
    next = clock_.Monotonic() + (told ? kProbeInterval : kRetryInterval);
  }
}

base::Status Health::Prove() {
  {
    ModuleDeadline deadline(deadline_);
    RETURN_IF_ERROR(token_.KeepAlive());
  }
  for (const std::string& label : labels_) {
    ModuleDeadline deadline(deadline_);
    if (auto key = token_.ProvenKey(label); !key) return std::unexpected(std::move(key).error());
  }
  return {};
}

}  // namespace paygate::hsm::token
