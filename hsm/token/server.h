// Server: serves the keyring over a Unix socket until told to stop.
//
// One reader thread for each connection (at most kMaxConnections), `workers` threads over one
// bounded queue for the operations; a frame beyond the bound is answered kOverloaded. A module
// that hangs cannot be cancelled: when a connection ends and for `grace` none of its operations
// does, the process ends (kExitHung), so that whoever supervises it starts a fresh one.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/ipc.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "hsm/token/keyring.h"

namespace paygate::hsm::token {

constexpr int kExitHung = 5;

struct ServerOptions {
  std::string socket;
  size_t workers = 2;
  size_t queue_limit = 512;  // frames that wait for a worker
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
  void Stop() EXCLUDES(mutex_);

 private:
  static constexpr size_t kMaxConnections = 8;

  struct Connection {
    std::unique_ptr<base::Channel> channel;
    std::thread reader;
    base::Mutex mutex;
    base::CondVar idle;
    size_t in_hand GUARDED_BY(mutex) = 0;
    std::atomic<bool> finished = false;
  };

  Server(const Keyring& keyring, ServerOptions options, std::unique_ptr<base::Listener> listener);
  bool Admit(base::Channel& channel) const;
  void StartReader(std::unique_ptr<base::Channel> channel) EXCLUDES(mutex_);
  void Read(Connection& connection);
  void Dispatch(Connection& connection, std::string frame);
  void Answer(Connection& connection, const std::string& frame);
  void Retire(Connection& connection, uint64_t id);
  // Ends the process if the connection's operations do not end in time.
  void AwaitIdle(Connection& connection);

  const Keyring& keyring_;
  const ServerOptions options_;
  const std::unique_ptr<base::Listener> listener_;
  base::WorkerPool workers_;
  std::atomic<bool> draining_ = false;
  base::Mutex mutex_;
  std::list<Connection> connections_ GUARDED_BY(mutex_);
};

// The resident set of this process, in bytes.
uint64_t ResidentBytes();

}  // namespace paygate::hsm::token
