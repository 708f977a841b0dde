// Numbers as keys: big-endian, so that they sort as numbers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::storage::rocksdb {

inline std::string NumberKey(uint64_t number) {
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
  return key;
}

// kMalformed unless it is 8 bytes.
inline base::Result<uint64_t> ParseNumberKey(std::string_view key) {
  if (key.size() != 8) return base::Fail(base::ErrorCode::kMalformed, "a key that is no number");
  uint64_t number = 0;
  for (char byte : key) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace paygate::storage::rocksdb
