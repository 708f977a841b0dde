// The server's connections: sockets, TLS and threads.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/banksim/http.h"

namespace paygate::banksim {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MutexLock;

constexpr int kAcceptTickMs = 50;

std::unexpected<base::Error> System(const std::string& what) {
  return Fail(ErrorCode::kIo, what + ": " + std::strerror(errno));
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}
  long Read(void* out, size_t size) override { return recv(fd_, out, size, 0); }
  bool Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

 private:
  const int fd_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(SSL_CTX* context, int fd) : ssl_(SSL_new(context)) { SSL_set_fd(ssl_, fd); }
  ~TlsStream() override { SSL_free(ssl_); }
  bool Accept() { return SSL_accept(ssl_) == 1; }
  long Read(void* out, size_t size) override { return SSL_read(ssl_, out, static_cast<int>(size)); }
  bool Write(std::string_view bytes) override {
    return bytes.empty() || SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }

 private:
  SSL* const ssl_;
};

}  // namespace

base::Result<std::unique_ptr<Server>> Server::Open(uint16_t port, const Tls* tls, Handler handler) {
  std::unique_ptr<Server> server(new Server(std::move(handler)));
  server->port_ = port;
  if (tls) RETURN_IF_ERROR(server->UseTls(*tls));
  RETURN_IF_ERROR(server->Listen());
  return server;
}

void Server::Start() {
  acceptor_ = std::thread([this] { AcceptAll(); });
}

base::Status Server::UseTls(const Tls& tls) {
  tls_ = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  SSL_CTX* context = tls_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, tls.certificate.c_str()) != 1)
    return Fail(ErrorCode::kInvalidArgument, "cannot use the certificate " + tls.certificate);
  if (SSL_CTX_use_PrivateKey_file(context, tls.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return Fail(ErrorCode::kInvalidArgument, "cannot use the key " + tls.key);
  if (SSL_CTX_load_verify_locations(context, tls.client_ca.c_str(), nullptr) != 1)
    return Fail(ErrorCode::kInvalidArgument, "cannot use the CA " + tls.client_ca);
  // Clients resume neither: every connection proves who it is.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  return {};
}

base::Status Server::Listen() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return System("socket");
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port_)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    auto error = System("cannot listen on 127.0.0.1:" + std::to_string(port_));
    close(fd);
    return error;
  }
  port_ = ntohs(address.sin_port);
  MutexLock lock(mutex_);
  listener_ = fd;
  return {};
}

void Server::AcceptAll() {
  while (!stopping_) {
    Reap();
    int listener;
    {
      MutexLock lock(mutex_);
      listener = listener_;
    }
    pollfd readable{.fd = listener, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, kAcceptTickMs) <= 0) continue;
    MutexLock lock(mutex_);
    if (listener_ != listener || listener < 0 || stopping_) continue;
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    if (connections_.size() >= kMaxConnections) {
      close(fd);
      continue;
    }
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.thread = std::thread([this, &connection] { Serve(connection); });
  }
}

void Server::Serve(Connection& connection) {
  const timeval idle{.tv_sec = kIdleSeconds, .tv_usec = 0};
  setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
  setsockopt(connection.fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
  const int one = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  std::unique_ptr<Stream> stream;
  if (tls_) {
    auto secure = std::make_unique<TlsStream>(tls_.get(), connection.fd);
    if (secure->Accept()) stream = std::move(secure);
  } else {
    stream = std::make_unique<PlainStream>(connection.fd);
  }
  std::string buffer;
  while (stream && !stopping_) {
    auto request = ReadRequest(*stream, buffer);
    if (!request) {
      if (request.error().code != ErrorCode::kClosed)
        WriteResponse(*stream, 400, request.error().message + "\n", {{"Connection", "close"}});
      break;
    }
    if (!handler_(*request, *stream)) break;
  }
  ERR_clear_error();
  shutdown(connection.fd, SHUT_RDWR);
  connection.done = true;
}

void Server::Reap() {
  std::list<Connection> done;
  {
    MutexLock lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if (it->done) done.splice(done.end(), connections_, it);
      it = next;
    }
  }
  for (Connection& c : done) {
    c.thread.join();
    close(c.fd);
  }
}

void Server::CutAll() {
  for (Connection& c : connections_) shutdown(c.fd, SHUT_RDWR);
}

void Server::SetOffline(bool offline) {
  if (!offline) {
    {
      MutexLock lock(mutex_);
      if (listener_ >= 0) return;
    }
    (void)Listen();
    return;
  }
  MutexLock lock(mutex_);
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  CutAll();
}

void Server::Stop() {
  stopping_ = true;
  SetOffline(true);
  if (acceptor_.joinable()) acceptor_.join();
  std::list<Connection> rest;
  {
    MutexLock lock(mutex_);
    rest.splice(rest.end(), connections_);
  }
  for (Connection& c : rest) {
    c.thread.join();
    close(c.fd);
  }
}

Server::~Server() { Stop(); }

}  // namespace paygate::banksim
