// The listening socket. Private to front.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "gateway/config.h"

namespace paygate::gateway::front {

struct Listening {
  int fd;         // the caller's to close
  uint16_t port;  // the one taken
};

// As Server::Open says.
base::Result<Listening> Listen(const Config& config, uint32_t index);

}  // namespace paygate::gateway::front
