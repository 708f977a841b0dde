#include "hsm/token/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
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

void SendReply(base::Channel& channel, Reply reply) {
  reply.resident_bytes = ResidentBytes();
  std::string frame = EncodeReply(reply);
  // A peer that is gone finds out by itself, and its connection's reader too.
  (void)channel.Send(frame);
  CleanseReply(frame, reply.outcomes);
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
  return std::unique_ptr<Server>(new Server(keyring, std::move(options), std::move(listener)));
}

Server::Server(const Keyring& keyring, ServerOptions options,
               std::unique_ptr<base::Listener> listener)
    : keyring_(keyring),
      options_(std::move(options)),
      listener_(std::move(listener)),
      workers_("token", options_.workers, options_.queue_limit) {}

Server::~Server() { workers_.Drain(); }

void Server::Run() {
  for (;;) {
    auto channel = listener_->Accept();
    if (!channel) {
      if (channel.error().code == base::ErrorCode::kClosed) break;
      base::LogWarning("accept.failed", {{"why", channel.error().message}});
      continue;
    }
    if (Admit(**channel)) StartReader(std::move(*channel));
  }
  // From here on what comes in is refused (kDraining), what is in hand is answered.
  draining_ = true;
  std::list<Connection> connections;
  {
    base::MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  for (Connection& connection : connections) AwaitIdle(connection);
  for (Connection& connection : connections) {
    connection.channel->Close();
    connection.reader.join();
  }
}

void Server::Stop() { listener_->Close(); }

bool Server::Admit(base::Channel& channel) const {
  auto peer = channel.Peer();
  const auto& allowed = options_.allowed_uids;
  if (peer && (peer->uid == geteuid() || std::ranges::find(allowed, peer->uid) != allowed.end())) {
    return true;
  }
  base::LogAlarm("connection.refused", {{"uid", peer ? std::to_string(peer->uid) : "unknown"}});
  return false;
}

void Server::StartReader(std::unique_ptr<base::Channel> channel) {
  base::MutexLock lock(mutex_);
  std::erase_if(connections_, [](Connection& connection) {
    if (!connection.finished) return false;
    connection.reader.join();
    return true;
  });
  if (connections_.size() >= kMaxConnections) {
    base::LogWarning("connection.refused", {{"why", "too many connections"}});
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.channel = std::move(channel);
  connection.reader = std::thread([this, &connection] { Read(connection); });
}

void Server::Read(Connection& connection) {
  for (;;) {
    auto frame = connection.channel->Receive();
    if (!frame) break;
    Dispatch(connection, std::move(*frame));
  }
  AwaitIdle(connection);
  connection.channel->Close();
  connection.finished = true;
}

void Server::Dispatch(Connection& connection, std::string frame) {
  auto request = DecodeRequest(frame);
  if (!request) {
    base::LogAlarm("request.malformed", {{"why", request.error().message}});
    connection.channel->Close();
    return;
  }
  if (request->operations.front().kind == RequestKind::kRetire) {
    return Retire(connection, request->id);
  }
  size_t count = request->operations.size();
  uint64_t id = request->id;
  {
    base::MutexLock lock(connection.mutex);
    ++connection.in_hand;
  }
  auto task = [this, &connection, frame = std::move(frame)] {
    Answer(connection, frame);
    base::MutexLock lock(connection.mutex);
    --connection.in_hand;
    connection.idle.NotifyAll();
  };
  base::Status queued = draining_ ? base::Fail(base::ErrorCode::kDraining, "stopping")
                                  : workers_.TrySubmit(std::move(task));
  if (queued) return;
  {
    base::MutexLock lock(connection.mutex);
    --connection.in_hand;
    connection.idle.NotifyAll();
  }
  SendReply(*connection.channel,
            {id, 0, std::vector<Outcome>(count, std::unexpected(queued.error()))});
}

void Server::Answer(Connection& connection, const std::string& frame) {
  Request request = *DecodeRequest(frame);  // decoded before: the views are into this frame
  Reply reply{request.id, 0, {}};
  for (const Operation& operation : request.operations) {
    if (operation.kind == RequestKind::kKeys) {
      reply.outcomes.emplace_back(EncodeKeys(keyring_.keys()));
    } else {
      reply.outcomes.push_back(keyring_.Handle(operation));
    }
  }
  SendReply(*connection.channel, std::move(reply));
}

void Server::Retire(Connection& connection, uint64_t id) {
  base::LogInfo("retire.requested", {{"resident_bytes", ResidentBytes()}});
  AwaitIdle(connection);
  SendReply(*connection.channel, {id, 0, {Outcome(std::string())}});
  Stop();
}

void Server::AwaitIdle(Connection& connection) {
  const base::SystemClock clock;
  base::MutexLock lock(connection.mutex);
  size_t seen = connection.in_hand;
  auto deadline = clock.Monotonic() + options_.grace;
  while (connection.in_hand > 0) {
    bool in_time = connection.idle.WaitUntil(connection.mutex, deadline);
    if (connection.in_hand < seen) {  // a long queue is no hang: something ended
      seen = connection.in_hand;
      deadline = clock.Monotonic() + options_.grace;
    } else if (!in_time) {
      base::LogAlarm("module.hangs", {{"in_hand", connection.in_hand}});
      _exit(kExitHung);  // no destructor runs: the module's locks may be held for ever
    }
  }
}

}  // namespace paygate::hsm::token
