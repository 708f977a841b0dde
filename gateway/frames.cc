#include "gateway/frames.h"

#include "base/codec.h"

namespace paygate::gateway {
namespace {

using base::ErrorCode;
using base::Fail;

enum FrameType : uint8_t { kRequest = 1, kResponse = 2, kGone = 3 };

base::Result<Request> DecodeRequest(base::Decoder& in) {
  Request request;
  request.id = in.U64();
  const uint8_t method = in.U8();
  request.path = in.Bytes();
  request.content_type = in.Bytes();
  request.source = in.Bytes();
  request.body = in.Bytes();
  RETURN_IF_ERROR(in.Finish());
  if (method < uint8_t(Method::kGet) || method > uint8_t(Method::kOther)) {
    return Fail(ErrorCode::kMalformed, "request frame: unknown method");
  }
  if (request.path.size() > kMaxPathBytes || request.body.size() > kMaxRequestBytes) {
    return Fail(ErrorCode::kMalformed, "request frame: path or body over its bound");
  }
  request.method = static_cast<Method>(method);
  return request;
}

}  // namespace

std::string Encode(const Request& request) {
  return base::Encoder()
      .U8(kRequest)
      .U64(request.id)
      .U8(static_cast<uint8_t>(request.method))
      .Bytes(request.path)
      .Bytes(request.content_type)
      .Bytes(request.source)
      .Bytes(request.body)
      .Take();
}

std::string Encode(const Response& response) {
  return base::Encoder()
      .U8(kResponse)
      .U64(response.id)
      .U32(response.status)
      .Bytes(response.content_type)
      .U32(response.retry_after_s)
      .Bytes(response.body)
      .Take();
}

std::string Encode(const Gone& gone) { return base::Encoder().U8(kGone).U64(gone.id).Take(); }

base::Result<std::variant<Request, Gone>> DecodeFromFront(std::string_view frame) {
  base::Decoder in(frame);
  switch (in.U8()) {
    case kRequest: {
      ASSIGN_OR_RETURN(Request request, DecodeRequest(in));
      return request;
    }
    case kGone: {
      const Gone gone{in.U64()};
      RETURN_IF_ERROR(in.Finish());
      return gone;
    }
    default:
      return Fail(ErrorCode::kMalformed, "frame from front: unknown type");
  }
}

base::Result<Response> DecodeFromEngine(std::string_view frame) {
  base::Decoder in(frame);
  if (in.U8() != kResponse) return Fail(ErrorCode::kMalformed, "frame from engine: unknown type");
  Response response;
  response.id = in.U64();
  response.status = in.U32();
  response.content_type = in.Bytes();
  response.retry_after_s = in.U32();
  response.body = in.Bytes();
  RETURN_IF_ERROR(in.Finish());
  if (response.status < 200 || response.status > 599) {
    return Fail(ErrorCode::kMalformed, "frame from engine: no HTTP status");
  }
  return response;
}

}  // namespace paygate::gateway
