// Clock: where all time in Paygate comes from. Nothing else calls now().
//
// Now() is wall time in whole seconds (NumericDate, RFC 7519 section 2), used for what is signed
// and stored; Monotonic() never goes back, used for deadlines and waits. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>

namespace paygate::base {

using UnixTime = std::chrono::sys_seconds;
using MonotonicTime = std::chrono::steady_clock::time_point;

inline int64_t ToNumericDate(UnixTime t) { return t.time_since_epoch().count(); }
inline UnixTime FromNumericDate(int64_t s) { return UnixTime(std::chrono::seconds(s)); }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixTime Now() const = 0;
  virtual MonotonicTime Monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  UnixTime Now() const override;
  MonotonicTime Monotonic() const override;
};

// A clock that a test turns; both times advance together.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixTime start) : seconds_(start.time_since_epoch().count()) {}
  UnixTime Now() const override;
  MonotonicTime Monotonic() const override;
  void Advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<int64_t> seconds_;
};

}  // namespace paygate::base
