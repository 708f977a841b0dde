// Thresholds: what makes a run fail besides untruth, as --fail-if says it. Pure.
//
//   threshold = [kind "."] metric (">" | "<" | ">=" | "<=") number [unit]
//   metric    = "p50" … "p99.99", any "p" number from 0 to 100 | "mean" | "max"      times
//             | "error_rate" | "throughput" (operations/s) | "payments" (payments/s)
//             | "not_started"
//   kind      = purchase, sale, payment, mailbox, registration, hostile: for times; otherwise the
//               headline's
//   unit      = "us" "ms" (what is meant without) "s" for times, "%" for error_rate
//
// "p99>50ms" fails a run whose 99th percentile was above 50 ms.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tools/load/result.h"

namespace paygate::load {

struct Threshold {
  std::string text;  // as it was given
  std::optional<Kind> kind;
  std::string metric;
  double percentile = 0;  // metric "p"
  bool greater = true;    // fails when the value is above; otherwise when it is below
  bool or_equal = false;
  double limit = 0;  // ms for times
};

base::Result<Threshold> ParseThreshold(std::string_view text);  // kInvalidArgument
// The value in a result; nullopt if there is none (no operation of that kind ended).
std::optional<double> ValueOf(const Threshold& threshold, const Stats& stats, const Json& summary,
                              Kind headline);
// A sentence if the run fails by it. A value that is missing fails: nothing was measured.
std::optional<std::string> FailureOf(const Threshold& threshold, const Stats& stats,
                                     const Json& summary, Kind headline);

}  // namespace paygate::load
