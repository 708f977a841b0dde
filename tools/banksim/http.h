// Http: as much of HTTP/1.1 as a simulated bank speaks, over a plain or TLS connection.
//
// Server: one thread for each connection, which reads a request, calls the handler and reads the
// next; bounded by kMaxConnections. Loopback alone. Handlers write their own responses, so that
// they can also cut, drip or spoil them.
#pragma once

#include <openssl/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace paygate::banksim {

constexpr size_t kMaxHeadBytes = 16u << 10;
constexpr size_t kMaxBodyBytes = 1u << 20;
constexpr size_t kMaxConnections = 1024;
constexpr int kIdleSeconds = 90;  // a connection that says nothing for longer is closed

class Stream {
 public:
  virtual ~Stream() = default;
  virtual long Read(void* out, size_t size) = 0;  // 0 or less: over
  virtual bool Write(std::string_view bytes) = 0;
};

struct Request {
  std::string method, path;
  std::map<std::string, std::string> query, headers;  // header names in lower case
  std::string body;
};

// False: the connection is to be closed.
bool WriteResponse(Stream& stream, int status, std::string_view body,
                   const std::map<std::string, std::string>& headers = {});
std::string FormatResponse(int status, std::string_view body,
                           const std::map<std::string, std::string>& headers = {});
// kMalformed, kPayloadTooLarge; kClosed at the end of the connection. `buffer` keeps what was read
// beyond this request.
base::Result<Request> ReadRequest(Stream& stream, std::string& buffer);

class Server {
 public:
  // False: close the connection.
  using Handler = std::function<bool(const Request& request, Stream& stream)>;
  // Server's certificate and key, and the CA of the clients that may come. TLS 1.3 alone.
  struct Tls {
    std::string certificate, key, client_ca;
  };

  // Port 0: any. Without `tls` plain. Whoever connects now waits until Start().
  static base::Result<std::unique_ptr<Server>> Open(uint16_t port, const Tls* tls, Handler handler);
  void Start();  // once
  ~Server();  // Stop()
  uint16_t port() const { return port_; }
  // Offline: nobody listens, and the connections there are cut. Returns when it is so.
  void SetOffline(bool offline) EXCLUDES(mutex_);
  void Stop() EXCLUDES(mutex_);

 private:
  struct Connection {
    int fd;
    std::thread thread;
    std::atomic<bool> done = false;
  };
  explicit Server(Handler handler) : handler_(std::move(handler)) {}
  base::Status Listen() EXCLUDES(mutex_);
  base::Status UseTls(const Tls& tls);
  void AcceptAll() EXCLUDES(mutex_);
  void Serve(Connection& connection);
  void Reap() EXCLUDES(mutex_);
  void CutAll() REQUIRES(mutex_);

  const Handler handler_;
  std::shared_ptr<SSL_CTX> tls_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  base::Mutex mutex_;
  int listener_ GUARDED_BY(mutex_) = -1;
  std::list<Connection> connections_ GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace paygate::banksim
