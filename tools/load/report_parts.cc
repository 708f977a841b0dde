#include <nlohmann/json.hpp>

#include "tools/load/report.h"

namespace paygate::load {

Series OverTime(const Json& result, const std::string& member, const std::string& name,
                int colour) {
  Series series{.name = name, .colour = colour, .points = {}};
  for (const Json& second : result.at("seconds")) {
    if (second.at("phase") == "after") break;
    series.points.emplace_back(second.at("t").get<double>(), second.at(member).get<double>());
  }
  return series;
}

Chart PercentileChart() {
  return {.id = "percentiles",
          .label = "Latency by percentile",
          .unit_x = "",
          .unit_y = "ms",
          .percentiles = true,
          .log_y = true,
          .series = {},
          .bands = {}};
}

Series CurveOf(const Json& result, const std::string& kind, const std::string& name, int colour) {
  Series series{.name = name, .colour = colour, .points = {}};
  for (const Json& point : result.at("kinds").at(kind).at("latency_ms").at("curve")) {
    series.points.emplace_back(point.at(0).get<double>(), point.at(1).get<double>());
  }
  return series;
}

std::vector<Band> PhaseBands(const Json& result) {
  const Json& load = result.at("load");
  const double from = load.at("warm_up_s").get<double>() + load.at("ramp_s").get<double>();
  return {{from, from + result.at("summary").at("steady_s").get<double>() - 1, "measured"}};
}

std::vector<Part> WhereParts(const Json& result) {
  std::vector<Part> parts;
  if (!result.contains("where")) return parts;
  int colour = 0;
  for (const auto& [name, ms] : result.at("where").at("per_payment_ms").items()) {
    parts.push_back({name, colour++, ms.get<double>()});
  }
  return parts;
}

std::string LoadInWords(const Json& result) {
  const Json& load = result.at("load");
  const bool open = load.at("loop") == "open";
  const double n = load.at(open ? "rate" : "concurrency").get<double>();
  return (open ? Short(n) + " operations a second due, " + load.at("arrivals").get<std::string>() +
                     " arrivals"
               : Short(n) + " participants at once") +
         " · " + load.at("mix").get<std::string>() + " · gateway " +
         result.at("gateway").at("signature").get<std::string>() + ", " +
         result.at("gateway").at("encryption").get<std::string>();
}

std::string RunName(const Json& result) {
  const std::string title = result.at("title").get<std::string>();
  return title.empty() ? "Load of " + result.at("gateway").at("url").get<std::string>() : title;
}

}  // namespace paygate::load
