#include "tools/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace paygate::load {
namespace {

constexpr double kPercents[] = {0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

uint64_t Exact(const std::vector<uint64_t>& sorted, double percent) {
  const double n = static_cast<double>(sorted.size());
  const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(percent / 100 * n - 1e-9)));
  return sorted[std::min(rank, sorted.size()) - 1];
}

void ExpectClose(const Histogram& histogram, std::vector<uint64_t> values, uint32_t seed) {
  std::ranges::sort(values);
  for (const double percent : kPercents) {
    const auto exact = static_cast<double>(Exact(values, percent));
    const auto got = static_cast<double>(histogram.Percentile(percent));
    EXPECT_GE(got, exact) << percent << " % with seed " << seed;
    EXPECT_LE(got, exact * 1.01) << percent << " % with seed " << seed;
  }
}

TEST(Histogram, AnswersEveryPercentileWithinOnePercentOfTheExactOne) {
  const uint32_t seed = std::random_device()();
  std::mt19937 random(seed);
  std::lognormal_distribution<double> heavy(8, 2);
  for (const size_t n : {1u, 2u, 100u, 20000u}) {
    Histogram histogram;
    std::vector<uint64_t> values;
    for (size_t i = 0; i < n; ++i) {
      values.push_back(
          std::min<uint64_t>(static_cast<uint64_t>(heavy(random)), Histogram::kLargest));
      histogram.Record(values.back());
    }
    ExpectClose(histogram, values, seed);
    EXPECT_EQ(histogram.count(), n);
    EXPECT_EQ(histogram.max(), *std::ranges::max_element(values));
  }
}

TEST(Histogram, IsExactForSmallValuesAndForTheLargest) {
  Histogram histogram;
  for (uint64_t i = 0; i < 256; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Percentile(50), 127u);
  EXPECT_EQ(histogram.Percentile(100), 255u);
  histogram.Record(1'234'567);
  EXPECT_EQ(histogram.Percentile(100), 1'234'567u);
}

TEST(Histogram, TwoMergedAreWhatOneWouldHaveBeen) {
  const uint32_t seed = std::random_device()();
  std::mt19937 random(seed);
  Histogram all, one, two;
  for (int i = 0; i < 5000; ++i) {
    const uint64_t value = random() % 3'000'000;
    all.Record(value);
    (i % 3 == 0 ? one : two).Record(value);
  }
  one.Merge(two);
  for (const double percent : kPercents) {
    EXPECT_EQ(one.Percentile(percent), all.Percentile(percent)) << "seed " << seed;
  }
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.max(), all.max());
  EXPECT_DOUBLE_EQ(one.Mean(), all.Mean());
}

TEST(Histogram, CountsWhatIsBeyondItsEndAsItsEnd) {
  Histogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.Percentile(50), Histogram::kLargest);
}

TEST(Histogram, HasNoPercentileOfNothing) {
  EXPECT_EQ(Histogram().Percentile(99), 0u);
  EXPECT_EQ(Histogram().Mean(), 0);
}

}  // namespace
}  // namespace paygate::load
