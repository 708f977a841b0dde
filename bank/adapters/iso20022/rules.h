// Rules: what ISO 20022 messages must hold beyond their schemas, in both directions.
//
// Pure and thread-safe. Times are Unix milliseconds, UTC. Sources: ISO 13616 (IBAN check digits,
// ISO 7064 MOD 97-10), ISO 9362 (BIC), RFC 4122 section 4.4 (UETR: a version 4 UUID in lower case),
// the types Max35Text, Max140Text and ActiveCurrencyAndAmount of the message schemas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"

namespace paygate::bank::iso20022 {

constexpr size_t kMaxIdCharacters = 35;

bool IsIban(std::string_view text);  // electronic form, right check digits
bool IsBic(std::string_view text);   // 8 or 11 characters
bool IsUetr(std::string_view text);
bool IsId(std::string_view text);  // 1 to 35 characters that every network carries

// Of a payment or refund id, always the same: 34 characters ("PG" and 128 bits of a digest), so
// that an id is never used for two contents, and the UUID of the same bits.
std::string TransactionIdOf(std::string_view payment_id);
std::string UetrOf(std::string_view payment_id);
// Never used before: one letter and 128 random bits, 33 characters.
std::string FreshId(char kind);

std::string FormatTime(int64_t ms);                      // 2025-11-28T12:00:00.123Z
std::string FormatDate(int64_t ms);                      // 2025-11-28
base::Result<int64_t> ParseTime(std::string_view text);  // with Z or an offset
// The time of day alone (RjctTm), and the first moment not before `from` that bears it.
std::string FormatTimeOfDay(int64_t ms);  // 12:00:00Z
base::Result<int64_t> ParseTimeOfDay(std::string_view text, int64_t from);

// xs:decimal with no more fraction digits than the currency has; fewer are filled up.
base::Result<base::Money> ParseAmount(std::string_view text, std::string_view currency);

// Cut into pieces of at most 140 characters; what XML 1.0 cannot carry becomes a space.
std::vector<std::string> RemittanceLines(std::string_view text);

}  // namespace paygate::bank::iso20022
