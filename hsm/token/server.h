// Server: serves the keyring over a Unix socket until told to stop.
//
// `workers` threads share all connections (at most kMaxConnections): each waits for whichever
// connection has something to say, reads one frame, does what it asks and writes the answer, so
// that an operation changes hands nowhere inside this process. A client that wants its operations
// side by side opens several connections. A module that hangs cannot be cancelled: when a
// connection ends and for `grace` its operation does not, the process ends (kExitHung), so that
// whoever supervises it starts a fresh one.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/mutex.h"
#include "hsm/token/keyring.h"

namespace paygate::hsm::token {

struct ServerOptions {
  std::string socket;
  size_t workers = 2;
  std::vector<uid_t> allowed_uids;
  std::chrono::milliseconds grace{1000};
};

class Server {
 public:
  static base::Result<std::unique_ptr<Server>> Open(const Keyring& keyring, ServerOptions options);
  ~Server();

  // Serves until Stop() or a retire request; what is in hand is finished and answered first.
  void Run() EXCLUDES(mutex_);
  // From any thread.
  void Stop();
  // Ends every connection, because the token is away: who comes again is told so. From any thread.
  void HangUp() EXCLUDES(mutex_);

 private:
  static constexpr size_t kMaxConnections = 512;

  struct Worker {
    std::thread thread;
    base::Mutex mutex;
    const base::Channel* serving GUARDED_BY(mutex) = nullptr;  // whose operation is in hand
    uint64_t operations GUARDED_BY(mutex) = 0;
    // Of the watching thread alone: since when the peer of which operation is gone.
    uint64_t abandoned = 0;
    base::MonotonicTime abandoned_since{};
  };

  Server(const Keyring& keyring, ServerOptions options, std::unique_ptr<base::Listener> listener,
         int epoll_fd, int stop_fd);
  bool Admit(base::Channel& channel) const;
  void Add(std::unique_ptr<base::Channel> channel) EXCLUDES(mutex_);
  void Remove(base::Channel& channel) EXCLUDES(mutex_);
  void Work(Worker& worker);
  // False when the connection has ended.
  bool ServeOne(Worker& worker, base::Channel& channel);
  bool Answer(base::Channel& channel, const std::string& frame);
  void Watch() EXCLUDES(mutex_);
  void CheckProgress(Worker& worker, base::MonotonicTime now) REQUIRES(mutex_);

  const Keyring& keyring_;
  const ServerOptions options_;
  const std::unique_ptr<base::Listener> listener_;
  const int epoll_fd_;  // connections, one shot each; the stop event, for all workers
  const int stop_fd_;
  const base::SystemClock clock_;
  std::atomic<uint64_t> resident_bytes_;
  std::vector<std::unique_ptr<Worker>> workers_;

  base::Mutex mutex_;
  base::CondVar ended_;
  bool draining_ GUARDED_BY(mutex_) = false;  // nobody waits for an operation that hangs
  bool drained_ GUARDED_BY(mutex_) = false;
  std::map<const base::Channel*, std::unique_ptr<base::Channel>> connections_ GUARDED_BY(mutex_);
};

// The resident set of this process, in bytes.
uint64_t ResidentBytes();

}  // namespace paygate::hsm::token
