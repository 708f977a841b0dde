// EngineLink: front's one channel to the engine. It connects, and connects again with back-off when
// the engine goes away.
//
// Send is for the loop thread and never waits for room. Each connection to the engine has a number
// (1, 2, …); when one ends, every request sent over it is lost, and Take() says so, after the
// answers that came before. `wake` is called on the link's own thread when Take() has something.
// Answers wait in a bounded queue: when the loop is behind, reading stops, which is back-pressure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/ipc.h"
#include "base/mutex.h"
#include "gateway/frames.h"

namespace paygate::gateway::front {

class EngineLink {
 public:
  struct Inbox {
    std::vector<Response> answers;
    uint64_t lost_up_to = 0;  // the newest connection that ended; 0: none
  };

  EngineLink(std::string socket, size_t queue_limit, std::function<void()> wake);
  ~EngineLink();
  EngineLink(const EngineLink&) = delete;

  // The number of the connection that took the frame; kOverloaded when there is no engine or no
  // room.
  base::Result<uint64_t> Send(std::string_view frame) EXCLUDES(mutex_);
  Inbox Take() EXCLUDES(mutex_);

 private:
  void Run();
  void Read(base::Channel& channel) EXCLUDES(mutex_);
  bool WaitBeforeConnecting(std::chrono::milliseconds delay) EXCLUDES(mutex_);

  const std::string socket_;
  const size_t queue_limit_;
  const std::function<void()> wake_;
  base::Mutex mutex_;
  base::CondVar changed_;  // stopping_, or room in inbox_
  std::shared_ptr<base::Channel> channel_ GUARDED_BY(mutex_);
  uint64_t number_ GUARDED_BY(mutex_) = 0;
  Inbox inbox_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace paygate::gateway::front
