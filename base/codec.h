// Encoder and Decoder: the one binary grammar of IPC frames and stored records.
//
//   u8 | u32 | u64 | i64  little-endian      bytes  u32 length, then that many bytes
//
// A Decoder never reads past its input; after the first error every read yields zero/empty and
// Finish() reports kMalformed, so that a parse is straight-line code with one check at its end.
// Finish() also refuses bytes left over. Not thread-safe. Views returned point into the input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::base {

class Encoder {
 public:
  Encoder& U8(uint8_t v);
  Encoder& U32(uint32_t v);
  Encoder& U64(uint64_t v);
  Encoder& I64(int64_t v) { return U64(static_cast<uint64_t>(v)); }
  Encoder& Bytes(std::string_view v);
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view in) : in_(in) {}
  uint8_t U8();
  uint32_t U32();
  uint64_t U64();
  int64_t I64() { return static_cast<int64_t>(U64()); }
  std::string_view Bytes();
  bool ok() const { return ok_; }
  std::string_view rest() const { return in_; }
  Status Finish() const;

 private:
  std::string_view Take(size_t n);
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace paygate::base
