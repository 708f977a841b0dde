// What anyone may read (protocol.md section 3): the gateway's signed description of itself and its
// certificates. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/reply.h"

namespace paygate::gateway::engine {

class Documents {
 public:
  Documents(const base::Clock& clock, const Envelope& envelope, const Limits& limits)
      : clock_(clock), envelope_(envelope), limits_(limits) {}

  void Gateway(Reply reply) EXCLUDES(mutex_);                       // GET /v1/gateway
  void CertificateChain(std::string_view fingerprint, Reply reply);  // GET /v1/certificates/{…}

 private:
  base::Result<std::string> SignGatewayDocument(const GatewayKeys& keys, base::UnixTime now) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  const Limits& limits_;
  base::Mutex mutex_;
  std::string document_ GUARDED_BY(mutex_);        // signed anew after half its life
  std::shared_ptr<const GatewayKeys> keys_ GUARDED_BY(mutex_);  // that document_ describes
  base::UnixTime sign_again_ GUARDED_BY(mutex_){}, expires_ GUARDED_BY(mutex_){};
};

}  // namespace paygate::gateway::engine
