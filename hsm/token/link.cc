#include "hsm/token/link.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/secret_bytes.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using base::Fail;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{20};
constexpr milliseconds kLongestBackoff{1000};
constexpr uint64_t kGreetingId = 0;

base::Result<Reply> TakeFrame(std::string frame) {
  auto reply = DecodeReply(frame);
  base::Cleanse(frame.data(), frame.size());  // it may hold content keys
  return reply;
}

// For a peer that has been silent or is to end: the next frame, or the end of the stream.
bool AwaitReadable(const base::Channel& channel, milliseconds patience) {
  pollfd readable{channel.fd(), POLLIN, 0};
  return poll(&readable, 1, static_cast<int>(patience.count())) != 0;
}

}  // namespace

Link::Link(std::string socket, milliseconds deadline, uint64_t memory_limit_bytes, Hooks hooks)
    : socket_(std::move(socket)),
      deadline_(deadline),
      memory_limit_bytes_(memory_limit_bytes),
      hooks_(std::move(hooks)),
      backoff_(kFirstBackoff),
      thread_([this] { Maintain(); }) {}

Link::~Link() {
  Stop();
  Join();
}

void Link::Join() {
  if (thread_.joinable()) thread_.join();
}

bool Link::serving() const {
  base::MutexLock lock(mutex_);
  return state_ == State::kServing;
}

size_t Link::in_flight() const {
  base::MutexLock lock(mutex_);
  return pending_.size();
}

void Link::Stop() {
  base::MutexLock lock(mutex_);
  state_ = State::kStopped;
  if (channel_ != nullptr) channel_->Close();
  WakeAll();
  stopped_.NotifyAll();
}

void Link::WakeAll() {
  for (auto& [id, pending] : pending_) pending->changed.NotifyOne();
}

base::Result<std::vector<Outcome>> Link::Call(const std::vector<Operation>& operations) {
  const auto deadline = clock_.Monotonic() + deadline_;
  std::shared_ptr<base::Channel> channel;
  Pending pending;
  uint64_t id, life;
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kServing) return Fail(ErrorCode::kClosed, "token process is away");
    id = next_id_++;
    life = lives_;
    channel = channel_;
    pending_.emplace(id, &pending);
  }
  base::Status sent = channel->Send(EncodeRequest(id, operations));
  base::MutexLock lock(mutex_);
  while (sent && !pending.done && lives_ == life && state_ != State::kStopped) {
    if (!pending.changed.WaitUntil(mutex_, deadline) && !pending.done && lives_ == life) {
      Kill(*channel, "an operation missed its deadline");
      break;
    }
  }
  pending_.erase(id);
  if (!pending.done) return Fail(ErrorCode::kClosed, "token process went away");
  if (pending.outcomes.size() != operations.size()) {
    return Fail(ErrorCode::kClosed, "token process answered another number of operations");
  }
  // A process that stops, or has lost its token, is no worse than one that is gone.
  for (const Outcome& outcome : pending.outcomes) {
    if (!outcome && (outcome.error().code == ErrorCode::kDraining ||
                     outcome.error().code == ErrorCode::kTokenUnavailable)) {
      return Fail(ErrorCode::kClosed, outcome.error().message);
    }
  }
  return std::move(pending.outcomes);
}

// The thread's whole life: connect, greet, read until the connection ends, wait, again.
void Link::Maintain() {
  do {
    auto connected = base::Channel::Connect(socket_);
    if (!connected) continue;
    std::shared_ptr<base::Channel> channel = std::move(*connected);
    {
      base::MutexLock lock(mutex_);
      if (state_ == State::kStopped) return;
      channel_ = channel;
    }
    if (base::Status greeted = Greet(*channel); !greeted) {
      base::LogWarning("token.refused",
                       {{"socket", socket_}, {"why", greeted.error().message}});
    } else {
      {
        base::MutexLock lock(mutex_);
        if (state_ == State::kStopped) return;
        state_ = State::kServing;
        backoff_ = kFirstBackoff;
      }
      base::LogInfo("token.serving", {{"socket", socket_}});
      hooks_.state_changed();
      ReadReplies(*channel);
    }
    Down();
  } while (WaitBackoff());
}

base::Status Link::Greet(base::Channel& channel) {
  RETURN_IF_ERROR(channel.Send(EncodeRequest(kGreetingId, {{RequestKind::kKeys, "", 0, ""}})));
  if (!AwaitReadable(channel, deadline_)) {
    Kill(channel, "no answer to the greeting");
    return Fail(ErrorCode::kTimeout, "it does not answer");
  }
  ASSIGN_OR_RETURN(std::string frame, channel.Receive());
  ASSIGN_OR_RETURN(Reply reply, TakeFrame(std::move(frame)));
  if (reply.id != kGreetingId || reply.outcomes.size() != 1 || !reply.outcomes[0]) {
    return Fail(ErrorCode::kMalformed, "it does not say its keys");
  }
  ASSIGN_OR_RETURN(std::vector<KeyInfo> keys, DecodeKeys(*reply.outcomes[0]));
  if (!hooks_.accept_keys(keys)) {
    base::LogAlarm("token.other_keys", {{"socket", socket_}});
    return Fail(ErrorCode::kInvalidArgument, "its keys are not those of the other processes");
  }
  return {};
}

void Link::ReadReplies(base::Channel& channel) {
  for (bool retiring = false;;) {
    if (retiring && !AwaitReadable(channel, deadline_)) {
      Kill(channel, "it does not retire");
      return;
    }
    auto frame = channel.Receive();
    if (!frame) return;
    auto reply = TakeFrame(std::move(*frame));
    if (!reply) {
      Kill(channel, "a malformed reply");
      return;
    }
    uint64_t resident_bytes = reply->resident_bytes;
    TakeReply(std::move(*reply));
    if (!retiring && resident_bytes > memory_limit_bytes_ && hooks_.may_retire(*this)) {
      retiring = Retire(channel, resident_bytes);
    }
  }
}

// New operations go elsewhere; the process finishes those it has, answers and ends.
bool Link::Retire(base::Channel& channel, uint64_t resident_bytes) {
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kServing) return false;
    state_ = State::kRetiring;
  }
  base::LogInfo("token.retired", {{"socket", socket_}, {"resident_bytes", resident_bytes}});
  hooks_.state_changed();
  // If it cannot be sent the connection is at its end, as the reader will find.
  (void)channel.Send(EncodeRequest(kGreetingId, {{RequestKind::kRetire, "", 0, ""}}));
  return true;
}

void Link::TakeReply(Reply reply) {
  base::MutexLock lock(mutex_);
  auto at = pending_.find(reply.id);
  if (at == pending_.end()) return;  // its caller stopped waiting
  at->second->outcomes = std::move(reply.outcomes);
  at->second->done = true;
  at->second->changed.NotifyOne();
}

void Link::Down() {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kServing) base::LogWarning("token.gone", {{"socket", socket_}});
    if (state_ != State::kStopped) state_ = State::kDown;
    if (channel_ != nullptr) channel_->Close();
    channel_.reset();
    ++lives_;
    WakeAll();
  }
  hooks_.state_changed();
}

// False when stopped.
bool Link::WaitBackoff() {
  base::MutexLock lock(mutex_);
  auto deadline = clock_.Monotonic() + backoff_;
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  while (state_ != State::kStopped && stopped_.WaitUntil(mutex_, deadline)) {
  }
  return state_ != State::kStopped;
}

// The peer is still connected, so that its pid is its own. Where the kernel forbids the signal the
// closed connection ends the process: its reader sees that, whatever its workers hang in.
void Link::Kill(base::Channel& channel, const char* why) {
  if (channel.closed()) return;  // another caller was first
  auto peer = channel.Peer();
  bool killed = peer && peer->pid > 0 && kill(peer->pid, SIGKILL) == 0;
  base::LogAlarm("token.killed", {{"socket", socket_},
                                  {"why", why},
                                  {"how", killed ? "signal" : "connection closed"}});
  channel.Close();
}

}  // namespace paygate::hsm::token
