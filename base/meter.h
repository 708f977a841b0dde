// Meters: where the time of a process goes, as sums that only grow. For `paygatectl status` and for
// whoever measures: read twice, the difference is what came in between.
//
// Process-wide, as the log is. Adding is a few atomic additions; nothing waits. Thread-safe; the
// three numbers of a meter are read one after the other and may be an addition apart.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace paygate::base {

enum class Meter : uint8_t {
  // A request in the engine, from its frame to its answer, by what it is.
  kSale1,     // POST /v1/seller-blocks/challenge
  kSale3,     // POST /v1/seller-blocks
  kPayment1,  // POST /v1/payments/challenge
  kPayment3,  // POST /v1/payments
  kOther,
  // And what it waits for.
  kQueue,   // for a worker
  kSign,    // trips to the token; operations: signatures
  kUnwrap,  // trips to the token; operations: decryptions
  kStore,   // durable writes
  kBank,    // from an order to the bank's answer
  kBusy,    // a request that was answered "not now" (429, 503): in none of the first five
};
constexpr size_t kMeters = 11;
std::string_view Name(Meter meter);  // "payment_3" …

struct MeterSum {
  uint64_t count = 0;       // how often
  uint64_t operations = 0;  // what was done in all: a trip to the token may carry several
  uint64_t micros = 0;
};

void AddTime(Meter meter, std::chrono::nanoseconds time, uint64_t operations = 1);
MeterSum Read(Meter meter);

// Adds the time from its making to its end.
class MeterTimer {
 public:
  explicit MeterTimer(Meter meter, uint64_t operations = 1)
      : meter_(meter), operations_(operations), from_(SystemClock().Monotonic()) {}
  ~MeterTimer() { AddTime(meter_, SystemClock().Monotonic() - from_, operations_); }
  MeterTimer(const MeterTimer&) = delete;
  MeterTimer& operator=(const MeterTimer&) = delete;

 private:
  const Meter meter_;
  const uint64_t operations_;
  const MonotonicTime from_;
};

}  // namespace paygate::base
