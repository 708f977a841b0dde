// Health: whether this process' token does what it is for. Judged by having every key sign and
// unwrap, checked with its public key, and never by what the module says of itself: SoftHSM opens
// sessions with a token that is gone.
//
// While the token is well this is done each kProbeInterval, which also keeps idle sessions open.
// An operation that failed for the token's sake is a reason to look at once; from that moment on
// operations are refused without asking the token (a latch, so that a broken token is not hammered
// by whoever waits for it) until a probe, made each kRetryInterval, has proved every key again.
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "hsm/pkcs11/token.h"

namespace paygate::hsm::token {

constexpr int kExitHung = 5;

// While it lives the module has to return in time; otherwise the process ends (kExitHung), for a
// call into a module cannot be cancelled. One at a time in a process: it is the process' timer.
class ModuleDeadline {
 public:
  explicit ModuleDeadline(std::chrono::milliseconds deadline);
  ~ModuleDeadline();
  ModuleDeadline(const ModuleDeadline&) = delete;
};

class Health {
 public:
  static constexpr std::chrono::milliseconds kProbeInterval{10'000};
  static constexpr std::chrono::milliseconds kRetryInterval{250};

  // Borrows the token. Well, until told otherwise.
  Health(pkcs11::Token& token, std::chrono::milliseconds deadline);
  ~Health();
  Health(const Health&) = delete;

  // From now on these keys are watched. `changed` is called by the watching thread. Once.
  void Watch(std::vector<std::string> labels, std::function<void(bool serving)> changed);

  void Stop();  // watching; `changed` is not called any more

  bool serving() const { return serving_; }
  base::Status Check() const;  // kTokenUnavailable while it does not serve
  void Suspect() EXCLUDES(mutex_);

 private:
  void Run() EXCLUDES(mutex_);
  base::Status Prove();

  pkcs11::Token& token_;
  const std::chrono::milliseconds deadline_;
  const base::SystemClock clock_;
  std::atomic<bool> serving_ = true;
  std::vector<std::string> labels_;
  std::function<void(bool)> changed_;
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace paygate::hsm::token
