// The TLS side of front: version 1.3 alone, the certificate and key of the configuration.
#pragma once

#include <memory>

#include "base/result.h"
#include "gateway/config.h"

struct ssl_ctx_st;

namespace paygate::gateway::front {

struct TlsContextDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsContextDeleter>;

// kInvalidArgument or kPermissionDenied with what to mend: a key that others can read, a key that
// does not belong to the certificate.
base::Result<TlsContext> OpenTls(const Config::Front& config);

}  // namespace paygate::gateway::front
