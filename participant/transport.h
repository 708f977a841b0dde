// Transport: one request to the gateway and its answer, whole.
//
// An answer of any status is a success here; an error means that nobody knows whether the request
// arrived (kTimeout, kClosed) or that it was never sent (kInvalidArgument, kCertificateInvalid: the
// server's TLS certificate does not lead to the pinned root). Blocking; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::participant {

constexpr std::string_view kJoseType = "application/jose";
constexpr std::string_view kProblemType = "application/problem+json";

struct HttpAnswer {
  int status = 0;
  std::string content_type;  // lower case, without parameters
  std::string body;
  int retry_after_s = 0;  // 0: the header was absent
};

class Transport {
 public:
  virtual ~Transport() = default;
  // `path` begins with '/'. The body of a Post is application/jose.
  virtual base::Result<HttpAnswer> Post(const std::string& path, const std::string& body) = 0;
  virtual base::Result<HttpAnswer> Get(const std::string& path) = 0;
};

struct TransportOptions {
  std::string url;                    // https://host[:port], nothing after it
  std::string root_pem;               // the operator's root certificate: the only trust anchor
  bool allow_plain_loopback = false;  // http://127.0.0.1, http://[::1], http://localhost
  int connect_timeout_s = 10;
  int answer_timeout_s = 45;  // longer than the longest long poll (30 s)
  size_t max_body_bytes = 256u << 10;
};

// HTTPS by libcurl: TLS 1.3, connections kept alive, no redirects, bounded answers.
base::Result<std::unique_ptr<Transport>> OpenHttpsTransport(const TransportOptions& options);

}  // namespace paygate::participant
