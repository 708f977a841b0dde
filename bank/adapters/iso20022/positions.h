// Positions: how far the gateway has read what each bank numbers for it, as one cursor:
// "BUYRGB2LXXX=12,SELRGB2LXXX=7". Pure and thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace paygate::bank::iso20022 {

constexpr size_t kMaxBanks = 64;  // so that a cursor has room in PAYGATE_BANK_MAX_CURSOR

using Positions = std::map<std::string, uint64_t>;  // by BIC; a bank that is not there is at 0
std::string Print(const Positions& positions);
std::optional<Positions> ParsePositions(std::string_view cursor);  // "" is the beginning

}  // namespace paygate::bank::iso20022
