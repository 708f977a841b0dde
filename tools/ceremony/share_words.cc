// Grammar: docs/formats/key-backup.md.
//   share = [ANYTHING LF "Words:"] 1*(number? word word word word check), white space between
//   word  = consonant vowel consonant vowel consonant, 16 bits, the highest first
//   check = the word of the first 16 bits of SHA-256(octet(line) || the line's 8 octets)
#include "tools/ceremony/share_words.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/crypto.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr std::string_view kConsonants = "bdfghjklmnprstvz", kVowels = "aiou";
constexpr std::string_view kMarker = "\nWords:";
constexpr size_t kMaxTextBytes = 64u << 10;
constexpr size_t kWordsOfALine = kShareLineOctets / 2 + 1;

std::string WordOf(std::string_view two) {
  const auto bits = static_cast<unsigned>(static_cast<uint8_t>(two[0]) << 8 |
                                          static_cast<uint8_t>(two[1]));
  return {kConsonants[bits >> 12], kVowels[bits >> 10 & 3], kConsonants[bits >> 6 & 15],
          kVowels[bits >> 4 & 3], kConsonants[bits & 15]};
}

std::optional<std::string> OctetsOf(const std::string& word) {
  if (word.size() != 5) return std::nullopt;
  unsigned bits = 0;
  for (size_t i = 0; i < word.size(); ++i) {
    const std::string_view letters = i % 2 == 0 ? kConsonants : kVowels;
    const size_t value = letters.find(word[i]);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << (i % 2 == 0 ? 4 : 2) | static_cast<unsigned>(value);
  }
  return std::string{static_cast<char>(bits >> 8), static_cast<char>(bits & 0xff)};
}

std::string Check(size_t line, std::string_view octets) {
  return WordOf(base::Sha256(std::string(1, static_cast<char>(line)).append(octets)));
}

// The words in their order, in small letters, without the lines' numbers.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  std::erase_if(words, [](const std::string& word) {
    return std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
  });
  return words;
}

}  // namespace

std::string ToWords(std::string_view octets) {
  std::string text;
  for (size_t at = 0; at < octets.size(); at += kShareLineOctets) {
    const size_t line = at / kShareLineOctets + 1;
    const std::string number = std::to_string(line);
    text += std::string(3 - number.size(), ' ') + number + " ";
    for (size_t i = at; i < at + kShareLineOctets; i += 2) {
      text += " " + WordOf(octets.substr(i, 2));
    }
    text += "  " + Check(line, octets.substr(at, kShareLineOctets)) + "\n";
  }
  return text;
}

std::string ToQrText(std::string_view octets) {
  std::string text;
  for (const std::string& word : Words(ToWords(octets))) text += (text.empty() ? "" : " ") + word;
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Result<std::string> FromWords(std::string_view text, size_t lines) {
  if (text.size() > kMaxTextBytes) return Fail(ErrorCode::kMalformed, "is too long for a share");
  const size_t marker = text.rfind(kMarker);
  if (marker != std::string_view::npos) text.remove_prefix(marker + kMarker.size());
  const std::vector<std::string> words = Words(text);
  if (words.size() != lines * kWordsOfALine) {
    return Fail(ErrorCode::kMalformed, "has " + std::to_string(words.size()) +
                                           " words: a share has " + std::to_string(lines) +
                                           " lines of five");
  }
  std::string octets;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t line = i / kWordsOfALine + 1, place = i % kWordsOfALine + 1;
    const std::string where = "line " + std::to_string(line);
    const auto two = OctetsOf(words[i]);
    if (!two) {
      return Fail(ErrorCode::kMalformed, where + ", word " + std::to_string(place) +
                                             " is mistyped: it is no word of a share");
    }
    if (place < kWordsOfALine) {
      octets += *two;
    } else if (words[i] != Check(line, std::string_view(octets).substr(octets.size() -
                                                                       kShareLineOctets))) {
      return Fail(ErrorCode::kMalformed, where + " is mistyped: its last word does not fit the "
                                             "others");
    }
  }
  return octets;
}

}  // namespace paygate::tools::ceremony
