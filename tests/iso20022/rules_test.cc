#include "bank/adapters/iso20022/rules.h"

#include "gtest/gtest.h"
#include "tests/iso20022/samples.h"

namespace paygate::bank::iso20022 {
namespace {

using namespace testing;

TEST(Iso20022Rules, AnIbanHasRightCheckDigitsAndNoSpaces) {
  for (const char* good : {kBuyer, kSeller, "GB33BUKB20201555555555", "BE68539007547034"})
    EXPECT_TRUE(IsIban(good)) << good;
  for (const char* bad : {"", "GB33BUKB20201555555556", "GB33 BUKB 2020 1555 5555 55",
                          "gb33bukb20201555555555", "G133BUKB20201555555555", "DE8937040044"})
    EXPECT_FALSE(IsIban(bad)) << bad;
}

TEST(Iso20022Rules, IdsOfOnePaymentAreAlwaysTheSameAndOfTwoDiffer) {
  EXPECT_EQ(TransactionIdOf(kPaymentId), TransactionIdOf(kPaymentId));
  EXPECT_NE(TransactionIdOf(kPaymentId), TransactionIdOf("other"));
  EXPECT_NE(UetrOf(kPaymentId), UetrOf("other"));
  for (int i = 0; i < 1000; ++i) {
    const std::string id = "payment " + std::to_string(i);
    EXPECT_TRUE(IsUetr(UetrOf(id))) << UetrOf(id);
    EXPECT_TRUE(IsId(TransactionIdOf(id)));
    EXPECT_TRUE(IsId(FreshId('S')));
  }
  EXPECT_NE(FreshId('S'), FreshId('S'));
  // Stored and compared for years: they may not change from release to release.
  EXPECT_EQ(TransactionIdOf("x").size(), 34u);
  EXPECT_EQ(TransactionIdOf("x"), "PG24e5b342fa7664d934abad032db4e5e9");
  EXPECT_EQ(UetrOf("x"), "24e5b342-fa76-44d9-b4ab-ad032db4e5e9");
}

TEST(Iso20022Rules, TimesAreReadWithTheirOffsetAndWrittenInUtc) {
  EXPECT_EQ(FormatTime(kNow), "2025-11-28T12:00:00.123Z");
  EXPECT_EQ(*ParseTime("2025-11-28T12:00:00.123Z"), kNow);
  EXPECT_EQ(*ParseTime("2025-11-28T13:30:00.1239+01:30"), kNow);
  EXPECT_EQ(*ParseTime("2025-11-28T07:00:00-05:00"), kNow - 123);
  for (const char* bad : {"", "2025-11-28", "2025-11-28T12:00:00", "2025-13-28T12:00:00Z",
                          "2025-11-28T25:00:00Z", "2025-11-28T12:00:00Zx", "2025-11-28 12:00:00Z",
                          "2025-11-28T12:00:00.Z", "1900-01-01T00:00:00Z"})
    EXPECT_FALSE(ParseTime(bad)) << bad;
}

TEST(Iso20022Rules, ATimeOfDayMeansItsNextOccurrence) {
  const int64_t noon = kNow - 123;
  EXPECT_EQ(*ParseTimeOfDay("12:02:00Z", noon), noon + 120'000);
  EXPECT_EQ(*ParseTimeOfDay("12:00:00Z", noon), noon);
  EXPECT_EQ(*ParseTimeOfDay("11:59:59Z", noon), noon + 86'399'000);
  EXPECT_EQ(*ParseTimeOfDay("13:02:00+01:00", noon), noon + 120'000);
  EXPECT_FALSE(ParseTimeOfDay("12:02:00", noon));
  EXPECT_EQ(*ParseTimeOfDay(FormatTimeOfDay(noon + 86'000'000), noon), noon + 86'000'000);
}

TEST(Iso20022Rules, AnAmountHasAtMostTheFractionDigitsOfItsCurrency) {
  EXPECT_EQ(ParseAmount("12.34", "EUR")->minor_units(), 1234);
  EXPECT_EQ(ParseAmount("12.3", "EUR")->minor_units(), 1230);
  EXPECT_EQ(ParseAmount("12", "EUR")->minor_units(), 1200);
  EXPECT_EQ(ParseAmount("12", "JPY")->minor_units(), 12);
  EXPECT_EQ(ParseAmount("0.001", "BHD")->minor_units(), 1);
  for (const auto& [amount, currency] : {std::pair{"12.345", "EUR"},
                                         {"12.0", "JPY"},
                                         {"0", "EUR"},
                                         {"-1", "EUR"},
                                         {"1e3", "EUR"},
                                         {"1.", "EUR"},
                                         {"", "EUR"},
                                         {"1.00", "XXX"},
                                         {"1234567890123456", "JPY"}})
    EXPECT_FALSE(ParseAmount(amount, currency)) << amount << currency;
}

TEST(Iso20022Rules, ALongRemittanceTextIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "\xe2\x82\xac";
  const auto lines = RemittanceLines(text);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].size(), 3u * 140);
  EXPECT_EQ(lines[0] + lines[1] + lines[2], text);
  EXPECT_EQ(RemittanceLines("a\nb\x7f"), std::vector<std::string>{"a b "});
  EXPECT_TRUE(RemittanceLines(" \n ").empty());
}

}  // namespace
}  // namespace paygate::bank::iso20022
