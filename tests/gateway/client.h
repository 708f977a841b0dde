// A client that sends exactly the bytes it is given, over TLS or plain, and reads answers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct ssl_st;

namespace paygate::gateway::testing {

struct Answer {
  int status = 0;  // 0: the connection ended first
  std::map<std::string, std::string> headers;
  std::string body;
};

class Client {
 public:
  // connected() is false where the connection or the handshake is refused.
  explicit Client(uint16_t port, bool tls = true, int tls_version = 0);
  ~Client();
  Client(Client&& other) noexcept { *this = std::move(other); }
  Client& operator=(Client&& other) noexcept;
  bool connected() const { return connected_; }

  void Send(std::string_view bytes);
  Answer Receive();
  Answer Exchange(std::string_view bytes) {
    Send(bytes);
    return Receive();
  }
  // True if the other side ended the connection (waits for it up to 10 s).
  bool Ended();

 private:
  bool ReadMore();
  int fd_ = -1;
  ssl_st* ssl_ = nullptr;
  bool connected_ = false;
  std::string buffer_;
};

std::string Post(std::string_view path, std::string_view body,
                 std::string_view content_type = "application/jose", std::string_view more = "");
std::string Get(std::string_view path);

}  // namespace paygate::gateway::testing
