// Schedule: when operations are due. Pure: time goes in, nothing is read from a clock.
//
//   load  ┤            ____________
//         │          /             │
//         │ ________/              │
//         └─warm-up─┴ramp┴─steady──┴▶  seconds
//
// Warm-up runs at a tenth of the load (connections open, caches fill), the ramp rises evenly, and
// only what is due in the steady phase is measured.
#pragma once

#include <cstdint>
#include <optional>

#include "tools/load/dice.h"

namespace paygate::load {

struct Phases {
  double warm_up_s = 1, ramp_s = 1, steady_s = 10;
  double end() const { return warm_up_s + ramp_s + steady_s; }
  double steady_from() const { return warm_up_s + ramp_s; }
  bool IsSteady(double at) const { return at >= steady_from() && at < end(); }
};

constexpr double kWarmUpShare = 0.1;

// Closed loop: how many participants are at work at this time; at least 1 before the end, 0 after.
uint32_t ConcurrencyAt(const Phases& phases, uint32_t full, double at);

// Open loop: the times at which operations are due, whatever became of those before.
class Arrivals {
 public:
  // `rate`: operations a second in the steady phase. `even`: at equal distances; otherwise as
  // independent people come (a Poisson process). The same seed gives the same times.
  Arrivals(const Phases& phases, double rate, bool even, uint64_t seed);
  // The next time, never earlier than the one before; nullopt: none before the end.
  std::optional<double> Next();

 private:
  double TimeOf(double operations) const;  // when so many have come due

  const Phases phases_;
  const double rate_;
  const bool even_;
  Dice dice_;
  double operations_ = 0;
};

}  // namespace paygate::load
