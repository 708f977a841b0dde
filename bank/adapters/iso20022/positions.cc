#include "bank/adapters/iso20022/positions.h"

#include <charconv>

#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {

std::string Print(const Positions& positions) {
  std::string text;
  for (const auto& [bic, number] : positions)
    text += (text.empty() ? "" : ",") + bic + "=" + std::to_string(number);
  return text;
}

std::optional<Positions> ParsePositions(std::string_view cursor) {
  Positions positions;
  while (!cursor.empty()) {
    const std::string_view one = cursor.substr(0, cursor.find(','));
    cursor.remove_prefix(std::min(one.size() + 1, cursor.size()));
    const size_t equals = one.find('=');
    if (equals == one.npos || !IsBic(one.substr(0, equals))) return std::nullopt;
    const std::string_view digits = one.substr(equals + 1);
    uint64_t number = 0;
    const auto [rest, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
    if (!positions.emplace(one.substr(0, equals), number).second) return std::nullopt;
  }
  return positions;
}

}  // namespace paygate::bank::iso20022
