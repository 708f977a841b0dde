#include "base/codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/base/property.h"

namespace paygate::base {
namespace {

TEST(Codec, WritesLittleEndianNumbersAndLengthPrefixedBytes) {
  EXPECT_EQ(Encoder().U8(1).U32(0x01020304).Bytes("ab").Take(),
            std::string("\x01\x04\x03\x02\x01\x02\0\0\0ab", 11));
  EXPECT_EQ(Encoder().U64(0x0102030405060708).Take(), "\x08\x07\x06\x05\x04\x03\x02\x01");
  EXPECT_EQ(Encoder().I64(-2).Take(), std::string("\xfe\xff\xff\xff\xff\xff\xff\xff"));
}

TEST(Codec, ReadsBackWhatItWrote) {
  ExpectHolds("decode(encode(x)) == x",
              [](uint8_t a, uint32_t b, uint64_t c, int64_t d, const std::string& e,
                 const std::string& f) {
                const std::string record =
                    Encoder().U8(a).U32(b).Bytes(e).U64(c).I64(d).Bytes(f).Take();
                Decoder in(record);
                RC_ASSERT(in.U8() == a);
                RC_ASSERT(in.U32() == b);
                RC_ASSERT(in.Bytes() == e);
                RC_ASSERT(in.U64() == c);
                RC_ASSERT(in.I64() == d);
                RC_ASSERT(in.Bytes() == f);
                RC_ASSERT(in.Finish().has_value());
              });
}

TEST(Codec, RefusesEveryTruncationOfARecord) {
  const std::string record = Encoder().U8(7).U64(9).Bytes("payment").Take();
  for (size_t n = 0; n < record.size(); n++) {
    Decoder in(std::string_view(record).substr(0, n));
    in.U8();
    in.U64();
    in.Bytes();
    ASSERT_FALSE(in.Finish()) << n;
    EXPECT_EQ(in.Finish().error().code, ErrorCode::kMalformed);
  }
}

TEST(Codec, RefusesBytesLeftOver) {
  Decoder in("\x01\x02");
  EXPECT_EQ(in.U8(), 1);
  ASSERT_FALSE(in.Finish());
  EXPECT_EQ(in.Finish().error().code, ErrorCode::kMalformed);
  EXPECT_EQ(in.rest(), "\x02");
}

TEST(Codec, AfterTheFirstErrorEveryReadIsZeroOrEmpty) {
  const std::string record("\xff\xff\xff\xff" "abcdefgh", 12);
  Decoder in(record);
  EXPECT_TRUE(in.Bytes().empty());  // a length far beyond the input
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.U64(), 0u);
  EXPECT_EQ(in.U8(), 0);
  EXPECT_EQ(in.U32(), 0u);
  EXPECT_TRUE(in.Bytes().empty());
  EXPECT_FALSE(in.Finish());
}

TEST(Codec, NeverReadsPastItsInputWhateverTheBytes) {
  ExpectHolds("views stay inside", [](const std::string& bytes) {
    Decoder in(bytes);
    while (in.ok() && !in.rest().empty()) {
      const std::string_view v = in.Bytes();
      RC_ASSERT(v.empty() || (v.data() >= bytes.data() &&
                              v.data() + v.size() <= bytes.data() + bytes.size()));
    }
  });
}

}  // namespace
}  // namespace paygate::base
