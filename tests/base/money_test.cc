#include "base/money.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/base/property.h"

namespace paygate::base {
namespace {

void ExpectMalformed(std::string_view amount, std::string_view currency) {
  const auto money = Money::Parse(amount, currency);
  ASSERT_FALSE(money) << amount << " " << currency;
  EXPECT_EQ(money.error().code, ErrorCode::kMalformed);
}

TEST(Currency, KnowsHowManyFractionDigitsEachHas) {
  EXPECT_EQ(Currency::Parse("GBP")->fraction_digits(), 2);
  EXPECT_EQ(Currency::Parse("JPY")->fraction_digits(), 0);
  EXPECT_EQ(Currency::Parse("ISK")->fraction_digits(), 0);
  EXPECT_EQ(Currency::Parse("XPF")->fraction_digits(), 0);
  EXPECT_EQ(Currency::Parse("KWD")->fraction_digits(), 3);
  EXPECT_EQ(Currency::Parse("CLF")->fraction_digits(), 4);
  EXPECT_EQ(Currency::Parse("AED")->fraction_digits(), 2);
  EXPECT_EQ(Currency::Parse("ZWG")->fraction_digits(), 2);
}

TEST(Currency, RefusesWhatIsNotAnActiveCode) {
  for (const char* bad :
       {"", "gbp", "GB", "GBPX", "XXX", "XAU", "DEM", "HRK", "BP ", "D A", "ED "}) {
    ASSERT_FALSE(Currency::Parse(bad)) << bad;
    EXPECT_EQ(Currency::Parse(bad).error().code, ErrorCode::kUnsupportedCurrency);
  }
}

TEST(Money, ReadsAndPrintsTheFormOfItsCurrency) {
  EXPECT_EQ(Money::Parse("12.50", "GBP")->minor_units(), 1250);
  EXPECT_EQ(Money::Parse("0.01", "GBP")->minor_units(), 1);
  EXPECT_EQ(Money::Parse("5", "JPY")->minor_units(), 5);
  EXPECT_EQ(Money::Parse("1.234", "KWD")->minor_units(), 1234);
  EXPECT_EQ(Money::Parse("12.50", "GBP")->ToString(), "12.50 GBP");
  EXPECT_EQ(Money::Parse("0.05", "GBP")->AmountString(), "0.05");
  EXPECT_EQ(Money::Parse("7", "JPY")->ToString(), "7 JPY");
}

TEST(Money, RefusesAnAmountWithTooManyOrTooFewFractionDigits) {
  for (const char* bad : {"12", "12.", "12.5", "12.505"}) ExpectMalformed(bad, "GBP");
  for (const char* bad : {"12.0", "12.", "12.00"}) ExpectMalformed(bad, "JPY");
}

TEST(Money, RefusesNeedlessZerosSignsSpacesAndExponents) {
  for (const char* bad : {"", ".", ".50", "00.50", "01.50", "-1.50", "+1.50", " 1.50", "1.50 ",
                          "1,50", "1e2.00", "1.5e", "0x1.00", "1 000.00", "..50", "1..0", "1.5.",
                          "12\0.50"}) {
    ExpectMalformed(bad, "GBP");
  }
}

TEST(Money, RefusesZero) {
  ExpectMalformed("0.00", "GBP");
  ExpectMalformed("0", "JPY");
  ASSERT_FALSE(Money::Of(0, *Currency::Parse("GBP")));
  ASSERT_FALSE(Money::Of(-1, *Currency::Parse("GBP")));
}

TEST(Money, RefusesMoreThanFifteenDigits) {
  EXPECT_EQ(Money::Parse("9999999999999.99", "GBP")->minor_units(), 999'999'999'999'999);
  ExpectMalformed("10000000000000.00", "GBP");
  ExpectMalformed("1000000000000000", "JPY");
  EXPECT_TRUE(Money::Of(999'999'999'999'999, *Currency::Parse("GBP")));
  EXPECT_FALSE(Money::Of(1'000'000'000'000'000, *Currency::Parse("GBP")));
  EXPECT_FALSE(Money::Of(std::numeric_limits<int64_t>::max(), *Currency::Parse("GBP")));
}

TEST(Money, RefusesACurrencyThatNothingParsed) {
  EXPECT_FALSE(Money::Of(1, Currency()));
}

TEST(Money, DiffersByAmountAndByCurrency) {
  EXPECT_EQ(*Money::Parse("1.00", "GBP"), *Money::Of(100, *Currency::Parse("GBP")));
  EXPECT_NE(*Money::Parse("1.00", "GBP"), *Money::Parse("1.00", "EUR"));
  EXPECT_NE(*Money::Parse("1.00", "GBP"), *Money::Parse("1.01", "GBP"));
}

TEST(Money, ReadsBackWhatItPrints) {
  ExpectHolds("parse(print(m)) == m", [] {
    const auto code = *rc::gen::element<std::string>("GBP", "JPY", "KWD", "CLF", "EUR");
    const auto units = *rc::gen::inRange<int64_t>(1, 1'000'000'000'000'000);
    const Money money = Money::Of(units, *Currency::Parse(code)).value();
    RC_ASSERT(Money::Parse(money.AmountString(), code).value() == money);
  });
}

TEST(Money, AcceptsOnlyWhatItPrints) {
  ExpectHolds("print(parse(t)) == t", [] {
    const auto code = *rc::gen::element<std::string>("GBP", "JPY", "KWD");
    const auto text =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("00123459..-+e ")));
    if (const auto money = Money::Parse(text, code)) RC_ASSERT(money->AmountString() == text);
  });
}

TEST(Balance, PrintsZeroAndNegativeAmountsToo) {
  const Currency gbp = *Currency::Parse("GBP");
  EXPECT_EQ(FormatMinorUnits(-5, gbp), "-0.05");
  EXPECT_EQ(FormatMinorUnits(0, gbp), "0.00");
  EXPECT_EQ(FormatMinorUnits(-12345, *Currency::Parse("JPY")), "-12345");
  EXPECT_EQ(FormatMinorUnits(std::numeric_limits<int64_t>::min(), gbp), "-92233720368547758.08");
}

}  // namespace
}  // namespace paygate::base
