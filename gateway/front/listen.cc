#include "gateway/front/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/file.h"

namespace paygate::gateway::front {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr int kBacklog = 1024;

// Room for either family's address.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address MakeAddress(const std::string& text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
  }
  return address;
}

// 0: none there.
uint16_t PortOfFile(const std::string& path) {
  const auto text = base::ReadFile(path, 16);
  uint16_t port = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), port);
  return port;
}

base::Result<Listening> ListenOn(const Config& config, uint16_t port) {
  const Address address = MakeAddress(config.front.listen_address, port);
  const std::string where = config.front.listen_address + " port " + std::to_string(port);
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(ErrorCode::kIo, std::string("no socket: ") + std::strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // Inherited by what is accepted. Without it an answer over TLS waits for the client's delayed
  // acknowledgement: 44 ms a request.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // Not with one process: it would hide that another gateway already serves here.
  if (config.front.processes > 1) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  Address taken;
  taken.size = sizeof(taken.storage);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      listen(fd, kBacklog) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&taken.storage), &taken.size) != 0) {
    const int error = errno;
    close(fd);
    return Fail(error == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kIo,
                "cannot listen on " + where + ": " + std::strerror(error) +
                    "; choose another front.port or stop what uses it");
  }
  // sin_port and sin6_port are in the same place.
  return Listening{fd, ntohs(reinterpret_cast<sockaddr_in*>(&taken.storage)->sin_port)};
}

}  // namespace

base::Result<Listening> Listen(const Config& config, uint32_t index) {
  uint16_t port = config.front.port;
  if (port == 0) {
    port = PortOfFile(config.FrontPortFile());
    if (index != 0 && port == 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  "front.port is 0 and " + config.FrontPortFile() +
                      " is not there; start the front with --index 0 first");
    }
  }
  auto listening = ListenOn(config, port);
  if (!listening && config.front.port == 0 && index == 0) listening = ListenOn(config, 0);
  if (!listening || index != 0) return listening;
  const auto written =
      base::ReplaceFile(config.FrontPortFile(), std::to_string(listening->port) + "\n", 0644);
  if (written) return listening;
  close(listening->fd);
  return std::unexpected(written.error());
}

}  // namespace paygate::gateway::front
