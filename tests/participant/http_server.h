// A small HTTP server on loopback that hands each request to a Transport, over TLS 1.3 or plain:
// one connection at a time, which is what one wallet opens.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "participant/transport.h"

namespace paygate::participant {

class HttpServer {
 public:
  // `certificate_pem` (leaf, then CAs) and `key_pem` empty: plain HTTP.
  HttpServer(Transport& handler, std::string certificate_pem, std::string key_pem);
  ~HttpServer();
  std::string url() const;
  int connections() const { return connections_; }

 private:
  struct Tls;
  void Serve();
  void ServeConnection(int fd);

  Transport& handler_;
  std::unique_ptr<Tls> tls_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace paygate::participant
