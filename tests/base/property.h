// One way to run a RapidCheck property: its seed is printed, and taken from PAYGATE_SEED if set.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "base/crypto.h"

namespace paygate::base {

inline uint64_t PropertySeed() {
  static const uint64_t seed = [] {
    if (const char* given = std::getenv("PAYGATE_SEED")) return std::strtoull(given, nullptr, 10);
    unsigned long long fresh = 0;
    for (const char byte : RandomBytes(7)) fresh = fresh << 8 | static_cast<uint8_t>(byte);
    return fresh;
  }();
  return seed;
}

template <typename Property>
void ExpectHolds(const std::string& sentence, Property property) {
  const uint64_t seed = PropertySeed();
  std::cout << "again with PAYGATE_SEED=" << seed << "\n";
  setenv("RC_PARAMS", ("seed=" + std::to_string(seed)).c_str(), 1);
  EXPECT_TRUE(rc::check(sentence, property));
}

}  // namespace paygate::base
