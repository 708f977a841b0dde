#include "hsm/token/link.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot it
#include <sys/pidfd.h>
}

#include <algorithm>

#include "base/log.h"
#include "base/secret_bytes.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using base::Fail;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{20};
constexpr milliseconds kLongestBackoff{250};
constexpr uint64_t kOwnId = 0;

base::Result<Reply> ReceiveReply(base::Channel& channel) {
  ASSIGN_OR_RETURN(std::string frame, channel.Receive());
  auto reply = DecodeReply(frame);
  base::Cleanse(frame.data(), frame.size());  // it may hold content keys
  return reply;
}

}  // namespace

Link::Link(std::string socket, milliseconds deadline, uint64_t memory_limit_bytes, Hooks hooks)
    : socket_(std::move(socket)),
      deadline_(deadline),
      memory_limit_bytes_(memory_limit_bytes),
      hooks_(std::move(hooks)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      backoff_(kFirstBackoff),
      thread_([this] { Maintain(); }) {}

Link::~Link() {
  Stop();
  Join();
  close(wake_fd_);
}

void Link::Join() {
  if (thread_.joinable()) thread_.join();
}

void Link::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);  // it can only fail when it is readable already
}

void Link::SetState(State state) {
  state_ = state;
  serving_ = state == State::kServing;
}

void Link::CloseAll() {
  if (own_ != nullptr) own_->Close();
  for (const Channel& channel : open_) channel->Close();
  open_.clear();
  idle_.clear();
}

void Link::Stop() {
  base::MutexLock lock(mutex_);
  SetState(State::kStopped);
  CloseAll();
  changed_.NotifyAll();
  Wake();
}

// ---- Callers ----

base::Result<std::vector<Outcome>> Link::Call(const std::vector<Operation>& operations) {
  ASSIGN_OR_RETURN(Lease lease, Borrow());
  auto reply = Exchange(lease, operations);
  GiveBack(lease.channel);
  if (!reply) return std::unexpected(reply.error());
  const uint64_t resident = reply->resident_bytes;
  if (resident > memory_limit_bytes_ && over_limit_.exchange(resident) == 0) Wake();
  // A process that stops, or has lost its token, is no worse than one that is gone.
  for (const Outcome& outcome : reply->outcomes) {
    if (!outcome && outcome.error().code == ErrorCode::kTokenUnavailable) {
      return Fail(ErrorCode::kClosed, outcome.error().message);
    }
  }
  return std::move(reply->outcomes);
}

base::Result<Link::Lease> Link::Borrow() {
  uint64_t id, life;
  pid_t process;
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kServing) return Fail(ErrorCode::kClosed, "token process is away");
    id = next_id_++;
    life = lives_;
    process = process_;
    ++in_flight_;
    if (!idle_.empty()) {
      Lease lease{std::move(idle_.back()), id};
      idle_.pop_back();
      return lease;
    }
  }
  auto channel = Connect(life, process);
  if (channel) return Lease{std::move(*channel), id};
  GiveBack(nullptr);
  return std::unexpected(channel.error());
}

// To the very process that was greeted: its keys are known to be the right ones.
base::Result<Link::Channel> Link::Connect(uint64_t life, pid_t process) {
  auto connected = base::Channel::Connect(socket_);
  if (!connected) return Fail(ErrorCode::kClosed, connected.error().message);
  Channel channel = std::move(*connected);
  channel->LimitReceive(deadline_);
  auto peer = channel->Peer();
  base::MutexLock lock(mutex_);
  if (!peer || peer->pid != process || lives_ != life || state_ == State::kStopped) {
    return Fail(ErrorCode::kClosed, "token process went away");
  }
  open_.insert(channel);
  return channel;
}

void Link::GiveBack(const Channel& channel) {
  base::MutexLock lock(mutex_);
  if (channel != nullptr && open_.contains(channel)) {
    if (channel->closed()) {
      open_.erase(channel);
    } else {
      idle_.push_back(channel);
    }
  }
  if (--in_flight_ == 0) changed_.NotifyAll();
}

base::Result<Reply> Link::Exchange(const Lease& lease, const std::vector<Operation>& operations) {
  base::Channel& channel = *lease.channel;
  if (auto sent = channel.Send(EncodeRequest(lease.id, operations)); !sent) {
    return Fail(ErrorCode::kClosed, sent.error().message);
  }
  auto reply = ReceiveReply(channel);
  if (reply && reply->id == lease.id && reply->outcomes.size() == operations.size()) return reply;
  channel.Close();  // what else comes on it would be taken for the answer to another request
  if (reply || reply.error().code == ErrorCode::kMalformed) Kill("a malformed reply");
  if (!reply && reply.error().code == ErrorCode::kTimeout) {
    Kill("an operation missed its deadline");
  }
  return Fail(ErrorCode::kClosed, "token process went away");
}

// Where the kernel forbids the signal the closed connections end the process: it sees that,
// whatever its workers hang in.
void Link::Kill(const char* why) {
  base::MutexLock lock(mutex_);
  if (process_ == 0) return;  // another caller was first
  process_ = 0;
  const bool killed = pidfd_send_signal(process_fd_, SIGKILL, nullptr, 0) == 0;
  base::LogAlarm("token.killed", {{"socket", socket_},
                                  {"why", why},
                                  {"how", killed ? "signal" : "connection closed"}});
  if (state_ != State::kStopped) SetState(State::kDown);
  CloseAll();
}

// ---- The Link's own thread ----

// Its whole life: connect, greet, wait until the process ends or is to be retired, again.
void Link::Maintain() {
  do {
    auto connected = base::Channel::Connect(socket_);
    if (!connected) continue;
    Channel channel = std::move(*connected);
    channel->LimitReceive(deadline_);
    auto peer = channel->Peer();
    {
      base::MutexLock lock(mutex_);
      if (state_ == State::kStopped) return;
      own_ = channel;
      process_ = peer ? peer->pid : 0;
      // Not the pid: by the time of a Kill that may be another's.
      process_fd_ = process_ > 0 ? pidfd_open(process_, 0) : -1;
    }
    if (auto greeted = Greet(*channel); !greeted) {
      base::LogWarning("token.refused",
                       {{"socket", socket_}, {"why", greeted.error().message}});
    } else if (BeginServing(*channel, std::move(*greeted))) {
      AwaitEnd(*channel);
    }
    Down();
  } while (WaitBackoff());
}

base::Result<std::vector<KeyInfo>> Link::Greet(base::Channel& channel) {
  RETURN_IF_ERROR(channel.Send(EncodeRequest(kOwnId, {{RequestKind::kKeys, "", 0, ""}})));
  auto reply = ReceiveReply(channel);
  if (!reply) {
    if (reply.error().code == ErrorCode::kTimeout) Kill("no answer to the greeting");
    return std::unexpected(reply.error());
  }
  if (reply->id != kOwnId || reply->outcomes.size() != 1 || !reply->outcomes[0]) {
    return Fail(ErrorCode::kMalformed, "it does not say its keys");
  }
  ASSIGN_OR_RETURN(std::vector<KeyInfo> keys, DecodeKeys(*reply->outcomes[0]));
  if (!hooks_.accept_keys(keys)) {
    base::LogAlarm("token.other_keys", {{"socket", socket_}});
    return Fail(ErrorCode::kInvalidArgument, "its keys are not those of the other processes");
  }
  return keys;
}

bool Link::Offers(const std::vector<std::string>& labels) const {
  base::MutexLock lock(mutex_);
  if (state_ != State::kServing) return false;
  for (const std::string& label : labels) {
    if (std::ranges::find(keys_, label, &KeyInfo::label) == keys_.end()) return false;
  }
  return true;
}

void Link::AskToRetire() {
  asked_to_retire_ = true;
  Wake();
}

bool Link::BeginServing(base::Channel& channel, std::vector<KeyInfo> keys) {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kStopped || channel.closed()) return false;
    SetState(State::kServing);
    keys_ = std::move(keys);
    over_limit_ = 0;
    asked_to_retire_ = false;
    backoff_ = kFirstBackoff;
  }
  base::LogInfo("token.serving", {{"socket", socket_}});
  hooks_.state_changed();
  return true;
}

// The process says nothing unasked: what becomes readable is the end of the stream.
void Link::AwaitEnd(base::Channel& channel) {
  pollfd waits[2] = {{channel.fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (!channel.closed()) {
    if (poll(waits, 2, -1) < 0) continue;
    if (waits[0].revents != 0) return;
    uint64_t woken;
    (void)!read(wake_fd_, &woken, sizeof woken);
    if (over_limit_ == 0 && !asked_to_retire_) continue;
    if (MayRetireNow()) return Retire(channel);
    over_limit_ = 0;  // the next reply asks again
    asked_to_retire_ = false;
  }
}

bool Link::MayRetireNow() {
  if (!hooks_.may_retire(*this)) return false;
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kServing) return false;
    SetState(State::kRetiring);
  }
  base::LogInfo("token.retired", {{"socket", socket_}, {"resident_bytes", over_limit_.load()}});
  hooks_.state_changed();
  return true;
}

// New operations go elsewhere; those under way come back first.
void Link::Retire(base::Channel& channel) {
  {
    base::MutexLock lock(mutex_);
    while (in_flight_ > 0 && state_ == State::kRetiring) changed_.Wait(mutex_);
    if (state_ != State::kRetiring) return;
  }
  if (!channel.Send(EncodeRequest(kOwnId, {{RequestKind::kRetire, "", 0, ""}}))) return;
  auto said = ReceiveReply(channel);
  while (said) said = ReceiveReply(channel);  // its answer, then the end of the stream
  if (said.error().code == ErrorCode::kTimeout) Kill("it does not retire");
}

void Link::Down() {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kServing) base::LogWarning("token.gone", {{"socket", socket_}});
    if (state_ != State::kStopped) SetState(State::kDown);
    CloseAll();
    own_.reset();
    process_ = 0;
    if (process_fd_ >= 0) close(process_fd_);
    process_fd_ = -1;
    ++lives_;
  }
  hooks_.state_changed();
}

// False when stopped.
bool Link::WaitBackoff() {
  base::MutexLock lock(mutex_);
  auto deadline = clock_.Monotonic() + backoff_;
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  while (state_ != State::kStopped && changed_.WaitUntil(mutex_, deadline)) {
  }
  return state_ != State::kStopped;
}

}  // namespace paygate::hsm::token
