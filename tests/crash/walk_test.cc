// A process dies before each step of a sale, a payment and a refund, one after the other: after
// each death both end, once, and everybody is told the same.
#include <gtest/gtest.h>

#include "tests/crash/market.h"

namespace paygate::crash {
namespace {

struct Way {
  Market::Banks banks;
  int role;
};

class Walk : public testing::TestWithParam<Way> {};

TEST_P(Walk, AProcessThatDiesAtAnyStepOfAPaymentLosesAndDoublesNothing) {
  const auto [banks, role] = GetParam();
  constexpr int kSurvivalsToEnd = 3;  // how many steps a payment has differs by a few
  constexpr int64_t kMostSteps = 1000;
  Market market(1, banks);
  ASSERT_EQ(market.Deal(0), "") << market.Log();
  int survivals = 0;
  int64_t step = 0;
  for (; survivals < kSurvivalsToEnd && step < kMostSteps; ++step) {
    const uint64_t deaths = market.deaths();
    market.DieAfter(role, step);
    ASSERT_EQ(market.Deal(0), "") << "death before step " << step << "\n" << market.Log();
    market.LetLive();
    survivals = market.deaths() == deaths ? survivals + 1 : 0;
    ASSERT_EQ(market.Wrong(), "") << "death before step " << step << "\n" << market.Log();
  }
  EXPECT_EQ(market.Unproven(), "") << market.Log();
  EXPECT_LT(step, kMostSteps);
  EXPECT_EQ(market.Unreconciled(), "");
  EXPECT_GT(market.deaths(), 5u) << "it hardly died";
  std::cout << kRoles[role] << ": " << market.deaths() << " deaths\n";
}

constexpr Market::Banks kInABox = Market::Banks::kInABox, kNetwork = Market::Banks::kNetwork;
INSTANTIATE_TEST_SUITE_P(Of, Walk,
                         testing::Values(Way{kInABox, 0}, Way{kInABox, 1}, Way{kInABox, 2},
                                         Way{kInABox, 3}, Way{kNetwork, 1}, Way{kNetwork, 4}),
                         [](const auto& info) {
                           return std::string(kRoles[info.param.role]) +
                                  (info.param.banks == kNetwork ? "OnTheNetwork" : "");
                         });

}  // namespace
}  // namespace paygate::crash
