#include "tools/load/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "protocol/certificate.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxHeadBytes = 16u << 10, kMaxBodyBytes = 256u << 10;

timeval TimeOf(double seconds) {
  const double whole = std::floor(seconds);
  return {static_cast<time_t>(whole), static_cast<suseconds_t>((seconds - whole) * 1e6)};
}

base::Result<std::shared_ptr<SSL_CTX>> MakeContext(const std::string& root_pem) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  ASSIGN_OR_RETURN(const auto root, protocol::Certificate::ParsePem(root_pem));
  const auto* bytes = reinterpret_cast<const unsigned char*>(root.der().data());
  const std::unique_ptr<X509, decltype(&X509_free)> x509(
      d2i_X509(nullptr, &bytes, static_cast<long>(root.der().size())), X509_free);
  if (!context || !x509 ||
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), x509.get()) != 1 ||
      SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
    return Fail(ErrorCode::kInternal, "TLS cannot be set up");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// "host", "host:port", "[v6]:port" → host and port.
base::Status SplitAuthority(std::string_view text, Endpoint& out, std::string& port) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) return Fail(ErrorCode::kInvalidArgument, "no address after '['");
  const size_t colon = text.find(':', bracket);
  out.host = text.substr(0, colon);
  if (bracket > 0) out.host = text.substr(1, bracket - 1);
  port = colon == text.npos ? (out.tls ? "443" : "80") : text.substr(colon + 1);
  return {};
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool Is(std::string_view name, std::string_view lower) {
  return std::ranges::equal(name, lower,
                            [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
}

bool ReadNumber(std::string_view text, auto& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ptr ==
         text.data() + text.size();
}

}  // namespace

base::Result<Endpoint> FindEndpoint(const std::string& url, const std::string& root_pem) {
  Endpoint found{.url = url};
  std::string_view rest = url;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  found.tls = rest.starts_with("https://");
  if (!found.tls && !rest.starts_with("http://")) {
    return Fail(ErrorCode::kInvalidArgument, "the URL must begin with https://");
  }
  rest.remove_prefix(found.tls ? 8 : 7);
  if (rest.empty() || rest.find_first_of("/?#@ ") != rest.npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "give the gateway's URL as https://host:port, with nothing after the port");
  }
  found.authority = rest;
  std::string port;
  RETURN_IF_ERROR(SplitAuthority(rest, found, port));
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(found.host.c_str(), port.c_str(), &hints, &list) != 0 || list == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, found.host + " is not found");
  }
  found.address.assign(reinterpret_cast<const char*>(list->ai_addr), list->ai_addrlen);
  if (list->ai_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(list->ai_addr);
    found.loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  } else {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(list->ai_addr);
    found.loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
  }
  freeaddrinfo(list);
  hints.ai_flags = AI_NUMERICHOST;
  found.numeric = getaddrinfo(found.host.c_str(), nullptr, &hints, &list) == 0;
  if (found.numeric) freeaddrinfo(list);
  if (!found.tls && !found.loopback) {
    return Fail(ErrorCode::kInvalidArgument, "plain http:// is for loopback only");
  }
  if (found.tls) {
    ASSIGN_OR_RETURN(found.context, MakeContext(root_pem));
  }
  return found;
}

Connection::Connection(event_base* base, const Endpoint& endpoint, Owner& owner, size_t number,
                       size_t sources)
    : base_(base), endpoint_(endpoint), owner_(owner), number_(number), sources_(sources) {
  timer_ = evtimer_new(
      base_, [](int, short, void* self) { static_cast<Connection*>(self)->OnTimeout(); }, this);
}

Connection::~Connection() {
  Close();
  event_free(timer_);
}

void Connection::Close() {
  if (connecting_ != nullptr) event_free(std::exchange(connecting_, nullptr));
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (bev_ != nullptr) bufferevent_free(std::exchange(bev_, nullptr));
  ready_ = reused_ = has_head_ = false;
  keep_alive_ = true;
}

void Connection::Send(std::string_view path, std::string_view body, std::string_view type) {
  request_.clear();
  request_.reserve(body.size() + 256);
  request_.append("POST ").append(path).append(" HTTP/1.1\r\nHost: ").append(endpoint_.authority);
  request_.append("\r\nContent-Type: ").append(type).append("\r\nContent-Length: ");
  request_.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  awaiting_ = true;
  answer_ = {};
  const timeval timeout = TimeOf(timeout_s_);
  evtimer_add(timer_, &timeout);
  if (ready_) return Write();
  Open();
}

void Connection::Open() {
  Close();
  const auto* address = reinterpret_cast<const sockaddr*>(endpoint_.address.data());
  fd_ = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd_ < 0) return Lose(std::string("no socket: ") + std::strerror(errno));
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (sources_ > 1 && endpoint_.loopback && address->sa_family == AF_INET) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f000101u + static_cast<uint32_t>(number_ % sources_));
    (void)!bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from);
  }
  if (connect(fd_, address, static_cast<socklen_t>(endpoint_.address.size())) != 0 &&
      errno != EINPROGRESS) {
    return Lose(std::string("not connected: ") + std::strerror(errno));
  }
  connecting_ = event_new(
      base_, fd_, EV_WRITE,
      [](int, short, void* self) { static_cast<Connection*>(self)->OnConnected(); }, this);
  event_add(connecting_, nullptr);
}

void Connection::OnConnected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Lose(std::string("not connected: ") + std::strerror(error));
  event_free(std::exchange(connecting_, nullptr));
  const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
  if (endpoint_.tls) {
    SSL* ssl = SSL_new(endpoint_.context.get());
    if (ssl == nullptr) return Lose("TLS cannot be set up");
    if (endpoint_.numeric) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), endpoint_.host.c_str());
    } else {
      SSL_set1_host(ssl, endpoint_.host.c_str());
      SSL_set_tlsext_host_name(ssl, endpoint_.host.c_str());
    }
    bev_ = bufferevent_openssl_socket_new(base_, fd_, ssl, BUFFEREVENT_SSL_CONNECTING, options);
  } else {
    bev_ = bufferevent_socket_new(base_, fd_, options);
  }
  if (bev_ == nullptr) return Lose("no memory for a connection");
  fd_ = -1;
  bufferevent_setcb(
      bev_, [](bufferevent*, void* self) { static_cast<Connection*>(self)->OnReadable(); }, nullptr,
      [](bufferevent*, short what, void* self) { static_cast<Connection*>(self)->OnEvent(what); },
      this);
  bufferevent_enable(bev_, EV_READ | EV_WRITE);
  owner_.OnOpened();
  if (endpoint_.tls) return;
  ready_ = true;
  Write();
}

void Connection::Write() {
  has_head_ = false;
  bufferevent_write(bev_, request_.data(), request_.size());
}

void Connection::OnEvent(short what) {
  if ((what & BEV_EVENT_CONNECTED) != 0) {
    ready_ = true;
    return Write();
  }
  std::string why = "the connection was closed";
  if ((what & BEV_EVENT_ERROR) != 0) {
    why = "the connection was cut";
    if (const unsigned long error = bufferevent_get_openssl_error(bev_); error != 0) {
      char text[200];
      ERR_error_string_n(error, text, sizeof text);
      why = std::string("TLS: ") + text;
    }
  }
  ERR_clear_error();
  const bool silent =
      awaiting_ && ready_ && reused_ && evbuffer_get_length(bufferevent_get_input(bev_)) == 0;
  if (silent && !has_head_) return Open();  // the gateway had closed it while it was idle
  Lose(why);
}

void Connection::Lose(const std::string& why) {
  Close();
  evtimer_del(timer_);
  if (std::exchange(awaiting_, false)) owner_.OnLost(*this, why);
}

void Connection::Abandon() {
  awaiting_ = false;
  evtimer_del(timer_);
  Close();
}

void Connection::OnTimeout() { Lose("no answer in time"); }

bool Connection::ReadHead() {
  evbuffer* input = bufferevent_get_input(bev_);
  const evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, nullptr);
  if (end.pos < 0) {
    if (evbuffer_get_length(input) > kMaxHeadBytes) Lose("no HTTP: its head does not end");
    return false;
  }
  std::string head(static_cast<size_t>(end.pos) + 2, '\0');
  evbuffer_remove(input, head.data(), head.size());
  evbuffer_drain(input, 2);
  std::string_view rest = head;
  if (!rest.starts_with("HTTP/1.1 ") || rest.size() < 13 ||
      !ReadNumber(rest.substr(9, 3), answer_.status)) {
    Lose("no HTTP/1.1");
    return false;
  }
  body_bytes_ = 0;
  keep_alive_ = true;
  for (rest.remove_prefix(rest.find("\r\n") + 2); !rest.empty();) {
    const size_t line_end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(line_end + 2);
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon),
                           value = Trim(line.substr(std::min(colon + 1, line.size())));
    bool good = true;
    if (Is(name, "content-length")) good = ReadNumber(value, body_bytes_);
    if (Is(name, "retry-after")) (void)ReadNumber(value, answer_.retry_after_s);
    if (Is(name, "content-type")) answer_.content_type = value.substr(0, value.find(';'));
    if (Is(name, "connection") && Is(value, "close")) keep_alive_ = false;
    if (!good || body_bytes_ > kMaxBodyBytes) {
      Lose("an HTTP body of no sensible length");
      return false;
    }
  }
  return has_head_ = true;
}

void Connection::OnReadable() {
  if (!awaiting_) return Close();  // nothing was asked
  if (!has_head_ && !ReadHead()) return;
  evbuffer* input = bufferevent_get_input(bev_);
  if (evbuffer_get_length(input) < body_bytes_) return;
  answer_.body.resize(body_bytes_);
  evbuffer_remove(input, answer_.body.data(), body_bytes_);
  evtimer_del(timer_);
  awaiting_ = false;
  reused_ = true;
  if (!keep_alive_) Close();
  owner_.OnAnswer(*this, std::move(answer_));
}

}  // namespace paygate::load
