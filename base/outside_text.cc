#include "base/outside_text.h"

#include <algorithm>

namespace paygate::base {
namespace {

constexpr size_t kMaxOutsideChars = 200;
constexpr size_t kMaxPrintableChars = 256;
constexpr size_t kHiddenWordChars = 4;

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsUpper(c) || IsDigit(c) || (c >= 'a' && c <= 'z'); }

// A word is what lies between characters that are neither letters nor digits.
bool MayBeSecret(std::string_view word) {
  if (word.size() < kHiddenWordChars || !std::ranges::any_of(word, IsDigit)) return false;
  return !(word.size() == 4 && IsUpper(word[0]) && IsUpper(word[1]) && IsDigit(word[2]) &&
           IsDigit(word[3]));
}

}  // namespace

std::string OutsideText(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size() && out.size() < kMaxOutsideChars;) {
    size_t end = i;
    while (end < text.size() && IsAlnum(text[end])) ++end;
    const std::string_view word = text.substr(i, end - i);
    out += MayBeSecret(word) ? "[hidden]" : word;
    if (end < text.size()) out += text[end] >= ' ' && text[end] <= '~' ? text[end] : '?';
    i = end + 1;
  }
  out.resize(std::min(out.size(), kMaxOutsideChars));
  return out;
}

std::string PrintableText(std::string_view text) {
  std::string out(text.substr(0, kMaxPrintableChars));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace paygate::base
