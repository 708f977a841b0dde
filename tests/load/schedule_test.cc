#include "tools/load/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace paygate::load {
namespace {

constexpr Phases kPhases{.warm_up_s = 2, .ramp_s = 4, .steady_s = 10};

std::vector<double> All(Arrivals arrivals) {
  std::vector<double> times;
  while (const auto at = arrivals.Next()) times.push_back(*at);
  return times;
}

size_t Within(const std::vector<double>& times, double from, double to) {
  size_t n = 0;
  for (const double at : times) n += at >= from && at < to;
  return n;
}

TEST(Arrivals, ComeEvenlyAtTheRateInTheSteadyPhase) {
  const auto times = All(Arrivals(kPhases, 100, true, 1));
  EXPECT_NEAR(static_cast<double>(Within(times, 6, 16)), 1000, 1);
  for (size_t i = 1; i < times.size(); ++i) {
    ASSERT_GT(times[i], times[i - 1]);
    const bool steady = times[i - 1] > 6;
    ASSERT_TRUE(!steady || std::fabs(times[i] - times[i - 1] - 0.01) < 1e-9) << times[i];
  }
}

TEST(Arrivals, WarmUpAtATenthAndRiseEvenly) {
  const auto times = All(Arrivals(kPhases, 1000, true, 1));
  EXPECT_NEAR(static_cast<double>(Within(times, 0, 2)), 200, 1);
  // From 100 to 1000 a second in four seconds; half way up it is 550.
  EXPECT_NEAR(static_cast<double>(Within(times, 2, 6)), 2200, 1);
  EXPECT_NEAR(static_cast<double>(Within(times, 3.9, 4.1)), 110, 1);
}

TEST(Arrivals, ComeAtRandomWithTheSameMeanAndTheSameSeedTheSame) {
  const auto times = All(Arrivals(kPhases, 1000, false, 7));
  // 10,000 of a Poisson process: the standard deviation is 100.
  EXPECT_NEAR(static_cast<double>(Within(times, 6, 16)), 10000, 600);
  EXPECT_EQ(times, All(Arrivals(kPhases, 1000, false, 7)));
  EXPECT_NE(times, All(Arrivals(kPhases, 1000, false, 8)));
}

TEST(Arrivals, EndWithTheSteadyPhase) {
  const auto times = All(Arrivals(kPhases, 50, false, 3));
  EXPECT_LT(times.back(), kPhases.end());
}

TEST(Arrivals, NeedNeitherWarmUpNorRamp) {
  const auto times = All(Arrivals({.warm_up_s = 0, .ramp_s = 0, .steady_s = 1}, 10, true, 1));
  EXPECT_EQ(times.size(), 9u);  // at 0.1, 0.2 … 0.9
}

TEST(ConcurrencyAt, RisesFromATenthToAllAndEnds) {
  EXPECT_EQ(ConcurrencyAt(kPhases, 100, 0), 10u);
  EXPECT_EQ(ConcurrencyAt(kPhases, 100, 4), 55u);
  EXPECT_EQ(ConcurrencyAt(kPhases, 100, 6), 100u);
  EXPECT_EQ(ConcurrencyAt(kPhases, 100, 15.9), 100u);
  EXPECT_EQ(ConcurrencyAt(kPhases, 100, 16), 0u);
  EXPECT_EQ(ConcurrencyAt(kPhases, 1, 0), 1u);
}

}  // namespace
}  // namespace paygate::load
