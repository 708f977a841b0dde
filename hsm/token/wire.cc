// Grammar, in the terms of base/codec.h (u8, u32, u64 little-endian; bytes = u32 length, bytes):
//
//   request   = u64 id, u32 count (1..64), count * operation
//   operation = u8 kind, bytes label, u8 what, bytes body
//                 kind 1 keys    label, body empty, what 0
//                 kind 2 sign    what = StatementKind, body = the statement
//                 kind 3 unwrap  what = KeyManagement, body = the wrapped key
//                 kind 4 retire  label, body empty, what 0; alone in its frame
//   reply     = u64 id, u64 resident bytes, u32 count, count * outcome
//   outcome   = u8 0, bytes value | u8 1 + ErrorCode, bytes message
//   keys      = u32 count, count * (bytes label, u8 KeyType, u8 KeyUsage, bytes public key DER)
//
// Replies come in any order. Both sides are of one release: the supervisor starts them together.

#include "hsm/token/wire.h"

#include "base/codec.h"

namespace paygate::hsm::token {
namespace {

using base::Decoder;
using base::Encoder;
using base::ErrorCode;
using base::Fail;

constexpr uint8_t kLastErrorCode = static_cast<uint8_t>(ErrorCode::kInternal);

base::Error Malformed(std::string_view what) {
  return {ErrorCode::kMalformed, "token frame: " + std::string(what)};
}

}  // namespace

std::string EncodeRequest(uint64_t id, const std::vector<Operation>& operations) {
  Encoder out;
  out.U64(id).U32(static_cast<uint32_t>(operations.size()));
  for (const Operation& operation : operations) {
    out.U8(static_cast<uint8_t>(operation.kind));
    out.Bytes(operation.label).U8(operation.what).Bytes(operation.bytes);
  }
  return out.Take();
}

base::Result<Request> DecodeRequest(std::string_view frame) {
  Decoder in(frame);
  Request request{in.U64(), {}};
  uint32_t count = in.U32();
  if (!in.ok() || count < 1 || count > kMaxOperationsPerFrame) {
    return std::unexpected(Malformed("the number of operations is out of bounds"));
  }
  for (uint32_t i = 0; i < count; ++i) {
    Operation operation{};
    operation.kind = static_cast<RequestKind>(in.U8());
    operation.label = in.Bytes();
    operation.what = in.U8();
    operation.bytes = in.Bytes();
    request.operations.push_back(operation);
  }
  RETURN_IF_ERROR(in.Finish());
  return request;
}

std::string EncodeReply(const Reply& reply) {
  Encoder out;
  out.U64(reply.id).U64(reply.resident_bytes).U32(static_cast<uint32_t>(reply.outcomes.size()));
  for (const Outcome& outcome : reply.outcomes) {
    if (outcome) {
      out.U8(0).Bytes(*outcome);
    } else {
      out.U8(static_cast<uint8_t>(1 + static_cast<uint8_t>(outcome.error().code)));
      out.Bytes(outcome.error().message);
    }
  }
  return out.Take();
}

base::Result<Reply> DecodeReply(std::string_view frame) {
  Decoder in(frame);
  Reply reply{in.U64(), in.U64(), {}};
  uint32_t count = in.U32();
  if (!in.ok() || count > kMaxOperationsPerFrame) {
    return std::unexpected(Malformed("the number of outcomes is out of bounds"));
  }
  for (uint32_t i = 0; i < count; ++i) {
    uint8_t code = in.U8();
    std::string value(in.Bytes());
    if (code == 0) {
      reply.outcomes.emplace_back(std::move(value));
    } else if (code - 1 <= kLastErrorCode) {
      reply.outcomes.push_back(Fail(static_cast<ErrorCode>(code - 1), std::move(value)));
    } else {
      return std::unexpected(Malformed("an error code that is none"));
    }
  }
  RETURN_IF_ERROR(in.Finish());
  return reply;
}

std::string EncodeKeys(const std::vector<KeyInfo>& keys) {
  Encoder out;
  out.U32(static_cast<uint32_t>(keys.size()));
  for (const KeyInfo& key : keys) {
    out.Bytes(key.label).U8(static_cast<uint8_t>(key.type)).U8(static_cast<uint8_t>(key.usage));
    out.Bytes(key.public_key_der);
  }
  return out.Take();
}

base::Result<std::vector<KeyInfo>> DecodeKeys(std::string_view bytes) {
  Decoder in(bytes);
  uint32_t count = in.U32();
  if (!in.ok() || count > kMaxKeys) {
    return std::unexpected(Malformed("the number of keys is out of bounds"));
  }
  std::vector<KeyInfo> keys;
  for (uint32_t i = 0; i < count; ++i) {
    KeyInfo key{};
    key.label = in.Bytes();
    uint8_t type = in.U8();
    uint8_t usage = in.U8();
    key.public_key_der = in.Bytes();
    if (type < 1 || type > 5 || usage < 1 || usage > 2) {
      return std::unexpected(Malformed("a key's type or usage that is none"));
    }
    key.type = static_cast<KeyType>(type);
    key.usage = static_cast<KeyUsage>(usage);
    keys.push_back(std::move(key));
  }
  RETURN_IF_ERROR(in.Finish());
  return keys;
}

}  // namespace paygate::hsm::token
