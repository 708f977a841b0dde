#include "tests/doubles/fake_engine.h"

#include <cstdlib>
#include <utility>

namespace paygate::gateway::testing {

using base::MutexLock;

FakeEngine::FakeEngine(const std::string& socket, Handler handler) : handler_(std::move(handler)) {
  auto listener = base::Listener::Open(socket);
  if (!listener) std::abort();
  listener_ = std::move(*listener);
  thread_ = std::thread([this] { Serve(); });
}

FakeEngine::~FakeEngine() {
  listener_->Close();
  {
    MutexLock lock(mutex_);
    if (channel_) channel_->Close();
  }
  thread_.join();
}

void FakeEngine::Serve() {
  while (true) {
    auto channel = listener_->Accept();
    if (!channel) return;
    const std::shared_ptr<base::Channel> shared = std::move(*channel);
    {
      MutexLock lock(mutex_);
      channel_ = shared;
    }
    Read(*shared);
  }
}

void FakeEngine::Read(base::Channel& channel) {
  while (true) {
    const auto frame = channel.Receive();
    if (!frame) return;
    auto message = DecodeFromFront(*frame);
    if (!message) return;
    if (const Gone* gone = std::get_if<Gone>(&*message)) {
      MutexLock lock(mutex_);
      gone_.push_back(gone->id);
      continue;
    }
    const Request& request = std::get<Request>(*message);
    std::optional<Response> response = handler_ ? handler_(request) : std::nullopt;
    {
      MutexLock lock(mutex_);
      ++requests_;
      last_ = request;
    }
    if (!response) continue;
    response->id = request.id;
    (void)!channel.Send(Encode(*response)).has_value();
  }
}

void FakeEngine::Send(const Response& response) {
  std::shared_ptr<base::Channel> channel;
  {
    MutexLock lock(mutex_);
    channel = channel_;
  }
  if (channel) (void)!channel->Send(Encode(response)).has_value();
}

size_t FakeEngine::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

Request FakeEngine::last() const {
  MutexLock lock(mutex_);
  return last_;
}

std::vector<uint64_t> FakeEngine::gone() const {
  MutexLock lock(mutex_);
  return gone_;
}

}  // namespace paygate::gateway::testing
