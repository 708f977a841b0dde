#include "storage/rocksdb/packed.h"

#include <gtest/gtest.h>

namespace paygate::storage::rocksdb {
namespace {

TEST(Packed, EveryTextComesBackToTheByte) {
  for (const std::string text :
       {"", ".", "..", "eyJhIjoxfQ.eyJiIjoyfQ.c2ln", "eyJhIjoxfQ..aXY.Y2lwaGVy.dGFn", "a.b", "AB",
        "AA", "one.two.three.four.five.six", "not base64url!", "eyJhIjoxfQ=.eyJi",
        "\x01\x02", "\x05", "\x06", "a\nb"}) {
    const auto back = Unpack(Pack(text));
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(*back, text);
  }
  const std::string zero("\0\0.", 3);
  EXPECT_EQ(*Unpack(Pack(zero)), zero);
}

TEST(Packed, ACompactSerialisationIsKeptAsWhatItStandsFor) {
  const std::string packed = Pack("eyJhIjoxfQ.eyJiIjoyfQ.c2ln");
  EXPECT_NE(packed.find(R"({"a":1})"), packed.npos);
  EXPECT_NE(packed.find(R"({"b":2})"), packed.npos);
  EXPECT_NE(packed.find("sig"), packed.npos);
}

TEST(Packed, TextOfAnOlderStoreIsRead) { EXPECT_EQ(*Unpack("eyJhIjoxfQ.c2ln"), "eyJhIjoxfQ.c2ln"); }

TEST(Packed, WhatIsCutOrLongerIsDamage) {
  const std::string packed = Pack("eyJhIjoxfQ.eyJiIjoyfQ.c2ln");
  for (size_t n = 1; n < packed.size(); ++n) EXPECT_FALSE(Unpack(packed.substr(0, n))) << n;
  EXPECT_FALSE(Unpack(packed + "x"));
}

}  // namespace
}  // namespace paygate::storage::rocksdb
