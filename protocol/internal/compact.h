// The compact serialisations of JOSE: parts of base64url with full stops between them (RFC 7515
// section 3.1, RFC 7516 section 3.1). For this room's .cc files only.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace paygate::protocol {

constexpr size_t kMaxJwsChars = 128u << 10;
constexpr size_t kMaxJweChars = 256u << 10;
constexpr size_t kMaxJoseHeaderChars = 32u << 10;  // a chain of four RSA-4096 certificates fits

// Exactly N parts, empty ones included; nullopt otherwise.
template <size_t N>
std::optional<std::array<std::string_view, N>> SplitCompact(std::string_view text) {
  if (std::ranges::count(text, '.') != static_cast<std::ptrdiff_t>(N - 1)) return std::nullopt;
  std::array<std::string_view, N> parts;
  for (size_t i = 0; i + 1 < N; ++i) {
    const size_t stop = text.find('.');
    parts[i] = text.substr(0, stop);
    text.remove_prefix(stop + 1);
  }
  parts[N - 1] = text;
  return parts;
}

}  // namespace paygate::protocol
