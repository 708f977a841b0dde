#include "base/clock.h"

#include <gtest/gtest.h>

namespace paygate::base {
namespace {

TEST(SystemClock, TellsWholeSecondsAndNeverGoesBack) {
  SystemClock clock;
  EXPECT_GT(ToNumericDate(clock.Now()), 1'700'000'000);
  const MonotonicTime before = clock.Monotonic();
  EXPECT_GE(clock.Monotonic(), before);
}

TEST(ManualClock, StandsStillUntilATestTurnsIt) {
  ManualClock clock(FromNumericDate(1000));
  const MonotonicTime start = clock.Monotonic();
  EXPECT_EQ(ToNumericDate(clock.Now()), 1000);
  EXPECT_EQ(clock.Monotonic(), start);
}

TEST(ManualClock, AdvancesBothTimesTogether) {
  ManualClock clock(FromNumericDate(1000));
  const MonotonicTime start = clock.Monotonic();
  clock.Advance(std::chrono::minutes(2));
  EXPECT_EQ(ToNumericDate(clock.Now()), 1120);
  EXPECT_EQ(clock.Monotonic() - start, std::chrono::seconds(120));
}

}  // namespace
}  // namespace paygate::base
