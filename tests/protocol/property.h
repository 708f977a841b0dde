// RapidCheck under GoogleTest, with our seed: printed, and taken from PAYGATE_SEED.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>

namespace paygate::protocol {

inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("PAYGATE_SEED");
    const uint64_t value = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "PAYGATE_SEED=" << value << std::endl;
    return value;
  }();
  return seed;
}

template <typename Property>
void CheckProperty(const Property& property) {
  // RapidCheck reads its parameters from the environment, once.
  setenv("RC_PARAMS", ("seed=" + std::to_string(Seed())).c_str(), 0);
  EXPECT_TRUE(rc::check(property));
}

}  // namespace paygate::protocol
