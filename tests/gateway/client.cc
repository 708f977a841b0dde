#include "tests/gateway/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace paygate::gateway::testing {
namespace {

SSL_CTX* Context() {
  static SSL_CTX* const context = [] {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return made;
  }();
  return context;
}

}  // namespace

Client::Client(uint16_t port, bool tls, int tls_version) {
  SSL_CTX* const context = Context();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  if (!tls || !connected_) return;
  ssl_ = SSL_new(context);
  if (tls_version != 0) SSL_set_max_proto_version(ssl_, tls_version);
  SSL_set_fd(ssl_, fd_);
  connected_ = SSL_connect(ssl_) == 1;
  ERR_clear_error();
}

Client::~Client() {
  if (ssl_) SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(ssl_, other.ssl_);
  std::swap(connected_, other.connected_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

void Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ssl_ ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                           : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  ERR_clear_error();
}

bool Client::ReadMore() {
  char bytes[16384];
  const ssize_t n =
      ssl_ ? SSL_read(ssl_, bytes, sizeof(bytes)) : recv(fd_, bytes, sizeof(bytes), 0);
  ERR_clear_error();
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(n));
  return true;
}

Answer Client::Receive() {
  Answer answer;
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return answer;
  }
  std::string_view head = std::string_view(buffer_).substr(0, end);
  const int status = std::stoi(std::string(head.substr(9, 3)));
  size_t length = 0;
  for (size_t at; (at = head.find("\r\n")) != head.npos;) {
    head.remove_prefix(at + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const size_t colon = line.find(": ");
    const std::string name(line.substr(0, colon));
    answer.headers[name] = line.substr(colon + 2);
    if (name == "Content-Length") length = std::stoul(answer.headers[name]);
  }
  while (buffer_.size() < end + 4 + length) {
    if (!ReadMore()) return answer;
  }
  answer.body = buffer_.substr(end + 4, length);
  answer.status = status;
  buffer_.erase(0, end + 4 + length);
  return answer;
}

bool Client::Ended() {
  while (ReadMore()) {
  }
  char byte;
  // Under TLS the end of the stream may follow its close_notify a moment later.
  return recv(fd_, &byte, 1, 0) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

std::string Post(std::string_view path, std::string_view body, std::string_view content_type,
                 std::string_view more) {
  std::string out = "POST ";
  out.append(path).append(" HTTP/1.1\r\nHost: gateway\r\nContent-Type: ").append(content_type);
  out.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  return out.append(more).append("\r\n").append(body);
}

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: gateway\r\n\r\n";
}

}  // namespace paygate::gateway::testing
