#include "base/money.h"

#include <cstring>

namespace paygate::base {
namespace {

constexpr int64_t kMinorUnitsEnd = 1'000'000'000'000'000;  // 10^Money::kMaxDigits

// ISO 4217 list one, active codes, by the number of fraction digits. Left out: codes that have no
// minor unit of account (precious metals, XDR, XSU, XUA, bond units, XTS, XXX).
constexpr std::string_view kNoDigits =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
constexpr std::string_view kTwoDigits =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW "
    "ZWG";
constexpr std::string_view kThreeDigits = "BHD IQD JOD KWD LYD OMR TND";
constexpr std::string_view kFourDigits = "CLF UYW";

// The codes stand every four characters.
bool Contains(std::string_view codes, std::string_view code) {
  for (size_t i = 0; i < codes.size(); i += 4) {
    if (codes.substr(i, 3) == code) return true;
  }
  return false;
}

int FractionDigits(std::string_view code) {
  if (Contains(kTwoDigits, code)) return 2;
  if (Contains(kNoDigits, code)) return 0;
  if (Contains(kThreeDigits, code)) return 3;
  if (Contains(kFourDigits, code)) return 4;
  return -1;
}

std::unexpected<Error> FailAmount(std::string_view why) {
  return Fail(ErrorCode::kMalformed, "amount " + std::string(why));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<Currency> Currency::Parse(std::string_view code) {
  const int digits = code.size() == 3 ? FractionDigits(code) : -1;
  if (digits < 0) {
    return Fail(ErrorCode::kUnsupportedCurrency, "not an active ISO 4217 alphabetic code");
  }
  Currency currency;
  std::memcpy(currency.code_, code.data(), 3);
  currency.fraction_digits_ = static_cast<int8_t>(digits);
  return currency;
}

Result<Money> Money::Of(int64_t minor_units, Currency currency) {
  if (minor_units < 1) return FailAmount("is not greater than zero");
  if (minor_units >= kMinorUnitsEnd) return FailAmount("has more than 15 digits");
  // A Currency that was not made by Parse.
  if (currency.code_[0] == '\0') return Fail(ErrorCode::kUnsupportedCurrency, "no currency");
  return Money(minor_units, currency);
}

Result<Money> Money::Parse(std::string_view amount, std::string_view currency_code) {
  ASSIGN_OR_RETURN(const Currency currency, Currency::Parse(currency_code));
  const auto fraction = static_cast<size_t>(currency.fraction_digits());
  const size_t tail = fraction == 0 ? 0 : fraction + 1;  // ".50"
  if (amount.size() <= tail) return FailAmount("has not the form of its currency");
  const size_t whole = amount.size() - tail;
  if (whole + fraction > kMaxDigits) return FailAmount("has more than 15 digits");
  if (whole > 1 && amount[0] == '0') return FailAmount("begins with a needless zero");
  int64_t minor_units = 0;
  for (size_t i = 0; i < amount.size(); i++) {
    if (i == whole && amount[i] == '.') continue;
    if (i == whole || !IsDigit(amount[i])) return FailAmount("has not the form of its currency");
    minor_units = minor_units * 10 + (amount[i] - '0');
  }
  return Of(minor_units, currency);
}

std::string Money::AmountString() const { return FormatMinorUnits(minor_units_, currency_); }

std::string Money::ToString() const {
  return AmountString() + " " + std::string(currency_.code());
}

std::string FormatMinorUnits(int64_t minor_units, const Currency& currency) {
  const auto fraction = static_cast<size_t>(currency.fraction_digits());
  // In unsigned arithmetic the least int64_t has a magnitude too.
  const auto bits = static_cast<uint64_t>(minor_units);
  std::string text = std::to_string(minor_units < 0 ? 0 - bits : bits);
  if (text.size() <= fraction) text.insert(0, fraction + 1 - text.size(), '0');
  if (fraction > 0) text.insert(text.size() - fraction, 1, '.');
  if (minor_units < 0) text.insert(0, 1, '-');
  return text;
}

}  // namespace paygate::base
