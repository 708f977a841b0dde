// Link: the client's connection to one token process, kept up by a thread of its own.
// Internal to hsm/token. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
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

  bool serving() const EXCLUDES(mutex_);
  size_t in_flight() const EXCLUDES(mutex_);
  // kClosed when the process went away or missed the deadline (it is then killed): the caller may
  // try another. Otherwise one outcome for each operation.
  base::Result<std::vector<Outcome>> Call(const std::vector<Operation>& operations)
      EXCLUDES(mutex_);
  // Wakes and ends everything; Calls fail with kClosed.
  void Stop() EXCLUDES(mutex_);
  void Join();  // after Stop(), by one thread

 private:
  enum class State { kDown, kServing, kRetiring, kStopped };
  struct Pending {
    bool done = false;
    std::vector<Outcome> outcomes;
    base::CondVar changed;  // its reply, a loss, or Stop(): wakes its caller and nobody else
  };

  void Maintain();
  base::Status Greet(base::Channel& channel);
  void ReadReplies(base::Channel& channel);
  bool Retire(base::Channel& channel, uint64_t resident_bytes) EXCLUDES(mutex_);
  void TakeReply(Reply reply) EXCLUDES(mutex_);
  void Down() EXCLUDES(mutex_);
  void WakeAll() REQUIRES(mutex_);
  bool WaitBackoff() EXCLUDES(mutex_);
  void Kill(base::Channel& channel, const char* why);

  const std::string socket_;
  const std::chrono::milliseconds deadline_;
  const uint64_t memory_limit_bytes_;
  const Hooks hooks_;
  const base::SystemClock clock_;

  mutable base::Mutex mutex_;
  base::CondVar stopped_;
  State state_ GUARDED_BY(mutex_) = State::kDown;
  std::shared_ptr<base::Channel> channel_ GUARDED_BY(mutex_);
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  uint64_t lives_ GUARDED_BY(mutex_) = 0;  // connections so far: a reply belongs to its own
  std::map<uint64_t, Pending*> pending_ GUARDED_BY(mutex_);
  std::chrono::milliseconds backoff_;
  std::thread thread_;
};

}  // namespace paygate::hsm::token
