// Writes DER (X.690), as much as a certificate needs. For this room's .cc files only. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace paygate::protocol::der {

enum Tag : uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kEnumerated = 0x0a,
  kUtf8String = 0x0c,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
};
constexpr uint8_t Context(int n) { return static_cast<uint8_t>(0x80 | n); }  // primitive
constexpr uint8_t ContextConstructed(int n) { return static_cast<uint8_t>(0xa0 | n); }

std::string Tlv(uint8_t tag, std::string_view contents);
std::string Sequence(std::initializer_list<std::string_view> elements);
std::string BitString(std::string_view bytes);  // whole octets
std::string Oid(std::string_view dotted);       // "2.5.29.15", arcs of any size
std::string Unsigned(uint64_t n);               // INTEGER
std::string GeneralizedTime(base::UnixTime t);  // YYYYMMDDHHMMSSZ
// RFC 5280 section 4.1.2.5: UTCTime up to 2049, GeneralizedTime from 2050.
std::string Time(base::UnixTime t);

}  // namespace paygate::protocol::der
