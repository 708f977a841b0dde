#include "gateway/engine/control_server.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr size_t kMaxPasswdBytes = 16384;  // of one user's record

base::Result<uid_t> UidOf(const std::string& user) {
  passwd record{}, *found = nullptr;
  std::vector<char> buffer(kMaxPasswdBytes);
  if (getpwnam_r(user.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return Fail(ErrorCode::kInvalidArgument,
                "control.users: this machine has no user '" + user + "'; correct the name");
  }
  return found->pw_uid;
}

}  // namespace

base::Result<std::unique_ptr<ControlServer>> ControlServer::Open(
    const std::string& socket, const std::vector<std::string>& users, const Control& control) {
  std::set<uid_t> allowed{0, geteuid()};
  for (const std::string& user : users) {
    ASSIGN_OR_RETURN(const uid_t uid, UidOf(user));
    allowed.insert(uid);
  }
  // Others must get as far as the check of who they are.
  ASSIGN_OR_RETURN(auto listener, base::Listener::Open(socket, users.empty() ? 0600 : 0666));
  return std::unique_ptr<ControlServer>(
      new ControlServer(std::move(listener), std::move(allowed), control));
}

ControlServer::ControlServer(std::unique_ptr<base::Listener> listener, std::set<uid_t> allowed,
                             const Control& control)
    : listener_(std::move(listener)), allowed_(std::move(allowed)), control_(control) {
  acceptor_ = std::thread([this] { AcceptAll(); });
}

ControlServer::~ControlServer() {
  listener_->Close();
  acceptor_.join();
  for (Connection& connection : connections_) {
    connection.channel->Close();
    connection.thread.join();
  }
}

void ControlServer::AcceptAll() {
  for (;;) {
    auto channel = listener_->Accept();
    std::erase_if(connections_, [](Connection& connection) {
      if (!connection.done->load()) return false;
      connection.thread.join();
      return true;
    });
    if (channel) {
      Admit(std::move(*channel));
    } else if (channel.error().code == ErrorCode::kClosed) {
      return;
    } else {
      base::LogWarning("control.accept_failed", {{"why", channel.error().message}});
      std::this_thread::sleep_for(kAcceptPause);
    }
  }
}

void ControlServer::Admit(std::unique_ptr<base::Channel> channel) {
  const auto peer = channel->Peer();
  if (!peer) return;
  const bool allowed = allowed_.contains(peer->uid);
  const auto of_its_kind = std::ranges::count_if(
      connections_, [&](const Connection& connection) { return connection.allowed == allowed; });
  if (static_cast<size_t>(of_its_kind) >= (allowed ? kMaxConnections : kMaxStrangers)) {
    return base::LogWarning("control.too_many", {{"uid", peer->uid}});
  }
  std::shared_ptr<base::Channel> shared(std::move(channel));
  auto done = std::make_shared<std::atomic<bool>>(false);
  connections_.push_back({allowed, shared,
                          std::thread([this, shared, done, allowed, who = peer->uid] {
                            Serve(*shared, who, allowed);
                            shared->Close();
                            done->store(true);
                          }),
                          done});
}

void ControlServer::Serve(base::Channel& channel, uid_t who, bool allowed) const {
  while (auto frame = channel.Receive()) {
    if (!allowed) {  // answered once it has asked, so that it is there to hear it
      base::LogWarning("control.peer_refused",
                       {{"uid", who}, {"hint", "name the user in control.users"}});
      (void)channel.Send(Encode(ControlReply{
          .json = {},
          .error_code = std::string(base::Name(ErrorCode::kPermissionDenied)),
          .error = "this user may not: see control.users in the gateway's configuration"}));
      return;
    }
    const auto request = DecodeControlRequest(*frame);
    if (!request) {
      base::LogWarning("control.bad_frame", {{"why", request.error().message}});
      return;
    }
    if (!channel.Send(Encode(control_.Run(*request, who)))) return;
  }
}

}  // namespace paygate::gateway::engine
