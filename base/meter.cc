#include "base/meter.h"

#include <array>
#include <atomic>

namespace paygate::base {
namespace {

struct alignas(64) Sum {  // a cache line each: many threads add
  std::atomic<uint64_t> count = 0, operations = 0, nanos = 0;
};

std::array<Sum, kMeters>& Sums() {
  static std::array<Sum, kMeters> sums;
  return sums;
}

}  // namespace

std::string_view Name(Meter meter) {
  constexpr std::string_view kNames[kMeters] = {"sale_1", "sale_3", "payment_1", "payment_3",
                                                "other",  "queue",  "sign",      "unwrap",
                                                "store",  "bank",   "busy"};
  return kNames[static_cast<size_t>(meter)];
}

void AddTime(Meter meter, std::chrono::nanoseconds time, uint64_t operations) {
  Sum& sum = Sums()[static_cast<size_t>(meter)];
  sum.count.fetch_add(1, std::memory_order_relaxed);
  sum.operations.fetch_add(operations, std::memory_order_relaxed);
  sum.nanos.fetch_add(static_cast<uint64_t>(time.count()), std::memory_order_relaxed);
}

MeterSum Read(Meter meter) {
  const Sum& sum = Sums()[static_cast<size_t>(meter)];
  return {.count = sum.count.load(std::memory_order_relaxed),
          .operations = sum.operations.load(std::memory_order_relaxed),
          .micros = sum.nanos.load(std::memory_order_relaxed) / 1000};
}

}  // namespace paygate::base
