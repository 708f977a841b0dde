// The frames between paygatectl and the engine, in the grammar of base/codec.h:
//
//   request = u8 version (1), bytes command, u32 count (at most 16), (bytes name, bytes value)…
//             names rise
//   reply   = u8 version (1), bytes json, bytes error code, bytes error
//             either json, or error code and error, are empty
//
// The client sends a request and reads its reply; then the next. Both sides are of one release.
#include "gateway/control_frames.h"

#include "base/codec.h"

namespace paygate::gateway {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr uint8_t kVersion = 1;

std::unexpected<base::Error> OtherVersion() {
  return Fail(ErrorCode::kMalformed,
              "the other end speaks another version: run one release of all parts");
}

}  // namespace

std::string Encode(const ControlRequest& request) {
  base::Encoder out;
  out.U8(kVersion).Bytes(request.command);
  out.U32(static_cast<uint32_t>(request.arguments.size()));
  for (const auto& [name, value] : request.arguments) out.Bytes(name).Bytes(value);
  return out.Take();
}

std::string Encode(const ControlReply& reply) {
  return base::Encoder()
      .U8(kVersion)
      .Bytes(reply.json)
      .Bytes(reply.error_code)
      .Bytes(reply.error)
      .Take();
}

base::Result<ControlRequest> DecodeControlRequest(std::string_view frame) {
  base::Decoder in(frame);
  if (in.U8() != kVersion) return OtherVersion();
  ControlRequest request;
  request.command = in.Bytes();
  const uint32_t count = in.U32();
  if (count > kMaxControlArguments) return Fail(ErrorCode::kMalformed, "too many arguments");
  std::string before;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name(in.Bytes());
    if (i > 0 && name <= before) return Fail(ErrorCode::kMalformed, "arguments out of order");
    before = name;
    request.arguments[std::move(name)] = in.Bytes();
  }
  RETURN_IF_ERROR(in.Finish());
  return request;
}

base::Result<ControlReply> DecodeControlReply(std::string_view frame) {
  base::Decoder in(frame);
  if (in.U8() != kVersion) return OtherVersion();
  ControlReply reply;
  reply.json = in.Bytes();
  reply.error_code = in.Bytes();
  reply.error = in.Bytes();
  RETURN_IF_ERROR(in.Finish());
  if (reply.json.empty() == reply.error_code.empty()) {
    return Fail(ErrorCode::kMalformed, "a reply that is neither result nor error");
  }
  return reply;
}

}  // namespace paygate::gateway
