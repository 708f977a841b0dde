// Result: everything a run found, as one JSON object; what --json prints, what the report is made
// from, and what `compare` reads again. Its members are described in docs/load.md.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/load/knee.h"
#include "tools/load/options.h"
#include "tools/load/processes.h"
#include "tools/load/stats.h"
#include "tools/load/truth.h"

namespace paygate::load {

using Json = nlohmann::ordered_json;

// Taken at the beginning and at the end of the steady phase.
struct Sample {
  double at = -1;  // seconds since the start; below 0: not taken
  double own_cpu_s = 0;
  std::vector<ProcessUse> processes;
  std::string engine;  // JSON of `paygatectl status`, or empty
};

struct Findings {
  RunOptions options;
  std::string gateway_id, signature_algorithm, encryption_algorithm, started_at, bank;
  size_t participants = 0;
  double ended_at = 0;  // seconds since the start: the plan's end, or earlier
  bool stopped = false, settled = false;
  Stats stats;
  Sample from, to;
  TruthReport truth;
  bool truth_checked = false;
  std::vector<KneeStep> knee;  // of a search
  double knee_limit_ms = 0;
  std::string books_problem;  // of the bank's own check; empty: right, or not asked
};

// The kind whose latency the headline, the thresholds and the report's first curve speak of.
Kind HeadlineOf(const Mix& mix);
Json ToJson(const Findings& findings);
Json SummaryOf(const Plan& plan, const Stats& stats, double ended_at);
Json JsonOf(const Histogram& histogram);  // mean, percentiles and curve, in ms
constexpr double kCurve[] = {0,  10, 20, 30, 40, 50,   60,   70,    75,    80,     85,
                             90, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100};

}  // namespace paygate::load
