#include "base/codec.h"

#include <cstdlib>
#include <limits>

namespace paygate::base {
namespace {

template <typename T>
void PutLittleEndian(std::string& out, T v) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); i++) bytes[i] = static_cast<char>(v >> (8 * i));
  out.append(bytes, sizeof(T));
}

template <typename T>
T GetLittleEndian(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) return 0;  // Take() has noted the error
  T v = 0;
  for (size_t i = 0; i < sizeof(T); i++) {
    v |= static_cast<T>(static_cast<T>(static_cast<uint8_t>(bytes[i])) << (8 * i));
  }
  return v;
}

}  // namespace

Encoder& Encoder::U8(uint8_t v) {
  out_.push_back(static_cast<char>(v));
  return *this;
}

Encoder& Encoder::U32(uint32_t v) {
  PutLittleEndian(out_, v);
  return *this;
}

Encoder& Encoder::U64(uint64_t v) {
  PutLittleEndian(out_, v);
  return *this;
}

Encoder& Encoder::Bytes(std::string_view v) {
  // Every bound of ours is far below; a length that wraps would be read as another record.
  if (v.size() > std::numeric_limits<uint32_t>::max()) std::abort();
  U32(static_cast<uint32_t>(v.size()));
  out_.append(v);
  return *this;
}

std::string_view Decoder::Take(size_t n) {
  if (!ok_ || n > in_.size()) {
    ok_ = false;
    return {};
  }
  std::string_view taken = in_.substr(0, n);
  in_.remove_prefix(n);
  return taken;
}

uint8_t Decoder::U8() { return GetLittleEndian<uint8_t>(Take(1)); }
uint32_t Decoder::U32() { return GetLittleEndian<uint32_t>(Take(4)); }
uint64_t Decoder::U64() { return GetLittleEndian<uint64_t>(Take(8)); }
std::string_view Decoder::Bytes() { return Take(U32()); }

Status Decoder::Finish() const {
  if (!ok_) return Fail(ErrorCode::kMalformed, "record ends before its last field");
  if (!in_.empty()) {
    return Fail(ErrorCode::kMalformed,
                std::to_string(in_.size()) + " bytes left over after the record's last field");
  }
  return {};
}

}  // namespace paygate::base
