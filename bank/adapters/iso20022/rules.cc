#include "bank/adapters/iso20022/rules.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kRemittanceCharacters = 140;
constexpr int64_t kDayMs = 24LL * 3600 * 1000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsUpperOrDigit(char c) { return IsUpper(c) || IsDigit(c); }

std::string DigestOf(std::string_view payment_id) {
  return base::Sha256("paygate iso20022 transaction\n" + std::string(payment_id)).substr(0, 16);
}

tm CivilTime(int64_t ms) {
  const time_t seconds = static_cast<time_t>((ms - ((ms % 1000) + 1000) % 1000) / 1000);
  tm civil{};
  gmtime_r(&seconds, &civil);
  return civil;
}

// n digits; the text loses them. -1 if there are fewer.
int TakeNumber(std::string_view& text, size_t n) {
  if (text.size() < n || !std::ranges::all_of(text.substr(0, n), IsDigit)) return -1;
  int value = 0;
  for (char c : text.substr(0, n)) value = value * 10 + (c - '0');
  text.remove_prefix(n);
  return value;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// hh:mm:ss[.f…], then Z or ±hh:mm. The offset is subtracted: milliseconds since midnight UTC,
// possibly of the day before or after.
bool TakeTimeOfDay(std::string_view& text, int64_t& ms) {
  const int hour = TakeNumber(text, 2);
  if (!Take(text, ':')) return false;
  const int minute = TakeNumber(text, 2);
  if (!Take(text, ':')) return false;
  const int second = TakeNumber(text, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
  ms = ((hour * 60 + minute) * 60 + second) * 1000LL;
  if (Take(text, '.')) {
    int digits = 0;
    for (int64_t unit = 100; !text.empty() && IsDigit(text.front()); unit /= 10, ++digits) {
      ms += unit * (text.front() - '0');
      text.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return false;
  }
  if (Take(text, 'Z')) return true;
  const bool east = Take(text, '+');
  if (!east && !Take(text, '-')) return false;  // local time of nobody knows where
  const int hours = TakeNumber(text, 2);
  if (!Take(text, ':')) return false;
  const int minutes = TakeNumber(text, 2);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return false;
  ms -= (east ? 1 : -1) * (hours * 60 + minutes) * 60'000LL;
  return true;
}

}  // namespace

bool IsIban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34 || !IsUpper(text[0]) || !IsUpper(text[1]) ||
      !IsDigit(text[2]) || !IsDigit(text[3]))
    return false;
  int rest = 0;  // over the number with its first four characters last
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[(i + 4) % text.size()];
    if (IsDigit(c))
      rest = (rest * 10 + (c - '0')) % 97;
    else if (IsUpper(c))
      rest = (rest * 100 + (c - 'A' + 10)) % 97;
    else
      return false;
  }
  return rest == 1;
}

bool IsBic(std::string_view text) {
  return (text.size() == 8 || text.size() == 11) && std::ranges::all_of(text, IsUpperOrDigit) &&
         IsUpper(text[4]) && IsUpper(text[5]);
}

bool IsUetr(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !(IsDigit(c) || (c >= 'a' && c <= 'f'))) return false;
  }
  return text[14] == '4' && std::string_view("89ab").find(text[19]) != std::string_view::npos;
}

bool IsId(std::string_view text) {
  constexpr std::string_view kOthers = "/-?:().,'+ ";
  return !text.empty() && text.size() <= kMaxIdCharacters && text.front() != ' ' &&
         text.back() != ' ' && std::ranges::all_of(text, [&](char c) {
           return IsUpperOrDigit(c) || (c >= 'a' && c <= 'z') ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

std::string TransactionIdOf(std::string_view payment_id) {
  return "PG" + base::HexEncode(DigestOf(payment_id));
}

std::string UetrOf(std::string_view payment_id) {
  std::string bits = DigestOf(payment_id);
  bits[6] = static_cast<char>((bits[6] & 0x0f) | 0x40);
  bits[8] = static_cast<char>((bits[8] & 0x3f) | 0x80);
  std::string text = base::HexEncode(bits);
  for (size_t at : {8, 13, 18, 23}) text.insert(at, "-");
  return text;
}

std::string FreshId(char kind) { return kind + base::HexEncode(base::RandomBytes(16)); }

std::string FormatTime(int64_t ms) {
  const tm t = CivilTime(ms);
  char text[96];  // as wide as six ints could be
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900,
                t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                static_cast<int>(((ms % 1000) + 1000) % 1000));
  return text;
}

std::string FormatDate(int64_t ms) { return FormatTime(ms).substr(0, 10); }
std::string FormatTimeOfDay(int64_t ms) { return FormatTime(ms).substr(11, 8) + "Z"; }

base::Result<int64_t> ParseTime(std::string_view text) {
  const auto bad = Fail(ErrorCode::kMalformed, "not an ISO 8601 date and time with its offset");
  tm civil{};
  const int year = TakeNumber(text, 4);
  if (!Take(text, '-')) return bad;
  const int month = TakeNumber(text, 2);
  if (!Take(text, '-')) return bad;
  const int day = TakeNumber(text, 2);
  int64_t ms = 0;
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || !Take(text, 'T') ||
      !TakeTimeOfDay(text, ms) || !text.empty())
    return bad;
  civil.tm_year = year - 1900;
  civil.tm_mon = month - 1;
  civil.tm_mday = day;
  return static_cast<int64_t>(timegm(&civil)) * 1000 + ms;
}

base::Result<int64_t> ParseTimeOfDay(std::string_view text, int64_t from) {
  int64_t ms = 0;
  if (!TakeTimeOfDay(text, ms) || !text.empty())
    return Fail(ErrorCode::kMalformed, "not an ISO 8601 time with its offset");
  int64_t at = from - from % kDayMs + ms;
  while (at - kDayMs >= from) at -= kDayMs;
  while (at < from) at += kDayMs;
  return at;
}

base::Result<base::Money> ParseAmount(std::string_view text, std::string_view currency) {
  ASSIGN_OR_RETURN(const base::Currency known, base::Currency::Parse(currency));
  std::string amount(text);
  const size_t point = amount.find('.');
  const size_t has = point == amount.npos ? 0 : amount.size() - point - 1;
  const auto needs = static_cast<size_t>(known.fraction_digits());
  if (has < needs && has > 0) amount.append(needs - has, '0');
  if (has < needs && point == amount.npos) amount += "." + std::string(needs, '0');
  return base::Money::Parse(amount, currency);
}

std::vector<std::string> RemittanceLines(std::string_view text) {
  std::vector<std::string> lines;
  std::string line;
  size_t characters = 0;
  const auto finish = [&] {
    if (line.find_first_not_of(' ') != line.npos) lines.push_back(line);
    line.clear();
    characters = 0;
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    std::string_view character = text.substr(at, end - at);
    if (static_cast<unsigned char>(text[at]) < 0x20 || text[at] == 0x7f ||
        character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf")
      character = " ";
    if (characters == kRemittanceCharacters) finish();
    line += character;
    ++characters;
    at = end;
  }
  finish();
  return lines;
}

}  // namespace paygate::bank::iso20022
