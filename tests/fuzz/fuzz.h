// What every fuzz target shares. A target's claims are checked with Require, in every build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

inline void Require(bool claim, const char* text) {
  if (claim) return;
  std::fprintf(stderr, "claim broken: %s\n", text);
  std::abort();
}

void Fuzz(std::string_view input);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Fuzz(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}

// The first byte chooses among `choices`; the rest is the input proper.
inline size_t Choose(std::string_view& input, size_t choices) {
  if (input.empty()) return 0;
  const size_t choice = static_cast<unsigned char>(input[0]) % choices;
  input.remove_prefix(1);
  return choice;
}
