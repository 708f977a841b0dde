#include "protocol/values.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "property.h"

namespace paygate::protocol {
namespace {

constexpr char kIban[] = "GB82WEST12345698765432";
constexpr char kNonce[] = "AAECAwQFBgcICQoLDA0ODw";
constexpr char kDigest[] = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

base::Result<base::Money> Price(const std::string& json) {
  auto object = JsonObject::Parse(json);
  if (!object) return std::unexpected(object.error());
  return ParsePrice(std::move(*object));
}

TEST(Values, ANonceIsSixteenBytesInOneSpelling) {
  EXPECT_TRUE(IsNonce(kNonce));
  EXPECT_TRUE(IsNonce(NewNonce()));
  EXPECT_NE(NewNonce(), NewNonce());
  for (const char* text :
       {"", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODwA", "AAECAwQFBgcICQoLDA0ODx",
        "AAECAwQFBgcICQoLDA0O+w", "AAECAwQFBgcICQoLDA0O w", kDigest}) {
    EXPECT_FALSE(IsNonce(text)) << text;
  }
}

TEST(Values, ADigestIsThirtyTwoBytesInOneSpelling) {
  EXPECT_TRUE(IsDigest(kDigest));
  EXPECT_FALSE(IsDigest("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV"));
  EXPECT_FALSE(IsDigest("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="));
  EXPECT_FALSE(IsDigest(kNonce));
}

TEST(Values, AcceptsTheRegistrysExampleIbans) {
  for (const char* iban :
       {kIban, "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S", "CH9300762011623852957", "NL91ABNA0417164300",
        "BE68539007547034", "SC18SSCB11010000000000001497USD", "LC55HEMM000100010012001200023015",
        "RU0204452560040702810412345678901"}) {
    EXPECT_TRUE(CheckIban(iban)) << iban;
  }
}

TEST(Values, RefusesAnIbanThatIsNotExactlyOne) {
  for (const char* iban :
       {"", "GB", "GB82", "GB83WEST12345698765432", "GB82WEST1234569876543",
        "GB82WEST123456987654321", "gb82WEST12345698765432", "GB82west12345698765432",
        "GB82 WEST 1234 5698 7654 32", "XX82WEST12345698765432", "US82WEST12345698765432",
        "GB82WEST1234569876543\n", "1182WEST12345698765432", "GBAAWEST12345698765432",
        "GB82WEST-2345698765432"}) {
    base::Status status = CheckIban(iban);
    EXPECT_FALSE(status) << iban;
    if (!status) {
      EXPECT_EQ(status.error().code, base::ErrorCode::kMalformed);
    }
  }
}

TEST(Values, AnIbanHasOneSpellingOfItsCheckDigits) {
  // Each number of which MOD 97 leaves 1 can be written with 00, 01 or 99 where the standard has
  // 97, 98 or 02: search for accounts of those check digits and try the other spelling.
  int tried = 0;
  for (int n = 0; n < 2000 && tried < 3; n++) {
    std::string bban = std::to_string(100000000000000000 + n);  // 18 digits
    for (auto [good, alias] : {std::pair{"97", "00"}, {"98", "01"}, {"02", "99"}}) {
      if (!CheckIban("DE" + std::string(good) + bban)) continue;
      tried++;
      EXPECT_FALSE(CheckIban("DE" + std::string(alias) + bban));
    }
  }
  EXPECT_EQ(tried, 3);
}

TEST(Values, GoodsAreOneTo1024BytesOfPlainText) {
  EXPECT_TRUE(CheckGoods("x"));
  EXPECT_TRUE(CheckGoods("Caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\xb5 \"quoted\" \\ / <b>"));
  EXPECT_TRUE(CheckGoods(std::string(1024, 'x')));
  EXPECT_FALSE(CheckGoods(std::string(1025, 'x')));
  EXPECT_FALSE(CheckGoods(""));
  std::string accents;
  for (int i = 0; i < 513; i++) accents += "\xc3\xa9";  // 513 letters, 1026 bytes
  EXPECT_FALSE(CheckGoods(accents));
  EXPECT_TRUE(CheckGoods(accents.substr(2)));
}

TEST(Values, GoodsHideNothing) {
  for (const char* bad :
       {"a\n", "a\tb", "a\rb", "\x1b[2J", "\x7f", "\xc2\x80", "\xc2\x85", "\xc2\x9f", "\xd8\x9c",
        "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6",
        "\xe2\x81\xa9", "\xff", "\xc3", "\xed\xa0\x80"}) {
    EXPECT_FALSE(CheckGoods(bad)) << base::HexEncode(bad);
  }
  EXPECT_FALSE(CheckGoods(std::string_view("a\0b", 3)));
  for (const char* good :
       {"\xc2\xa0", "\xe2\x80\x8d", "\xe2\x80\xa9", "\xe2\x81\xa5", "\xe2\x81\xaa"}) {
    EXPECT_TRUE(CheckGoods(good)) << base::HexEncode(good);
  }
}

TEST(Values, APriceHasExactlyAnAmountAndACurrency) {
  auto price = Price(R"({"amount":"12.50","currency":"GBP"})");
  ASSERT_TRUE(price);
  EXPECT_EQ(price->minor_units(), 1250);
  EXPECT_EQ(PrintPrice(*price), R"({"amount":"12.50","currency":"GBP"})");
  EXPECT_TRUE(Price(R"({"currency":"JPY","amount":"7"})"));
  for (const char* bad :
       {R"({"amount":12.50,"currency":"GBP"})", R"({"amount":12,"currency":"GBP"})",
        R"({"amount":"12.5","currency":"GBP"})", R"({"amount":"12","currency":"GBP"})",
        R"({"amount":"0.00","currency":"GBP"})", R"({"amount":"-1.00","currency":"GBP"})",
        R"({"amount":"01.00","currency":"GBP"})", R"({"amount":"1e2","currency":"JPY"})",
        R"({"amount":"7.0","currency":"JPY"})", R"({"amount":"12.50"})", R"({"currency":"GBP"})",
        R"({"amount":"12.50","currency":"gbp"})", R"({"amount":"12.50","currency":"ZZZ"})",
        R"({"amount":" 12.50","currency":"GBP"})", R"({"amount":"12.50","currency":"GBP","x":1})",
        R"({"amount":"99999999999999.99","currency":"GBP"})"}) {
    EXPECT_FALSE(Price(bad)) << bad;
  }
}

TEST(Values, ADisclosureOpensItsDigest) {
  auto made = Disclosure::Make(kIban);
  ASSERT_TRUE(made);
  auto parsed = Disclosure::Parse(made->text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->account(), kIban);
  EXPECT_EQ(parsed->Digest(), base::Sha256Base64Url(made->text()));
  EXPECT_EQ(base::Base64UrlEncode(parsed->RawDigest()), parsed->Digest());
  EXPECT_NE(Disclosure::Make(kIban)->Digest(), made->Digest()) << "salts must differ";
  EXPECT_FALSE(Disclosure::Make("GB83WEST12345698765432"));
}

TEST(Values, ADisclosureIsAnArrayOfSaltNameAndIban) {
  const std::string salt = std::string("\"") + kNonce + "\"";
  const std::string rest = std::string(",\"account\",\"") + kIban + "\"]";
  const auto parse = [](const std::string& json) {
    return Disclosure::Parse(base::Base64UrlEncode(json));
  };
  EXPECT_TRUE(parse("[" + salt + rest));
  EXPECT_TRUE(
      parse("[ " + salt + " , \"account\", \"" + kIban + "\" ]\n"));  // RFC 9901's own style
  EXPECT_FALSE(parse("[\"short\"" + rest));
  EXPECT_FALSE(parse("[" + salt + ",\"name\",\"" + kIban + "\"]"));
  EXPECT_FALSE(parse("[" + salt + ",\"account\"]"));
  EXPECT_FALSE(parse("[" + salt + ",\"account\",\"" + kIban + "\",\"x\"]"));
  EXPECT_FALSE(parse("[" + salt + ",\"account\",[\"" + kIban + "\"]]"));
  EXPECT_FALSE(parse("[" + salt + ",\"account\",\"GB83WEST12345698765432\"]"));
  EXPECT_FALSE(parse("[" + salt + rest + "x"));
  EXPECT_FALSE(parse("{}"));
  EXPECT_FALSE(Disclosure::Parse(""));
  EXPECT_FALSE(Disclosure::Parse(base::Base64UrlEncode("[" + salt + rest) + "="));
}

TEST(Values, AnyBlockReadsBackAsPrinted) {
  const auto goods =
      rc::gen::suchThat(rc::gen::container<std::string>(rc::gen::inRange<char>(0x20, 0x7f)),
                        [](const std::string& s) { return CheckGoods(s).has_value(); });
  CheckProperty([&] {
    const auto currency = base::Currency::Parse(*rc::gen::element("GBP", "JPY", "KWD", "EUR"));
    const auto price =
        base::Money::Of(*rc::gen::inRange<int64_t>(1, 999'999'999'999'999), *currency);
    const std::string text = *goods;
    const Sblk sblk{NewNonce(), text, *price, kDigest, *rc::gen::element("", kNonce)};
    auto object = JsonObject::Parse(sblk.Print());
    RC_ASSERT(object.has_value());
    auto again = Sblk::Parse(std::move(*object));
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == sblk);
    const Bblk bblk{text, *price, kDigest};
    object = JsonObject::Parse(bblk.Print());
    RC_ASSERT(object.has_value());
    auto bblk_again = Bblk::Parse(std::move(*object));
    RC_ASSERT(bblk_again.has_value());
    RC_ASSERT(*bblk_again == bblk);
  });
}

}  // namespace
}  // namespace paygate::protocol
