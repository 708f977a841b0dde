// Host: serves one opened plugin to the engine over a Unix socket, in the frames of bank/frames.h.
//
// One thread for each connection reads requests and calls the plugin, whose starting functions
// return promptly; answers leave from whatever thread the plugin completes on, in any order.
// Only peers whose user the options allow are served. A frame that is malformed ends its
// connection. Bounds: max_connections, max_in_flight (beyond: busy / no answer).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "bank/frames.h"
#include "bank/host/calls.h"
#include "bank/host/plugin.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/mutex.h"

namespace paygate::bank::host {

struct HostOptions {
  std::set<uid_t> allowed_uids;
  size_t max_in_flight = 4096;
  size_t max_connections = 16;
  std::chrono::seconds answer_deadline{120};
};

class Host {
 public:
  // All must outlive the host.
  Host(Plugin& plugin, base::Listener& listener, HostOptions options, const base::Clock& clock);
  ~Host();  // Stop()

  // Now and then, about once a second: ends what the plugin has not completed in time.
  void Tick() { calls_.EndOverdue(); }
  // Refuses new work, waits for the plugin to complete what is in flight, closes connections.
  void Stop() EXCLUDES(mutex_);

 private:
  struct Connection {
    std::shared_ptr<base::Channel> channel;
    std::thread thread;
    std::atomic<bool> done = false;
  };

  void AcceptAll() EXCLUDES(mutex_);
  bool Admit(const base::Channel& channel);
  void Serve(Connection& connection);
  void Handle(const std::shared_ptr<base::Channel>& channel, const Request& request);
  void Prepare(base::Channel& channel, const Request& request);
  int PrepareInPlugin(const Request& request, void* ctx) noexcept;
  int StartInPlugin(const Request& request, void* ctx) noexcept;
  void ReapLocked() REQUIRES(mutex_);

  Plugin& plugin_;
  base::Listener& listener_;
  const HostOptions options_;
  std::atomic<bool> draining_ = false;
  base::Mutex mutex_;
  std::list<Connection> connections_ GUARDED_BY(mutex_);
  std::thread acceptor_;
  Calls calls_;
};

}  // namespace paygate::bank::host
