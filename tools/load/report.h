// Report: results as pages that people want to look at. Everything is read from the JSON of
// result.h, so that a run that was kept can be shown again, and two of them side by side.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "tools/load/chart.h"
#include "tools/load/result.h"

namespace paygate::load {

// kMalformed: not what --json writes.
base::Result<std::string> HtmlReport(const Json& result);
base::Result<std::string> HtmlComparison(const Json& a, const Json& b);

// ---- Parts, for both ----

// The points of a member of "seconds", from second `from` on.
Series OverTime(const Json& result, const std::string& member, const std::string& name, int colour);
Chart PercentileChart();  // of latencies, without its series: CurveOf makes them
Series CurveOf(const Json& result, const std::string& kind, const std::string& name, int colour);
std::vector<Band> PhaseBands(const Json& result);
// Where the time of a payment goes, front first; empty if the engine's figures are missing.
std::vector<Part> WhereParts(const Json& result);
std::string RunName(const Json& result);  // its title, or its load in words
std::string LoadInWords(const Json& result);

}  // namespace paygate::load
