#include "hsm/token/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"

namespace paygate::hsm::token {
namespace {

// Replies hold content keys: they do not stay in freed memory.
void CleanseReply(std::string& frame, std::vector<Outcome>& outcomes) {
  base::Cleanse(frame.data(), frame.size());
  for (Outcome& outcome : outcomes) {
    if (outcome) base::Cleanse(outcome->data(), outcome->size());
  }
}

bool PeerIsGone(const base::Channel& channel) {
  pollfd gone{channel.fd(), POLLRDHUP, 0};
  return poll(&gone, 1, 0) > 0;
}

}  // namespace

uint64_t ResidentBytes() {
  static const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const uint64_t page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  char text[128];
  ssize_t size = pread(fd, text, sizeof text - 1, 0);
  if (size <= 0) return 0;
  text[size] = '\0';
  unsigned long total = 0, resident = 0;
  if (sscanf(text, "%lu %lu", &total, &resident) != 2) return 0;
  return resident * page_bytes;
}

base::Result<std::unique_ptr<Server>> Server::Open(const Keyring& keyring, ServerOptions options) {
  // Admit() decides who may connect, by uid; a mode that lets others reach the socket is needed
  // only when others are allowed.
  mode_t mode = options.allowed_uids.empty() ? 0600 : 0666;
  ASSIGN_OR_RETURN(auto listener, base::Listener::Open(options.socket, mode));
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event stop{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_fd < 0 || stop_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stop_fd, &stop) != 0) {
    if (epoll_fd >= 0) close(epoll_fd);
    if (stop_fd >= 0) close(stop_fd);
    return base::Fail(base::ErrorCode::kIo, "no descriptor left for " + options.socket);
  }
  return std::unique_ptr<Server>(
      new Server(keyring, std::move(options), std::move(listener), epoll_fd, stop_fd));
}

Server::Server(const Keyring& keyring, ServerOptions options,
               std::unique_ptr<base::Listener> listener, int epoll_fd, int stop_fd)
    : keyring_(keyring),
      options_(std::move(options)),
      listener_(std::move(listener)),
      epoll_fd_(epoll_fd),
      stop_fd_(stop_fd),
      resident_bytes_(ResidentBytes()) {
  for (size_t i = 0; i < options_.workers; ++i) workers_.push_back(std::make_unique<Worker>());
}

Server::~Server() {
  close(epoll_fd_);
  close(stop_fd_);
}

void Server::Run() {
  for (auto& worker : workers_) {
    worker->thread = std::thread([this, &worker = *worker] { Work(worker); });
  }
  std::thread watcher([this] { Watch(); });
  for (;;) {
    auto channel = listener_->Accept();
    if (!channel) {
      if (channel.error().code == base::ErrorCode::kClosed) break;
      base::LogWarning("accept.failed", {{"why", channel.error().message}});
      continue;
    }
    if (Admit(**channel)) Add(std::move(*channel));
  }
  {
    base::MutexLock lock(mutex_);
    draining_ = true;
  }
  const uint64_t one = 1;
  (void)!write(stop_fd_, &one, sizeof one);
  for (auto& worker : workers_) worker->thread.join();
  {
    base::MutexLock lock(mutex_);
    drained_ = true;
    ended_.NotifyAll();
    connections_.clear();
  }
  watcher.join();
}

void Server::Stop() { listener_->Close(); }

void Server::HangUp() {
  base::MutexLock lock(mutex_);
  for (auto& [key, channel] : connections_) channel->Close();
}

bool Server::Admit(base::Channel& channel) const {
  auto peer = channel.Peer();
  const auto& allowed = options_.allowed_uids;
  if (peer && (peer->uid == geteuid() || std::ranges::find(allowed, peer->uid) != allowed.end())) {
    return true;
  }
  base::LogAlarm("connection.refused", {{"uid", peer ? std::to_string(peer->uid) : "unknown"}});
  return false;
}

void Server::Add(std::unique_ptr<base::Channel> channel) {
  channel->LimitReceive(options_.grace);  // a frame that stops half-way holds no worker for long
  base::MutexLock lock(mutex_);
  if (connections_.size() >= kMaxConnections) {
    base::LogWarning("connection.refused", {{"why", "too many connections"}});
    return;
  }
  epoll_event readable{.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data = {.ptr = &*channel}};
  const int fd = channel->fd();
  connections_.emplace(&*channel, std::move(channel));
  (void)epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &readable);
}

void Server::Remove(base::Channel& channel) {
  base::MutexLock lock(mutex_);
  connections_.erase(&channel);  // its descriptor leaves epoll when it is closed
}

// EPOLLONESHOT gives a connection to one worker, until that arms it again.
void Server::Work(Worker& worker) {
  for (;;) {
    epoll_event event;
    if (epoll_wait(epoll_fd_, &event, 1, -1) < 1) continue;
    if (event.data.ptr == nullptr) return;
    auto& channel = *static_cast<base::Channel*>(event.data.ptr);
    bool open = ServeOne(worker, channel);
    while (open && channel.HasBuffered()) open = ServeOne(worker, channel);
    if (!open) {
      Remove(channel);
      continue;
    }
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    (void)epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, channel.fd(), &event);
  }
}

bool Server::ServeOne(Worker& worker, base::Channel& channel) {
  auto frame = channel.Receive();
  if (!frame) return false;
  {
    base::MutexLock lock(worker.mutex);
    worker.serving = &channel;
    ++worker.operations;
  }
  const bool good = Answer(channel, *frame);
  base::MutexLock lock(worker.mutex);
  worker.serving = nullptr;
  return good;
}

bool Server::Answer(base::Channel& channel, const std::string& frame) {
  auto request = DecodeRequest(frame);
  if (!request) {
    base::LogAlarm("request.malformed", {{"why", request.error().message}});
    return false;
  }
  Reply reply{request->id, resident_bytes_, {}};
  for (const Operation& operation : request->operations) {
    if (operation.kind == RequestKind::kRetire) {
      base::LogInfo("retire.requested", {{"resident_bytes", reply.resident_bytes}});
      reply.outcomes.emplace_back(std::string());
      Stop();
    } else {
      reply.outcomes.push_back(keyring_.Handle(operation));
    }
  }
  std::string answer = EncodeReply(reply);
  const bool sent = channel.Send(answer).has_value();
  CleanseReply(answer, reply.outcomes);
  return sent;
}

// Until the workers have ended: the memory's size for their replies, and whether they get on.
void Server::Watch() {
  base::MutexLock lock(mutex_);
  while (!drained_) {
    ended_.WaitUntil(mutex_, clock_.Monotonic() + options_.grace / 4);
    resident_bytes_ = ResidentBytes();
    for (auto& worker : workers_) CheckProgress(*worker, clock_.Monotonic());
  }
}

void Server::CheckProgress(Worker& worker, base::MonotonicTime now) {
  base::MutexLock lock(worker.mutex);
  if (worker.serving == nullptr || !(draining_ || PeerIsGone(*worker.serving))) {
    worker.abandoned = 0;
  } else if (worker.abandoned != worker.operations) {
    worker.abandoned = worker.operations;
    worker.abandoned_since = now;
  } else if (now >= worker.abandoned_since + options_.grace) {
    base::LogAlarm("module.hangs");
    _exit(kExitHung);  // no destructor runs: the module's locks may be held for ever
  }
}

}  // namespace paygate::hsm::token
