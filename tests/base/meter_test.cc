#include "base/meter.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace paygate::base {
namespace {

TEST(Meter, SumsWhatManyThreadsAdd) {
  const MeterSum before = Read(Meter::kBank);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) AddTime(Meter::kBank, std::chrono::microseconds(5), 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MeterSum after = Read(Meter::kBank);
  EXPECT_EQ(after.count - before.count, 4000u);
  EXPECT_EQ(after.operations - before.operations, 8000u);
  EXPECT_EQ(after.micros - before.micros, 20000u);
}

TEST(Meter, ATimerAddsOnceWhenItEnds) {
  const MeterSum before = Read(Meter::kStore);
  {
    const MeterTimer timer(Meter::kStore, 3);
    EXPECT_EQ(Read(Meter::kStore).count, before.count);
  }
  EXPECT_EQ(Read(Meter::kStore).count, before.count + 1);
  EXPECT_EQ(Read(Meter::kStore).operations, before.operations + 3);
}

TEST(Meter, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kMeters; ++i) names.insert(Name(static_cast<Meter>(i)));
  EXPECT_EQ(names.size(), kMeters);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace paygate::base
