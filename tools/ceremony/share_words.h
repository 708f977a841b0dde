// Octets as words that can be read aloud, written by hand and typed again (proquints: D. Wilkerson,
// "A Proposal for Proquints", 2009: 16 bits are consonant, vowel, consonant, vowel, consonant).
// Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::tools::ceremony {

constexpr size_t kShareLineOctets = 8;

// Lines of four words and a fifth that checks them, numbered from 1. The size of `octets` is a
// multiple of kShareLineOctets, at most 99 lines.
std::string ToWords(std::string_view octets);
// The same words in capitals, one space between two: a QR code holds capitals compactly.
std::string ToQrText(std::string_view octets);
// From a text that ends with such lines after one that is "Words:", or from the words alone, in
// capitals or not; so many lines of them. kMalformed names the line, and the word where it can.
// Bytes from outside.
base::Result<std::string> FromWords(std::string_view text, size_t lines);

}  // namespace paygate::tools::ceremony
