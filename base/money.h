// Money: an amount in minor units with its currency. Never a floating-point number.
//
// Text form (protocol.md, section 2): with f fraction digits of the currency,
// (0|[1-9][0-9]*)(\.[0-9]{f})?, the fraction required if f > 0 and forbidden if f = 0, not zero,
// at most 15 digits in all. Money::Parse accepts exactly that; AmountString prints exactly that.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::base {

// An ISO 4217 alphabetic code that the table knows.
class Currency {
 public:
  static Result<Currency> Parse(std::string_view code);  // kUnsupportedCurrency if not in the table
  std::string_view code() const { return {code_, 3}; }
  int fraction_digits() const { return fraction_digits_; }
  friend bool operator==(const Currency& a, const Currency& b) { return a.code() == b.code(); }

 private:
  friend class Money;
  char code_[3] = {};
  int8_t fraction_digits_ = 0;
};

class Money {
 public:
  static constexpr int kMaxDigits = 15;

  // 1 <= minor_units < 10^15, otherwise kMalformed.
  static Result<Money> Of(int64_t minor_units, Currency currency);
  // amount "12.50", currency "GBP".
  static Result<Money> Parse(std::string_view amount, std::string_view currency);

  int64_t minor_units() const { return minor_units_; }
  const Currency& currency() const { return currency_; }
  std::string AmountString() const;  // "12.50"
  std::string ToString() const;      // "12.50 GBP"
  friend bool operator==(const Money&, const Money&) = default;

 private:
  Money(int64_t minor_units, Currency currency) : minor_units_(minor_units), currency_(currency) {}
  int64_t minor_units_;
  Currency currency_;
};

// Prints any balance, zero and negative included: -5 GBP -> "-0.05".
std::string FormatMinorUnits(int64_t minor_units, const Currency& currency);

}  // namespace paygate::base
