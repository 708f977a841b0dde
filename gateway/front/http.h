// The part of HTTP/1.1 (RFC 9112) that the gateway speaks, and not a byte more: what two programs
// could read differently is refused, so that nothing can be smuggled past a proxy in front.
//
//   request = method SP origin-form SP HTTP-version CRLF *( name ":" OWS value OWS CRLF ) CRLF body
//
// Refused: Transfer-Encoding, a Content-Length that is no plain number or comes twice, a body with
// GET, folded lines, bare CR or LF, spaces before the colon, no Host or two, absolute URIs.
// libevent's evhttp 2.1 accepts most of these, answers errors in HTML and gives no place to refuse
// a connection, a slow head or an unknown method: that is why it is not used here. Pure.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/frames.h"

namespace paygate::gateway::front {

constexpr size_t kMaxHeaders = 64;

struct Head {
  Method method = Method::kOther;
  std::string path;          // without query
  std::string content_type;  // media type in lower case, without parameters
  uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;
};

// `head` up to and with its empty line. kMalformed, kPayloadTooLarge (path or body over its bound),
// kMethodNotAllowed, kUnsupportedMediaType; the message is the title of the problem.
base::Result<Head> ParseHead(std::string_view head);

struct ResponseHead {
  uint32_t status = 500;
  std::string_view content_type;
  size_t content_length = 0;
  uint32_t retry_after_s = 0;
  bool keep_alive = true;
};
std::string PrintHead(const ResponseHead& head, std::string_view date);
std::string HttpDate(std::time_t time);  // "Sun, 06 Nov 1994 08:49:37 GMT"

// What front itself refuses, as RFC 9457 says (protocol.md section 9).
struct Problem {
  uint32_t status;
  uint32_t retry_after_s;
  std::string body;
};
constexpr std::string_view kProblemType = "application/problem+json";
Problem MakeProblem(const base::Error& error);

}  // namespace paygate::gateway::front
