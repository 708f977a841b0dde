#include "tools/load/schedule.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace paygate::load {

uint32_t ConcurrencyAt(const Phases& phases, uint32_t full, double at) {
  if (at >= phases.end()) return 0;
  double share = 1;
  if (at < phases.warm_up_s) {
    share = kWarmUpShare;
  } else if (at < phases.steady_from()) {
    share = kWarmUpShare + (1 - kWarmUpShare) * (at - phases.warm_up_s) / phases.ramp_s;
  }
  return std::clamp<uint32_t>(static_cast<uint32_t>(std::lround(full * share)), 1, full);
}

Arrivals::Arrivals(const Phases& phases, double rate, bool even, uint64_t seed)
    : phases_(phases), rate_(rate), even_(even), dice_(seed) {}

// The inverse of the area under the picture in the header.
double Arrivals::TimeOf(double operations) const {
  const double low = rate_ * kWarmUpShare;
  const double warm = low * phases_.warm_up_s;
  if (operations < warm) return operations / low;
  const double ramp = (low + rate_) / 2 * phases_.ramp_s;
  const double more = operations - warm;
  if (more < ramp) {
    // low t + (rate - low) t² / (2 ramp_s) = more
    const double rise = (rate_ - low) / phases_.ramp_s;
    return phases_.warm_up_s + (std::sqrt(low * low + 2 * rise * more) - low) / rise;
  }
  return phases_.steady_from() + (more - ramp) / rate_;
}

std::optional<double> Arrivals::Next() {
  if (even_) {
    operations_ += 1;
  } else {
    operations_ += std::exponential_distribution<double>(1.0)(dice_);
  }
  const double at = TimeOf(operations_);
  if (!(at < phases_.end())) return std::nullopt;
  return at;
}

}  // namespace paygate::load
