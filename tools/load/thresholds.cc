#include "tools/load/thresholds.h"

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

auto Wrong(std::string_view text, const std::string& why) {
  return Fail(ErrorCode::kInvalidArgument,
              "--fail-if '" + std::string(text) + "': " + why + ", as in p99>50ms");
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::optional<double> Number(std::string_view text, std::string_view& rest) {
  double value = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (read.ec != std::errc() || !(value >= 0)) return std::nullopt;
  rest = Trim(text.substr(static_cast<size_t>(read.ptr - text.data())));
  return value;
}

std::optional<Kind> KindNamed(std::string_view name) {
  for (size_t i = 0; i < kKinds; ++i) {
    if (Name(static_cast<Kind>(i)) == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

bool IsTime(const std::string& metric) {
  return metric == "p" || metric == "mean" || metric == "max";
}

// The name before the sign.
base::Status ReadMetric(std::string_view text, std::string_view name, Threshold& out) {
  const size_t dot = name.find('.');
  if (const auto kind = KindNamed(name.substr(0, dot)); dot != name.npos && kind) {
    out.kind = kind;
    name.remove_prefix(dot + 1);
  }
  std::string_view rest;
  const auto percentile = name.starts_with('p') ? Number(name.substr(1), rest) : std::nullopt;
  if (percentile && rest.empty() && *percentile <= 100) {
    out.metric = "p";
    out.percentile = *percentile;
    return {};
  }
  for (const char* known : {"mean", "max", "error_rate", "throughput", "payments", "not_started"}) {
    if (name == known) out.metric = known;
  }
  if (out.metric.empty()) {
    return Wrong(text, "nothing called '" + std::string(name) + "' is measured");
  }
  if (out.kind && !IsTime(out.metric)) return Wrong(text, "a kind can stand before times alone");
  return {};
}

}  // namespace

base::Result<Threshold> ParseThreshold(std::string_view text) {
  Threshold threshold{.text = std::string(text), .kind = {}, .metric = {}};
  const size_t sign = text.find_first_of("<>");
  if (sign == text.npos) return Wrong(text, "'<' or '>' is missing");
  RETURN_IF_ERROR(ReadMetric(text, Trim(text.substr(0, sign)), threshold));
  threshold.greater = text[sign] == '>';
  std::string_view rest = text.substr(sign + 1);
  if (rest.starts_with('=')) {
    threshold.or_equal = true;
    rest.remove_prefix(1);
  }
  const auto limit = Number(Trim(rest), rest);
  if (!limit) return Wrong(text, "no number stands behind the sign");
  threshold.limit = *limit;
  const bool time = IsTime(threshold.metric);
  if (rest.empty() || (time && rest == "ms")) return threshold;
  if (time && rest == "us") {
    threshold.limit /= 1000;
  } else if (time && rest == "s") {
    threshold.limit *= 1000;
  } else if (threshold.metric == "error_rate" && rest == "%") {
    threshold.limit /= 100;
  } else {
    return Wrong(text, "'" + std::string(rest) + "' is no unit of it");
  }
  return threshold;
}

std::optional<double> ValueOf(const Threshold& threshold, const Stats& stats, const Json& summary,
                              Kind headline) {
  if (!IsTime(threshold.metric)) {
    const std::string name = threshold.metric == "throughput" ? "operations_per_s"
                             : threshold.metric == "payments" ? "payments_per_s"
                                                              : threshold.metric;
    return summary.at(name).get<double>();
  }
  const Histogram& latency = stats.Of(threshold.kind.value_or(headline)).latency;
  if (latency.count() == 0) return std::nullopt;
  if (threshold.metric == "mean") return latency.Mean() / 1000;
  const uint64_t micros =
      threshold.metric == "max" ? latency.max() : latency.Percentile(threshold.percentile);
  return static_cast<double>(micros) / 1000;
}

std::optional<std::string> FailureOf(const Threshold& threshold, const Stats& stats,
                                     const Json& summary, Kind headline) {
  const auto value = ValueOf(threshold, stats, summary, headline);
  if (!value) return threshold.text + ": nothing of that kind was measured";
  const double above = threshold.greater ? *value - threshold.limit : threshold.limit - *value;
  const bool fails = threshold.or_equal ? above >= 0 : above > 0;
  if (!fails) return std::nullopt;
  char number[64];
  std::snprintf(number, sizeof number, "%.3f%s", *value, IsTime(threshold.metric) ? " ms" : "");
  return threshold.text + ": it is " + number;
}

}  // namespace paygate::load
