#include "gateway/front/server.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "gateway/front/connection.h"
#include "gateway/front/engine_link.h"
#include "gateway/front/listen.h"
#include "gateway/front/tls.h"

namespace paygate::gateway::front {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr timeval kDrainTime{5, 0};
constexpr size_t kMaxLargeAnswersBytes = 256u << 20;  // revocation lists on their way out
constexpr timeval kAcceptPause{0, 100'000};
constexpr uint32_t kOtherDescriptors = 64;  // beside one for each connection

template <auto Free>
struct Deleter {
  void operator()(auto* object) const { Free(object); }
};
using EventBase = std::unique_ptr<event_base, Deleter<event_base_free>>;
using Event = std::unique_ptr<event, Deleter<event_free>>;
using AcceptListener = std::unique_ptr<evconnlistener, Deleter<evconnlistener_free>>;

struct Source {
  std::string text;   // the address
  std::string group;  // what is counted together: an IPv4 address, an IPv6 /64
};

Source SourceOf(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return {text, text};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) return {text, text};
  return {text, std::string(reinterpret_cast<const char*>(&v6->sin6_addr), 8)};
}

class ServerImpl final : public Server, public Host {
 public:
  ServerImpl(const Config& config, const base::Clock& clock) : config_(config), clock_(clock) {}
  ~ServerImpl() override;

  base::Status Init(uint32_t index);
  void Run() override { event_base_dispatch(base_.get()); }

  // Host.
  const Config::Front& limits() const override { return config_.front; }
  bool draining() const override { return draining_; }
  std::string_view Date() override;
  base::Result<uint64_t> Ask(Connection& connection, Request request) override;
  void Abandon(uint64_t request_id) override;
  bool Reserve(size_t bytes) override;
  void Release(size_t bytes) override { reserved_ -= bytes; }
  void Closed(Connection& connection) override;

 private:
  struct InFlight {
    Connection* connection;
    uint64_t link;  // the number of the link's connection that took the request
  };

  void OnAccept(int fd, const sockaddr* address);
  void OnAcceptError();
  void OnWake();
  void OnStop();
  void FailLost(uint64_t lost_up_to);
  bufferevent* MakeBufferevent(int fd);
  template <auto Method>
  Event MakeEvent(int fd, short what) {
    return Event(event_new(
        base_.get(), fd, what,
        [](int, short, void* self) { (static_cast<ServerImpl*>(self)->*Method)(); }, this));
  }
  void Resume() { evconnlistener_enable(listener_.get()); }
  void GiveUp() { event_base_loopbreak(base_.get()); }

  const Config config_;
  const base::Clock& clock_;
  TlsContext tls_;
  EventBase base_;
  AcceptListener listener_;
  Event wake_, sigterm_, sigint_, resume_, give_up_;
  int wake_fd_ = -1;
  bool draining_ = false;
  size_t reserved_ = 0;  // bytes of large answers that are being written
  uint64_t next_id_ = 1;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::unordered_map<std::string, uint32_t> by_source_;
  std::unordered_map<uint64_t, InFlight> in_flight_;
  std::time_t date_of_ = 0;
  std::string date_;
  std::unique_ptr<EngineLink> link_;  // its thread wakes the loop by wake_fd_, nothing else
};

ServerImpl::~ServerImpl() {
  link_.reset();
  in_flight_.clear();
  connections_.clear();
  if (wake_fd_ >= 0) close(wake_fd_);
}

base::Status ServerImpl::Init(uint32_t index) {
  base::RaiseDescriptorLimit(config_.front.max_connections + kOtherDescriptors);
  if (config_.front.tls) {
    ASSIGN_OR_RETURN(tls_, OpenTls(config_.front));
  }
  base_.reset(event_base_new());
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (!base_ || wake_fd_ < 0) return Fail(ErrorCode::kIo, "the event loop cannot be set up");
  wake_ = MakeEvent<&ServerImpl::OnWake>(wake_fd_, EV_READ | EV_PERSIST);
  sigterm_ = MakeEvent<&ServerImpl::OnStop>(SIGTERM, EV_SIGNAL | EV_PERSIST);
  sigint_ = MakeEvent<&ServerImpl::OnStop>(SIGINT, EV_SIGNAL | EV_PERSIST);
  resume_ = MakeEvent<&ServerImpl::Resume>(-1, 0);
  give_up_ = MakeEvent<&ServerImpl::GiveUp>(-1, 0);
  for (const Event* e : {&wake_, &sigterm_, &sigint_}) event_add(e->get(), nullptr);

  ASSIGN_OR_RETURN(const Listening listening, Listen(config_, index));
  listener_.reset(evconnlistener_new(
      base_.get(),
      [](evconnlistener*, int fd, sockaddr* address, int, void* self) {
        static_cast<ServerImpl*>(self)->OnAccept(fd, address);
      },
      this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, listening.fd));
  evconnlistener_set_error_cb(listener_.get(), [](evconnlistener*, void* self) {
    static_cast<ServerImpl*>(self)->OnAcceptError();
  });
  link_ = std::make_unique<EngineLink>(config_.EngineSocket(), config_.front.max_in_flight,
                                       [fd = wake_fd_] { (void)!eventfd_write(fd, 1); });
  base::LogInfo("front.listening", {{"address", config_.front.listen_address},
                                    {"port", listening.port},
                                    {"tls", config_.front.tls ? "1.3" : "none"}});
  return {};
}

bufferevent* ServerImpl::MakeBufferevent(int fd) {
  if (!tls_) return bufferevent_socket_new(base_.get(), fd, BEV_OPT_CLOSE_ON_FREE);
  SSL* ssl = SSL_new(tls_.get());
  if (!ssl) return nullptr;
  bufferevent* bev = bufferevent_openssl_socket_new(base_.get(), fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                    BEV_OPT_CLOSE_ON_FREE);
  if (!bev) SSL_free(ssl);
  return bev;
}

void ServerImpl::OnAccept(int fd, const sockaddr* address) {
  Source source = SourceOf(address);
  uint32_t& of_source = by_source_[source.group];
  const bool full = connections_.size() >= config_.front.max_connections ||
                    of_source >= config_.front.max_connections_per_source;
  // Without a word: a TLS handshake for a refusal costs more than a request.
  bufferevent* bev = full ? nullptr : MakeBufferevent(fd);
  if (!bev) {
    if (of_source == 0) by_source_.erase(source.group);
    close(fd);
    return;
  }
  ++of_source;
  auto connection = std::make_unique<Connection>(*this, base_.get(), bev, std::move(source.text),
                                                 std::move(source.group));
  connections_.emplace(connection.get(), std::move(connection));
}

// No descriptors left, most likely: the loop would spin on the same connection.
void ServerImpl::OnAcceptError() {
  base::LogWarning("front.accept-failed");
  evconnlistener_disable(listener_.get());
  event_add(resume_.get(), &kAcceptPause);
}

std::string_view ServerImpl::Date() {
  const std::time_t now = base::ToNumericDate(clock_.Now());
  if (now != date_of_) {
    date_ = HttpDate(now);
    date_of_ = now;
  }
  return date_;
}

base::Result<uint64_t> ServerImpl::Ask(Connection& connection, Request request) {
  if (in_flight_.size() >= config_.front.max_in_flight) {
    return Fail(ErrorCode::kOverloaded, "The gateway is busy; send the same request again");
  }
  request.id = next_id_++;
  ASSIGN_OR_RETURN(const uint64_t link, link_->Send(Encode(request)));
  in_flight_.emplace(request.id, InFlight{&connection, link});
  return request.id;
}

void ServerImpl::Abandon(uint64_t request_id) {
  in_flight_.erase(request_id);
  // Where the engine cannot take it now, its answer comes and is dropped.
  (void)link_->Send(Encode(Gone{request_id}));
}

bool ServerImpl::Reserve(size_t bytes) {
  if (reserved_ + bytes > kMaxLargeAnswersBytes) return false;
  reserved_ += bytes;
  return true;
}

void ServerImpl::Closed(Connection& connection) {
  const auto of_source = by_source_.find(connection.group());
  if (--of_source->second == 0) by_source_.erase(of_source);
  connections_.erase(&connection);
  if (draining_ && connections_.empty()) GiveUp();
}

void ServerImpl::OnWake() {
  eventfd_t count;
  (void)!eventfd_read(wake_fd_, &count);
  const EngineLink::Inbox inbox = link_->Take();
  for (const Response& response : inbox.answers) {
    const auto found = in_flight_.find(response.id);
    if (found == in_flight_.end()) continue;  // its client has gone
    Connection* connection = found->second.connection;
    in_flight_.erase(found);
    connection->Answer(response);
  }
  if (inbox.lost_up_to != 0) FailLost(inbox.lost_up_to);
}

void ServerImpl::FailLost(uint64_t lost_up_to) {
  std::vector<Connection*> lost;
  std::erase_if(in_flight_, [&](const auto& entry) {
    if (entry.second.link > lost_up_to) return false;
    lost.push_back(entry.second.connection);
    return true;
  });
  for (Connection* connection : lost) {
    connection->Fail(
        {ErrorCode::kOverloaded, "The gateway was interrupted; send the same request again"}, true);
  }
}

void ServerImpl::OnStop() {
  if (draining_) return;
  draining_ = true;
  base::LogInfo("front.draining", {{"in_flight", in_flight_.size()}});
  listener_.reset();
  event_add(give_up_.get(), &kDrainTime);
  std::vector<Connection*> all;
  for (const auto& [connection, owner] : connections_) all.push_back(connection);
  for (Connection* connection : all) connection->Drain();
  if (connections_.empty()) GiveUp();
}

}  // namespace

base::Result<std::unique_ptr<Server>> Server::Open(const Config& config, uint32_t index,
                                                   const base::Clock& clock) {
  auto server = std::make_unique<ServerImpl>(config, clock);
  RETURN_IF_ERROR(server->Init(index));
  return server;
}

}  // namespace paygate::gateway::front
