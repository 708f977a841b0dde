// The knee: the highest rate that a gateway holds. Pure: what a rate does is asked of the caller.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace paygate::load {

struct KneeStep {
  double rate = 0, achieved = 0;  // operations a second
  double p50_ms = 0, p99_ms = 0, error_rate = 0;
  bool held = false;
  std::string why;  // if it was not held
};

constexpr double kHeldShare = 0.95;    // of what came due must be done in the time
constexpr double kHeldErrors = 0.001;  // share that may be refused, lost or not started

// Says whether a step was held, with 99 % within `limit_ms`.
void Judge(KneeStep& step, double limit_ms);

// Doubles from `first` until a rate is not held, then halves the gap, `refinements` times.
// `try_rate` runs a rate and gives the judged step; the search ends early when `go_on` says no.
using TryRate = std::function<KneeStep(double rate)>;
std::vector<KneeStep> FindKnee(double first, int refinements, const std::function<bool()>& go_on,
                               const TryRate& try_rate);
// The best held step; nullptr: none was.
const KneeStep* KneeOf(const std::vector<KneeStep>& steps);

}  // namespace paygate::load
