#include "tools/load/thresholds.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace paygate::load {
namespace {

struct Thresholds : testing::Test {
  Thresholds() {
    for (uint64_t i = 1; i <= 100; ++i) {
      stats.Of(Kind::kPurchase).latency.Record(i * 1000);
      stats.Of(Kind::kSale).latency.Record(i * 100);
    }
  }
  std::optional<std::string> Failure(const char* text) const {
    return FailureOf(ParseThreshold(text).value(), stats, summary, Kind::kPurchase);
  }
  Stats stats;
  Json summary{{"error_rate", 0.02},
               {"operations_per_s", 400.0},
               {"payments_per_s", 200.0},
               {"not_started", 3}};
};

TEST_F(Thresholds, AreOfTheHeadlineUnlessAKindIsNamed) {
  EXPECT_TRUE(Failure("p99>50ms"));
  EXPECT_FALSE(Failure("p99>100ms"));
  EXPECT_FALSE(Failure("sale.p99>50ms"));
  EXPECT_TRUE(Failure("sale.p99>5ms"));
}

TEST_F(Thresholds, TakeUnitsAndBothDirections) {
  EXPECT_TRUE(Failure("p50>40000us"));
  EXPECT_FALSE(Failure("p50 > 0.06 s"));
  EXPECT_TRUE(Failure("max>=100"));
  EXPECT_FALSE(Failure("max>101"));
  EXPECT_TRUE(Failure("throughput<500"));
  EXPECT_FALSE(Failure("throughput<400"));
  EXPECT_TRUE(Failure("throughput<=400"));
  EXPECT_TRUE(Failure("payments<201"));
  EXPECT_TRUE(Failure("error_rate>0"));
  EXPECT_TRUE(Failure("error_rate>1%"));
  EXPECT_FALSE(Failure("error_rate>2.5%"));
  EXPECT_TRUE(Failure("not_started>0"));
  EXPECT_TRUE(Failure("mean>50"));
}

TEST_F(Thresholds, FailWhereNothingWasMeasured) { EXPECT_TRUE(Failure("mailbox.p99>1s")); }

TEST_F(Thresholds, SayWhatTheValueIs) {
  EXPECT_EQ(Failure("payments<500").value(), "payments<500: it is 200.000");
}

TEST(ParseThreshold, RefusesWhatItDoesNotKnow) {
  for (const char* wrong :
       {"", "p99", "p99>", ">5", "p101>5ms", "px>5", "p99>5m", "p99>-1", "p99>5ms more",
        "nobody.p99>5ms", "sale.throughput<5", "throughput<5ms", "error_rate>5ms", "p99>nan"}) {
    const auto parsed = ParseThreshold(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, base::ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace paygate::load
