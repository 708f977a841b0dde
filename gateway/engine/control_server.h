// control.sock: where paygatectl reaches the engine. Who connects must be root, the engine's own
// user, or one whom the configuration names, by the kernel's word; others hear that they may not
// and are logged. A thread for each connection, at most kMaxConnections and kMaxStrangers.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/ipc.h"
#include "gateway/engine/control.h"

namespace paygate::gateway::engine {

class ControlServer {
 public:
  // kInvalidArgument for a user that this machine does not know. `control` outlives the server.
  static base::Result<std::unique_ptr<ControlServer>> Open(const std::string& socket,
                                                           const std::vector<std::string>& users,
                                                           const Control& control);
  ~ControlServer();  // ends every connection

 private:
  static constexpr size_t kMaxConnections = 8, kMaxStrangers = 4;
  struct Connection {
    bool allowed;
    std::shared_ptr<base::Channel> channel;
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };

  ControlServer(std::unique_ptr<base::Listener> listener, std::set<uid_t> allowed,
                const Control& control);
  void AcceptAll();
  void Admit(std::unique_ptr<base::Channel> channel);
  void Serve(base::Channel& channel, uid_t who, bool allowed) const;

  const std::unique_ptr<base::Listener> listener_;
  const std::set<uid_t> allowed_;
  const Control& control_;
  std::list<Connection> connections_;  // of the acceptor, and of the destructor once it has ended
  std::thread acceptor_;
};

}  // namespace paygate::gateway::engine
