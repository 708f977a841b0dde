// Link: the client's connections to one token process.
//
// A caller leases a connection, writes its request and reads the reply itself: nothing of an
// operation changes hands inside this process. One more connection is the Link's own: its thread
// greets over it, learns by it that the process is gone, and retires the process through it.
// Internal to hsm/token. Thread-safe.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/mutex.h"
#include "hsm/token/wire.h"

namespace paygate::hsm::token {

class Link {
 public:
  struct Hooks {
    // Decides whether these keys are the ones that all processes must offer.
    std::function<bool(const std::vector<KeyInfo>&)> accept_keys;
    std::function<void()> state_changed;  // serving or no longer
    // This process' memory passed the bound: may it be retired now?
    std::function<bool(const Link&)> may_retire;
  };

  Link(std::string socket, std::chrono::milliseconds deadline, uint64_t memory_limit_bytes,
       Hooks hooks);
  ~Link();
  Link(const Link&) = delete;

  bool serving() const { return serving_; }
  size_t in_flight() const { return in_flight_; }
  const std::string& socket() const { return socket_; }
  // It serves, with keys of all these labels.
  bool Offers(const std::vector<std::string>& labels) const EXCLUDES(mutex_);
  // Has the process retired as if its memory had passed the bound, where may_retire allows it.
  void AskToRetire();
  // kClosed when the process went away or missed the deadline (it is then killed): the caller may
  // try another. Otherwise one outcome for each operation.
  base::Result<std::vector<Outcome>> Call(const std::vector<Operation>& operations)
      EXCLUDES(mutex_);
  // Wakes and ends everything; Calls fail with kClosed.
  void Stop() EXCLUDES(mutex_);
  void Join();  // after Stop(), by one thread

 private:
  using Channel = std::shared_ptr<base::Channel>;
  enum class State { kDown, kServing, kRetiring, kStopped };
  struct Lease {
    Channel channel;
    uint64_t id;  // of the request
  };

  base::Result<Lease> Borrow() EXCLUDES(mutex_);
  void GiveBack(const Channel& channel) EXCLUDES(mutex_);
  base::Result<Reply> Exchange(const Lease& lease, const std::vector<Operation>& operations)
      EXCLUDES(mutex_);
  base::Result<Channel> Connect(uint64_t life, pid_t process) EXCLUDES(mutex_);

  void Maintain();
  base::Result<std::vector<KeyInfo>> Greet(base::Channel& channel);
  void AwaitEnd(base::Channel& channel) EXCLUDES(mutex_);
  bool MayRetireNow() EXCLUDES(mutex_);
  void Retire(base::Channel& channel) EXCLUDES(mutex_);
  bool BeginServing(base::Channel& channel, std::vector<KeyInfo> keys) EXCLUDES(mutex_);
  void Down() EXCLUDES(mutex_);
  void SetState(State state) REQUIRES(mutex_);
  void CloseAll() REQUIRES(mutex_);
  bool WaitBackoff() EXCLUDES(mutex_);
  void Wake();
  void Kill(const char* why) EXCLUDES(mutex_);

  const std::string socket_;
  const std::chrono::milliseconds deadline_;
  const uint64_t memory_limit_bytes_;
  const Hooks hooks_;
  const base::SystemClock clock_;
  const int wake_fd_;  // readable: look at over_limit_ and state_

  std::atomic<bool> serving_ = false;
  std::atomic<size_t> in_flight_ = 0;
  std::atomic<bool> asked_to_retire_ = false;
  std::atomic<uint64_t> over_limit_ = 0;  // resident bytes that passed the bound, or 0

  mutable base::Mutex mutex_;
  base::CondVar changed_;  // stopped, or the last call given back
  State state_ GUARDED_BY(mutex_) = State::kDown;
  Channel own_ GUARDED_BY(mutex_);
  pid_t process_ GUARDED_BY(mutex_) = 0;     // at the other end of own_; 0: gone or killed
  int process_fd_ GUARDED_BY(mutex_) = -1;   // the same process, for signals
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::vector<KeyInfo> keys_ GUARDED_BY(mutex_);  // that the process offers
  uint64_t lives_ GUARDED_BY(mutex_) = 0;  // of the process so far: a connection belongs to its own
  std::set<Channel> open_ GUARDED_BY(mutex_);     // all that callers made
  std::vector<Channel> idle_ GUARDED_BY(mutex_);  // those of them that nobody uses
  std::chrono::milliseconds backoff_;
  std::thread thread_;
};

}  // namespace paygate::hsm::token
