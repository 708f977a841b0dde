// Connection: one kept-alive connection to the gateway, one request at a time, on an event loop.
//
// Send() opens it if it is closed: TLS 1.3 with the operator's root as the only anchor, as the
// wallet does it, or plain HTTP on loopback. Its owner hears of each request exactly once: of the
// answer, whatever its status, or that nobody knows whether it arrived. A request whose kept-alive
// connection turns out to be closed already is sent again once on a new one. Of its loop's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "participant/transport.h"

struct bufferevent;
struct event;
struct event_base;
struct ssl_ctx_st;

namespace paygate::load {

using participant::HttpAnswer;

// Where the gateway is, looked up once.
struct Endpoint {
  std::string url, host;  // without brackets
  std::string authority;  // host:port, for the Host header
  std::string address;    // of sockaddr, as bytes
  bool tls = true, numeric = false, loopback = false;
  std::shared_ptr<ssl_ctx_st> context;  // of TLS
};
// kInvalidArgument: an URL with more than scheme, host and port, or plain HTTP beyond loopback.
base::Result<Endpoint> FindEndpoint(const std::string& url, const std::string& root_pem);

class Connection {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnAnswer(Connection& connection, HttpAnswer answer) = 0;
    virtual void OnLost(Connection& connection, const std::string& why) = 0;
    virtual void OnOpened() = 0;  // for counting
  };

  // `number`: with loopback endpoints and `sources` > 1, connections come from as many addresses
  // (127.0.1.1 and on) in turn, as from so many machines.
  Connection(event_base* base, const Endpoint& endpoint, Owner& owner, size_t number,
             size_t sources);
  ~Connection();
  Connection(const Connection&) = delete;

  // Not while a request is out. The body is application/jose unless another type is given.
  void Send(std::string_view path, std::string_view body,
            std::string_view type = participant::kJoseType);
  void Abandon();  // closes; the owner hears no more of what is out
  void SetTimeout(double seconds) { timeout_s_ = seconds; }
  void* user = nullptr;  // the owner's

 private:
  void Open();
  void OnConnected();  // TCP
  void OnEvent(short what);
  void OnReadable();
  void OnTimeout();
  bool ReadHead();
  void Write();
  void Lose(const std::string& why);
  void Close();

  event_base* const base_;
  const Endpoint& endpoint_;
  Owner& owner_;
  const size_t number_, sources_;
  double timeout_s_ = 45;  // longer than the longest long poll
  event* timer_ = nullptr;
  event* connecting_ = nullptr;
  bufferevent* bev_ = nullptr;
  int fd_ = -1;  // while TCP connects
  bool ready_ = false, awaiting_ = false, reused_ = false, has_head_ = false, keep_alive_ = true;
  std::string request_;
  HttpAnswer answer_;
  size_t body_bytes_ = 0;
};

}  // namespace paygate::load
