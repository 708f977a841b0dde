#include "storage/rocksdb/packed.h"

#include <algorithm>

#include "base/codec.h"
#include "base/encoding.h"

namespace paygate::storage::rocksdb {
namespace {

constexpr uint8_t kMaxParts = 5;  // of a JWE

std::string PackText(std::string_view text) {
  const bool looks_packed = !text.empty() && static_cast<uint8_t>(text[0]) <= kMaxParts;
  return looks_packed ? std::string(1, '\0').append(text) : std::string(text);
}

}  // namespace

std::string Pack(std::string_view text) {
  if (text.empty()) return {};
  base::Encoder parts;
  uint8_t count = 0;
  for (size_t at = 0; at <= text.size(); ++count) {
    const size_t end = std::min(text.find('.', at), text.size());
    const auto part = base::Base64UrlDecode(text.substr(at, end - at));  // the canonical form alone
    if (!part || count == kMaxParts) return PackText(text);
    parts.Bytes(*part);
    at = end + 1;
  }
  return std::string(1, static_cast<char>(count)) + parts.Take();
}

base::Result<std::string> Unpack(std::string_view packed) {
  if (packed.empty() || static_cast<uint8_t>(packed[0]) > kMaxParts) return std::string(packed);
  base::Decoder in(packed);
  const uint8_t count = in.U8();
  if (count == 0) return std::string(in.rest());
  std::string text;
  text.reserve(packed.size() * 4 / 3);
  for (uint8_t i = 0; i < count; ++i) {
    if (i > 0) text += '.';
    text += base::Base64UrlEncode(in.Bytes());
  }
  RETURN_IF_ERROR(in.Finish());
  return text;
}

}  // namespace paygate::storage::rocksdb
