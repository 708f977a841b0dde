// An engine for tests of front: a real Unix socket, and what each request is answered is the
// test's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/ipc.h"
#include "base/mutex.h"
#include "gateway/frames.h"

namespace paygate::gateway::testing {

class FakeEngine {
 public:
  // Called for each request on the reader thread; nothing: no answer (yet).
  using Handler = std::function<std::optional<Response>(const Request&)>;

  FakeEngine(const std::string& socket, Handler handler);
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;

  void Send(const Response& response) EXCLUDES(mutex_);
  size_t requests() const EXCLUDES(mutex_);
  Request last() const EXCLUDES(mutex_);
  std::vector<uint64_t> gone() const EXCLUDES(mutex_);

 private:
  void Serve();
  void Read(base::Channel& channel);

  const Handler handler_;
  std::unique_ptr<base::Listener> listener_;
  mutable base::Mutex mutex_;
  std::shared_ptr<base::Channel> channel_ GUARDED_BY(mutex_);
  size_t requests_ GUARDED_BY(mutex_) = 0;
  Request last_ GUARDED_BY(mutex_);
  std::vector<uint64_t> gone_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace paygate::gateway::testing
