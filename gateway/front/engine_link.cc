#include "gateway/front/engine_link.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace paygate::gateway::front {

using base::ErrorCode;
using base::Fail;
using base::MutexLock;
using std::chrono::milliseconds;

namespace {
constexpr milliseconds kFirstDelay{10};
constexpr milliseconds kLongestDelay{500};
// Room for many requests, so that the loop is refused at once and seldom waits in mid-frame. The
// kernel grants as much of it as net.core.wmem_max allows.
constexpr int kSendBufferBytes = 4 << 20;
}  // namespace

EngineLink::EngineLink(std::string socket, size_t queue_limit, std::function<void()> wake)
    : socket_(std::move(socket)),
      queue_limit_(queue_limit),
      wake_(std::move(wake)),
      thread_([this] { Run(); }) {}

EngineLink::~EngineLink() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (channel_) channel_->Close();
    changed_.NotifyAll();
  }
  thread_.join();
}

base::Result<uint64_t> EngineLink::Send(std::string_view frame) {
  std::shared_ptr<base::Channel> channel;
  uint64_t number;
  {
    MutexLock lock(mutex_);
    channel = channel_;
    number = number_;
  }
  if (!channel || !channel->TrySend(frame)) {
    return Fail(ErrorCode::kOverloaded, "The gateway is busy; send the same request again");
  }
  return number;
}

EngineLink::Inbox EngineLink::Take() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
  return std::exchange(inbox_, {});
}

bool EngineLink::WaitBeforeConnecting(milliseconds delay) {
  const auto until = base::SystemClock().Monotonic() + delay;
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

void EngineLink::Run() {
  milliseconds delay{0};
  while (WaitBeforeConnecting(delay)) {
    auto connected = base::Channel::Connect(socket_);
    if (!connected) {
      const milliseconds next = std::clamp(delay * 2, kFirstDelay, kLongestDelay);
      if (next != delay && next == kLongestDelay) {
        base::LogWarning("engine.absent", {{"error", connected.error().message}});
      }
      delay = next;
      continue;
    }
    std::shared_ptr<base::Channel> channel = std::move(*connected);
    (void)setsockopt(channel->fd(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes,
                     sizeof(kSendBufferBytes));
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      channel_ = channel;
      ++number_;
    }
    base::LogInfo("engine.connected");
    Read(*channel);
    {
      MutexLock lock(mutex_);
      channel_.reset();
      inbox_.lost_up_to = number_;
      if (stopping_) return;
    }
    base::LogWarning("engine.lost");
    wake_();
    delay = kFirstDelay;
  }
}

void EngineLink::Read(base::Channel& channel) {
  while (true) {
    auto frame = channel.Receive();
    if (!frame) return;
    auto response = DecodeFromEngine(*frame);
    if (!response) {
      base::LogError("engine.bad-frame", {{"error", response.error().message}});
      return channel.Close();
    }
    bool first;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && inbox_.answers.size() >= queue_limit_) changed_.Wait(mutex_);
      if (stopping_) return;
      first = inbox_.answers.empty();
      inbox_.answers.push_back(std::move(*response));
    }
    if (first) wake_();
  }
}

}  // namespace paygate::gateway::front
