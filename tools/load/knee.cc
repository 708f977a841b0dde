#include "tools/load/knee.h"

#include <cstdio>

namespace paygate::load {
namespace {
constexpr int kMostDoublings = 20;
}  // namespace

void Judge(KneeStep& step, double limit_ms) {
  char why[128] = "";
  if (step.error_rate > kHeldErrors) {
    std::snprintf(why, sizeof why, "%.2f %% refused, lost or not started", step.error_rate * 100);
  } else if (step.achieved < kHeldShare * step.rate) {
    std::snprintf(why, sizeof why, "%.0f %% done in the time", step.achieved / step.rate * 100);
  } else if (step.p99_ms > limit_ms) {
    std::snprintf(why, sizeof why, "99 %% took %.0f ms", step.p99_ms);
  }
  step.why = why;
  step.held = step.why.empty();
}

std::vector<KneeStep> FindKnee(double first, int refinements, const std::function<bool()>& go_on,
                               const TryRate& try_rate) {
  std::vector<KneeStep> steps;
  double held = 0, failed = 0, rate = first;
  for (int i = 0; i < kMostDoublings && go_on(); ++i) {
    steps.push_back(try_rate(rate));
    if (!steps.back().held) {
      failed = rate;
      break;
    }
    held = rate;
    rate *= 2;
  }
  for (int i = 0; failed > 0 && i < refinements && go_on(); ++i) {
    rate = (held + failed) / 2;
    steps.push_back(try_rate(rate));
    (steps.back().held ? held : failed) = rate;
  }
  return steps;
}

const KneeStep* KneeOf(const std::vector<KneeStep>& steps) {
  const KneeStep* best = nullptr;
  for (const KneeStep& step : steps) {
    if (step.held && (best == nullptr || step.rate > best->rate)) best = &step;
  }
  return best;
}

}  // namespace paygate::load
