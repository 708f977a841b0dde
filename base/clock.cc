#include "base/clock.h"

namespace paygate::base {

UnixTime SystemClock::Now() const {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

MonotonicTime SystemClock::Monotonic() const { return std::chrono::steady_clock::now(); }

UnixTime ManualClock::Now() const { return FromNumericDate(seconds_); }

MonotonicTime ManualClock::Monotonic() const {
  return MonotonicTime(std::chrono::seconds(seconds_.load()));
}

}  // namespace paygate::base
