#include "base/encoding.h"

#include <gtest/gtest.h>

#include "tests/base/property.h"

namespace paygate::base {
namespace {

TEST(Base64, PrintsTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(*Base64Decode(text), bytes);
    std::string bare = text;
    bare.erase(bare.find_last_not_of('=') + 1);
    EXPECT_EQ(Base64UrlEncode(bytes), bare);
    EXPECT_EQ(*Base64UrlDecode(bare), bytes);
  }
}

TEST(Base64, UsesTheAlphabetOfEachForm) {
  EXPECT_EQ(Base64UrlEncode("\xfb\xff\xbf"), "-_-_");
  EXPECT_EQ(Base64Encode("\xfb\xff\xbf"), "+/+/");
  EXPECT_FALSE(Base64UrlDecode("+/+/"));
  EXPECT_FALSE(Base64Decode("-_-_"));
}

TEST(Base64Url, RefusesPaddingSpaceForeignCharactersAndAnImpossibleLength) {
  for (const char* bad : {"Zg==", "Zg=", "Zm9v ", " Zm9v", "Zm\n9v", "Zm9v\n", "Zm.v", "A", "AAAAA",
                          "=", "====", "Zm9\xc3"}) {
    ASSERT_FALSE(Base64UrlDecode(bad)) << bad;
    EXPECT_EQ(Base64UrlDecode(bad).error().code, ErrorCode::kMalformed);
  }
  EXPECT_FALSE(Base64UrlDecode(std::string_view("Zm\09v", 5)));
}

TEST(Base64Url, RefusesTrailingBitsThatTheEncoderDoesNotPrint) {
  EXPECT_TRUE(Base64UrlDecode("Zg"));
  EXPECT_FALSE(Base64UrlDecode("Zh"));
  EXPECT_TRUE(Base64UrlDecode("Zm8"));
  EXPECT_FALSE(Base64UrlDecode("Zm9"));
}

TEST(Base64, RefusesMissingSurplusOrMisplacedPaddingAndTrailingBits) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Zm8", "Zm9v====", "Zm9v=", "Z===", "Zh==", "Zm9=",
                          "Zg==Zg==", "=Zm9", "Zm9v\n", "===="}) {
    EXPECT_FALSE(Base64Decode(bad)) << bad;
  }
}

TEST(Encodings, ReadBackWhatTheyPrint) {
  ExpectHolds("decode(encode(x)) == x", [](const std::string& bytes) {
    RC_ASSERT(Base64UrlDecode(Base64UrlEncode(bytes)).value() == bytes);
    RC_ASSERT(Base64Decode(Base64Encode(bytes)).value() == bytes);
    RC_ASSERT(HexDecode(HexEncode(bytes)).value() == bytes);
  });
}

TEST(Encodings, AcceptOnlyWhatTheyPrint) {
  ExpectHolds("encode(decode(t)) == t", [] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::elementOf(std::string("ABQgwz019-_+/= af\n")));
    if (const auto bytes = Base64UrlDecode(text)) RC_ASSERT(Base64UrlEncode(*bytes) == text);
    if (const auto bytes = Base64Decode(text)) RC_ASSERT(Base64Encode(*bytes) == text);
    if (const auto bytes = HexDecode(text)) RC_ASSERT(HexEncode(*bytes) == text);
  });
}

TEST(Hex, IsLowerCaseAndInPairs) {
  EXPECT_EQ(HexEncode(std::string_view("\x00\xaf", 2)), "00af");
  EXPECT_EQ(*HexDecode("00af"), std::string("\x00\xaf", 2));
  for (const char* bad : {"AF", "a", "0g", "0x", " 0", "00a"}) EXPECT_FALSE(HexDecode(bad)) << bad;
}

TEST(Utf8, AcceptsEveryLengthOfSequence) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xb7"));
  EXPECT_TRUE(IsUtf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF
  EXPECT_TRUE(IsUtf8("\xed\x9f\xbf\xee\x80\x80"));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndBrokenSequences) {
  for (const char* bad : {"\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
                          "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xc3",
                          "\xe2\x82", "\xf0\x9f\x92", "\xc3(", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace paygate::base
