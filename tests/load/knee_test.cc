#include "tools/load/knee.h"

#include <gtest/gtest.h>

namespace paygate::load {
namespace {

// A gateway that does 300 a second and then falls behind.
KneeStep Of300(double rate) {
  KneeStep step{.rate = rate,
                .achieved = std::min(rate, 300.0),
                .p50_ms = 10,
                .p99_ms = rate > 300 ? 900.0 : 20.0,
                .why = {}};
  Judge(step, 100);
  return step;
}

TEST(FindKnee, ComesCloseToTheHighestRateThatIsHeld) {
  const auto steps = FindKnee(
      20, 5, [] { return true; }, Of300);
  const KneeStep* knee = KneeOf(steps);
  ASSERT_NE(knee, nullptr);
  EXPECT_LE(knee->rate, 300);
  EXPECT_GE(knee->rate, 290);
}

TEST(FindKnee, FindsNoneWhenNotEvenTheFirstRateIsHeld) {
  const auto steps = FindKnee(
      1000, 2, [] { return true; },
      [](double rate) {
        KneeStep step{.rate = rate, .achieved = 1, .why = {}};
        Judge(step, 100);
        return step;
      });
  EXPECT_EQ(KneeOf(steps), nullptr);
}

TEST(FindKnee, EndsWhenItIsStopped) {
  int left = 2;
  const auto steps = FindKnee(
      1, 5, [&] { return left-- > 0; }, Of300);
  EXPECT_EQ(steps.size(), 2u);
}

TEST(Judge, SaysWhyARateWasNotHeld) {
  KneeStep refused{.rate = 10, .achieved = 10, .error_rate = 0.02, .why = {}};
  Judge(refused, 100);
  EXPECT_FALSE(refused.held);
  EXPECT_NE(refused.why.find("refused"), std::string::npos);
  KneeStep slow{.rate = 10, .achieved = 10, .p99_ms = 101, .why = {}};
  Judge(slow, 100);
  EXPECT_FALSE(slow.held);
  KneeStep behind{.rate = 10, .achieved = 9, .p99_ms = 5, .why = {}};
  Judge(behind, 100);
  EXPECT_FALSE(behind.held);
  KneeStep good{.rate = 10, .achieved = 9.9, .p99_ms = 5, .why = {}};
  Judge(good, 100);
  EXPECT_TRUE(good.held);
}

}  // namespace
}  // namespace paygate::load
