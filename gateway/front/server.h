// Server: the gateway's door to the Internet. One loop thread; TLS 1.3 (or plain HTTP on loopback),
// the limits of Config::Front, one frame to the engine for each request.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/config.h"

namespace paygate::gateway::front {

class Server {
 public:
  // Listens, and as process 0 writes the port taken to runtime_directory/front.port. With
  // `port = 0` the port in that file is taken if it can be, so that a restart keeps the address and
  // several processes share one. kInvalidArgument, kPermissionDenied or kIo with what to mend.
  static base::Result<std::unique_ptr<Server>> Open(const Config& config, uint32_t index,
                                                    const base::Clock& clock);
  virtual ~Server() = default;
  // Serves until SIGTERM or SIGINT; what is in flight then has 5 s to finish.
  virtual void Run() = 0;
};

}  // namespace paygate::gateway::front
