// How the values of records.h are written and read: a version byte, then fields of base/codec.h.
// For records.cc, records_participants.cc and reconciliations.cc alone.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/codec.h"
#include "storage/rocksdb/packed.h"
#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

inline base::Encoder Begin(uint8_t version = kRecordVersion) {
  base::Encoder e;
  e.U8(version);
  return e;
}

// A value's fields, after its version byte has been checked.
class Fields : public base::Decoder {
 public:
  explicit Fields(std::string_view value, uint8_t version = kRecordVersion)
      : Decoder(value), wanted_(version), version_(U8()) {}
  std::string String() { return std::string(Bytes()); }
  // What Pack made.
  std::string Packed() {
    auto text = Unpack(Bytes());
    if (!text) bad_packed_ = true;
    return text ? std::move(*text) : std::string();
  }
  base::UnixTime Time() { return base::FromNumericDate(I64()); }
  // One of 0…max.
  uint8_t Choice(uint8_t max) {
    const uint8_t v = U8();
    if (v > max) bad_choice_ = true;
    return v;
  }
  base::Status Done() const {
    if (ok() && version_ != wanted_) {
      return base::Fail(base::ErrorCode::kMalformed,
                        "record version " + std::to_string(version_) + ", this program reads " +
                            std::to_string(wanted_));
    }
    if (bad_choice_) {
      return base::Fail(base::ErrorCode::kMalformed, "a field has a value outside its range");
    }
    if (bad_packed_) {
      return base::Fail(base::ErrorCode::kMalformed, "a field does not unpack");
    }
    return Finish();
  }

 private:
  const uint8_t wanted_;
  const uint8_t version_;
  bool bad_choice_ = false;
  bool bad_packed_ = false;
};

}  // namespace paygate::storage::rocksdb
