// What front and engine say to each other over the engine's socket: one frame for a request, one
// for its answer, in any order. Grammar (base/codec.h):
//
//   request  = u8 1, u64 id, u8 method, bytes path, bytes content_type, bytes source, bytes body
//   response = u8 2, u64 id, u32 status, bytes content_type, u32 retry_after_s, bytes body
//   gone     = u8 3, u64 id          front → engine: that connection is closed, do not answer
//
// `id` is the front's own, unique while the request is open. `source` is the client's address in
// text, for limits. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace paygate::gateway {

enum class Method : uint8_t { kGet = 1, kPost = 2, kOther = 3 };

struct Request {
  uint64_t id = 0;
  Method method = Method::kOther;
  std::string path;  // as sent, without query; at most kMaxPathBytes
  std::string content_type;
  std::string source;
  std::string body;
};

struct Response {
  uint64_t id = 0;
  uint32_t status = 500;
  std::string content_type;
  uint32_t retry_after_s = 0;  // 0: no Retry-After header
  std::string body;
};

struct Gone {
  uint64_t id = 0;
};

constexpr size_t kMaxPathBytes = 4096;
constexpr size_t kMaxRequestBytes = 64u << 10;  // protocol.md section 1, rule 2

std::string Encode(const Request& request);
std::string Encode(const Response& response);
std::string Encode(const Gone& gone);
base::Result<std::variant<Request, Gone>> DecodeFromFront(std::string_view frame);
base::Result<Response> DecodeFromEngine(std::string_view frame);

}  // namespace paygate::gateway
