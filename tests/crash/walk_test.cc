// A process dies before each step of a sale and a payment, one after the other: after each death
// the payment ends, once, and everybody is told the same.
#include <gtest/gtest.h>

#include "tests/crash/market.h"

namespace paygate::crash {
namespace {

class Walk : public testing::TestWithParam<int> {};

TEST_P(Walk, AProcessThatDiesAtAnyStepOfAPaymentLosesAndDoublesNothing) {
  constexpr int kSurvivalsToEnd = 3;  // how many steps a payment has differs by a few
  constexpr int64_t kMostSteps = 1000;
  Market market(1);
  ASSERT_EQ(market.Deal(0), "") << market.Log();
  int survivals = 0;
  int64_t step = 0;
  for (; survivals < kSurvivalsToEnd && step < kMostSteps; ++step) {
    const uint64_t deaths = market.deaths();
    market.DieAfter(GetParam(), step);
    ASSERT_EQ(market.Deal(0), "") << "death before step " << step << "\n" << market.Log();
    market.LetLive();
    survivals = market.deaths() == deaths ? survivals + 1 : 0;
    ASSERT_EQ(market.Wrong(), "") << "death before step " << step << "\n" << market.Log();
  }
  EXPECT_EQ(market.Unproven(), "") << market.Log();
  EXPECT_LT(step, kMostSteps);
  EXPECT_GT(market.deaths(), 5u) << "it hardly died";
  std::cout << kRoles[GetParam()] << ": " << market.deaths() << " deaths\n";
}

INSTANTIATE_TEST_SUITE_P(Of, Walk, testing::Range(0, kRoleCount),
                         [](const auto& info) { return std::string(kRoles[info.param]); });

}  // namespace
}  // namespace paygate::crash
