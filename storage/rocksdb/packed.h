// The larger compact JWS and JWE as they lie on disk: their base64url parts as the bytes that these
// stand for. That is a quarter less to write and sync, and JSON compresses as JSON.
//
//   packed  = parts (u8, 1…5), then so many bytes fields of base/codec.h: the parts, decoded
//           | 0 (u8), text: whatever is no compact serialisation
//           | text: the same, where its first byte is not below 6
//
// Unpack(Pack(text)) is text, to the byte, for every text. What stores of before this had is text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::storage::rocksdb {

std::string Pack(std::string_view text);
// kMalformed: parts that are cut off, or followed by more.
base::Result<std::string> Unpack(std::string_view packed);

}  // namespace paygate::storage::rocksdb
