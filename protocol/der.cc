#include "protocol/internal/der.h"

#include <cstdio>

#include "protocol/internal/openssl.h"

namespace paygate::protocol::der {

std::string Tlv(uint8_t tag, std::string_view contents) {
  std::string out(1, static_cast<char>(tag));
  if (contents.size() < 0x80) {
    out.push_back(static_cast<char>(contents.size()));
  } else {
    std::string length;
    for (size_t n = contents.size(); n > 0; n >>= 8) length.insert(0, 1, static_cast<char>(n));
    out.push_back(static_cast<char>(0x80 | length.size()));
    out += length;
  }
  return out.append(contents);
}

std::string Sequence(std::initializer_list<std::string_view> elements) {
  std::string contents;
  for (std::string_view element : elements) contents.append(element);
  return Tlv(kSequence, contents);
}

std::string BitString(std::string_view bytes) {
  return Tlv(kBitString, std::string(1, '\0').append(bytes));
}

std::string Oid(std::string_view dotted) {
  // OpenSSL does the arithmetic: an arc under 2.25 has 128 bits.
  ObjectPtr object(OBJ_txt2obj(std::string(dotted).c_str(), /*no_name=*/1));
  return object ? ToDer(i2d_ASN1_OBJECT, object.get()) : std::string();
}

std::string Unsigned(uint64_t n) {
  std::string bytes;
  do {
    bytes.insert(0, 1, static_cast<char>(n));
    n >>= 8;
  } while (n > 0);
  if (bytes[0] < 0) bytes.insert(0, 1, '\0');  // a set top bit would make it negative
  return Tlv(kInteger, bytes);
}

namespace {

std::string Digits(base::UnixTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(t - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d%02u%02u%02d%02d%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace

std::string GeneralizedTime(base::UnixTime t) { return Tlv(kGeneralizedTime, Digits(t)); }

std::string Time(base::UnixTime t) {
  const std::string digits = Digits(t);
  const bool utc = digits < "2050";
  return utc ? Tlv(kUtcTime, std::string_view(digits).substr(2)) : Tlv(kGeneralizedTime, digits);
}

}  // namespace paygate::protocol::der
