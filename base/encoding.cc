// A codec of our own because OpenSSL's EVP_DecodeBlock skips white space, takes non-canonical
// trailing bits and knows no base64url.
#include "base/encoding.h"

#include <array>
#include <cstdint>

namespace paygate::base {
namespace {

constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kForeign = 0x80;  // not of the alphabet; no six-bit value has this bit

using ReverseTable = std::array<uint8_t, 256>;

constexpr ReverseTable Reverse(const char* alphabet) {
  ReverseTable table{};
  table.fill(kForeign);
  for (uint8_t i = 0; i < 64; i++) table[static_cast<uint8_t>(alphabet[i])] = i;
  return table;
}

constexpr ReverseTable kFromUrl = Reverse(kUrl);
constexpr ReverseTable kFromStandard = Reverse(kStandard);

std::string Encode(std::string_view bytes, const char* alphabet) {
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  const size_t whole = bytes.size() / 3;
  const size_t tail = bytes.size() % 3;
  std::string text(whole * 4 + (tail == 0 ? 0 : tail + 1), '\0');
  char* out = text.data();
  for (size_t i = 0; i < whole; i++, in += 3) {
    const uint32_t v = uint32_t{in[0]} << 16 | uint32_t{in[1]} << 8 | in[2];
    *out++ = alphabet[v >> 18];
    *out++ = alphabet[v >> 12 & 63];
    *out++ = alphabet[v >> 6 & 63];
    *out++ = alphabet[v & 63];
  }
  if (tail > 0) {
    const uint32_t v = uint32_t{in[0]} << 16 | (tail == 2 ? uint32_t{in[1]} << 8 : 0);
    *out++ = alphabet[v >> 18];
    *out++ = alphabet[v >> 12 & 63];
    if (tail == 2) *out++ = alphabet[v >> 6 & 63];
  }
  return text;
}

// Text without padding. False for anything that Encode does not print.
bool Decode(std::string_view text, const ReverseTable& table, std::string& bytes) {
  const size_t whole = text.size() / 4;
  const size_t tail = text.size() % 4;
  if (tail == 1) return false;
  const auto* in = reinterpret_cast<const uint8_t*>(text.data());
  bytes.resize(whole * 3 + (tail == 0 ? 0 : tail - 1));
  char* out = bytes.data();
  uint8_t seen = 0;  // gathers kForeign, so that the loop has no branch
  for (size_t i = 0; i < whole; i++, in += 4) {
    const uint8_t a = table[in[0]], b = table[in[1]], c = table[in[2]], d = table[in[3]];
    seen |= a | b | c | d;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    *out++ = static_cast<char>(b << 4 | c >> 2);
    *out++ = static_cast<char>(c << 6 | d);
  }
  if (tail >= 2) {
    const uint8_t a = table[in[0]], b = table[in[1]], c = tail == 3 ? table[in[2]] : 0;
    seen |= a | b | c;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    if (tail == 3) *out++ = static_cast<char>(b << 4 | c >> 2);
    const uint8_t unused_bits = tail == 3 ? c & 0x03 : b & 0x0f;
    if (unused_bits != 0) return false;
  }
  return (seen & kForeign) == 0;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool IsContinuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Length of the well-formed sequence of two to four bytes that `s` begins with (Unicode 15,
// table 3-7), 0 if there is none.
size_t MultiByteLength(const uint8_t* s, size_t left) {
  const uint8_t lead = s[0];
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < length) return 0;
  for (size_t i = 1; i < length; i++) {
    if (!IsContinuation(s[i])) return 0;
  }
  if (lead == 0xe0 && s[1] < 0xa0) return 0;  // overlong
  if (lead == 0xed && s[1] > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && s[1] < 0x90) return 0;  // overlong
  if (lead == 0xf4 && s[1] > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

}  // namespace

std::string Base64UrlEncode(std::string_view bytes) { return Encode(bytes, kUrl); }

Result<std::string> Base64UrlDecode(std::string_view text) {
  std::string bytes;
  if (!Decode(text, kFromUrl, bytes)) {
    return Fail(ErrorCode::kMalformed, "not canonical base64url without padding");
  }
  return bytes;
}

std::string Base64Encode(std::string_view bytes) {
  std::string text = Encode(bytes, kStandard);
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

Result<std::string> Base64Decode(std::string_view text) {
  std::string_view body = text;
  if (body.ends_with('=')) body.remove_suffix(1);
  if (body.ends_with('=')) body.remove_suffix(1);
  std::string bytes;
  // With the length a multiple of four and a tail of one character impossible, the padding that
  // was taken off is the padding that belongs there.
  const bool padded_well =
      text.size() % 4 == 0 && text.size() - body.size() == (4 - body.size() % 4) % 4;
  if (!padded_well || !Decode(body, kFromStandard, bytes)) {
    return Fail(ErrorCode::kMalformed, "not canonical base64 with padding");
  }
  return bytes;
}

std::string HexEncode(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(bytes.size() * 2, '\0');
  for (size_t i = 0; i < bytes.size(); i++) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    text[2 * i] = kDigits[byte >> 4];
    text[2 * i + 1] = kDigits[byte & 15];
  }
  return text;
}

Result<std::string> HexDecode(std::string_view text) {
  std::string bytes(text.size() / 2, '\0');
  bool good = text.size() % 2 == 0;
  for (size_t i = 0; good && i < bytes.size(); i++) {
    const int high = HexDigit(text[2 * i]), low = HexDigit(text[2 * i + 1]);
    good = high >= 0 && low >= 0;
    bytes[i] = static_cast<char>(high * 16 + low);
  }
  if (!good) return Fail(ErrorCode::kMalformed, "not lower-case hexadecimal digits in pairs");
  return bytes;
}

bool IsUtf8(std::string_view bytes) {
  const auto* s = reinterpret_cast<const uint8_t*>(bytes.data());
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = s[i] < 0x80 ? 1 : MultiByteLength(s + i, bytes.size() - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace paygate::base
