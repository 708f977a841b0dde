// `paygate-load compare`: two runs side by side.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tools/load/page.h"
#include "tools/load/report.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr int kA = 0, kB = 1;  // colours
constexpr double kNoticeable = 0.05;

struct Figure {
  const char* member;
  const char* name;
  bool more_is_better;
};
constexpr Figure kFigures[] = {{"payments_per_s", "payments a second", true},
                               {"operations_per_s", "operations a second", true},
                               {"mean_ms", "mean, ms", false},
                               {"p50_ms", "median, ms", false},
                               {"p90_ms", "90 %, ms", false},
                               {"p99_ms", "99 %, ms", false},
                               {"p99.9_ms", "99.9 %, ms", false},
                               {"p99.99_ms", "99.99 %, ms", false},
                               {"max_ms", "slowest, ms", false},
                               {"error_rate", "share of errors", false}};

std::string Change(double a, double b) {
  if (a == 0) return b == 0 ? "the same" : "";
  char text[32];
  std::snprintf(text, sizeof text, "%+.1f %%", (b - a) / a * 100);
  return text;
}

std::string Judgement(const Figure& figure, double a, double b) {
  if (std::fabs(b - a) <= kNoticeable * std::fabs(a)) return "about the same";
  return (b > a) == figure.more_is_better ? "better" : "worse";
}

std::string Figures(const Json& a, const Json& b, const std::string& name_a,
                    const std::string& name_b) {
  std::vector<std::vector<std::string>> rows{{"", name_a, name_b, "change", "B is"}};
  for (const Figure& figure : kFigures) {
    const double x = a.at("summary").at(figure.member).get<double>();
    const double y = b.at("summary").at(figure.member).get<double>();
    rows.push_back({figure.name, Short(x), Short(y), Change(x, y), Judgement(figure, x, y)});
  }
  return Section("Both in figures",
                 "Less than 5 % apart counts as about the same: runs of one thing on a machine "
                 "with other work differ by more.",
                 Table(rows));
}

std::string Over(const Json& a, const Json& b, const char* member, const char* heading,
                 const char* unit, bool log_y) {
  return Section(heading, "",
                 LineChart({.id = member,
                            .label = heading,
                            .unit_x = "seconds",
                            .unit_y = unit,
                            .log_y = log_y,
                            .series = {OverTime(a, member, "A", kA), OverTime(b, member, "B", kB)},
                            .bands = {}}));
}

std::string Curves(const Json& a, const Json& b) {
  Chart chart = PercentileChart();
  const std::string x = a.at("summary").at("headline").get<std::string>();
  const std::string y = b.at("summary").at("headline").get<std::string>();
  if (a.at("kinds").contains(x)) chart.series.push_back(CurveOf(a, x, "A: " + x, kA));
  if (b.at("kinds").contains(y)) chart.series.push_back(CurveOf(b, y, "B: " + y, kB));
  return Section("How slow the slow ones are", "", LineChart(chart));
}

std::string Where(const Json& a, const Json& b) {
  const auto x = WhereParts(a), y = WhereParts(b);
  if (x.empty() || y.empty()) return {};
  std::vector<std::pair<std::string, int>> names;
  std::vector<std::vector<std::string>> rows{{"ms of a payment", "A", "B", "change"}};
  for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
    names.emplace_back(x[i].name, x[i].colour);
    rows.push_back(
        {x[i].name, Short(x[i].value), Short(y[i].value), Change(x[i].value, y[i].value)});
  }
  return Section(
      "Where the time of a payment goes", "",
      BarChart("Milliseconds by phase", {{"A", x}, {"B", y}}, "ms") + Legend(names) + Table(rows));
}

std::string Cpu(const Json& a, const Json& b) {
  std::vector<BarRow> rows;
  const auto add = [&](const Json& r, const char* which, int colour) {
    for (const Json& process : r.at("processes")) {
      rows.push_back({std::string(which) + " " + process.at("name").get<std::string>(),
                      {{"cores", colour, process.at("cores").get<double>()}}});
    }
    rows.push_back({std::string(which) + " paygate-load",
                    {{"cores", 7, r.at("tester").at("cores").get<double>()}}});
  };
  add(a, "A", kA);
  add(b, "B", kB);
  return Section("Cores in use", "", BarChart("Cores of each process", rows, "cores"));
}

// What differs in machine, gateway and load: the first thing to know of a comparison.
std::string Differences(const Json& a, const Json& b) {
  std::vector<std::vector<std::string>> rows{{"", "A", "B"}};
  for (const char* part : {"machine", "gateway", "load"}) {
    for (const auto& [name, value] : a.at(part).items()) {
      const Json other = b.at(part).contains(name) ? b.at(part).at(name) : Json("(none)");
      if (value == other) continue;
      rows.push_back({std::string(part) + " · " + name, value.dump(), other.dump()});
    }
  }
  if (rows.size() == 1) {
    return Section("What differs", "Machine, gateway and load are the same.", "");
  }
  return Section("What differs", "Besides what is meant to differ, there should be nothing here.",
                 Table(rows));
}

base::Result<Json> ReadResult(const std::string& file) {
  constexpr size_t kMaxBytes = 256u << 20;
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file, kMaxBytes));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("version") || json["version"] != 1) {
    return Fail(ErrorCode::kInvalidArgument, file + " is no result that paygate-load --json wrote");
  }
  return json;
}

}  // namespace

base::Result<std::string> HtmlComparison(const Json& a, const Json& b) {
  try {  // as in HtmlReport
    const std::string name_a = "A · " + RunName(a), name_b = "B · " + RunName(b);
    const auto bad = [](const Json& r, const char* which) {
      return r.at("verdict").at("good").get<bool>()
                 ? std::string()
                 : "<p><span class=\"badge bad\">Run " + std::string(which) + " failed</span></p>";
    };
    const std::string head = "<h1>Two runs side by side</h1>\n<p class=\"sub\">" +
                             EscapeHtml(name_a + " · " + LoadInWords(a)) + "<br>" +
                             EscapeHtml(name_b + " · " + LoadInWords(b)) + "</p>\n";
    return Page("Two runs", head + bad(a, "A") + bad(b, "B") + Figures(a, b, "A", "B") +
                                Curves(a, b) +
                                Over(a, b, "payments", "Payments a second", "a second", false) +
                                Over(a, b, "p99_ms", "99 % are faster, over time", "ms", true) +
                                Where(a, b) + Cpu(a, b) + Differences(a, b));
  } catch (const nlohmann::json::exception& e) {
    return Fail(ErrorCode::kMalformed, std::string("not a result of paygate-load: ") + e.what());
  }
}

int RunCompare(const std::string& file_a, const std::string& file_b, const std::string& report) {
  const auto all = [&]() -> base::Status {
    ASSIGN_OR_RETURN(const Json a, ReadResult(file_a));
    ASSIGN_OR_RETURN(const Json b, ReadResult(file_b));
    ASSIGN_OR_RETURN(const std::string page, HtmlComparison(a, b));
    if (!report.empty()) RETURN_IF_ERROR(base::ReplaceFile(report, page, 0644));
    std::printf("%-20s %12s %12s %10s\n", "", "A", "B", "change");
    for (const Figure& figure : kFigures) {
      const double x = a.at("summary").at(figure.member).get<double>();
      const double y = b.at("summary").at(figure.member).get<double>();
      std::printf("%-20s %12s %12s %10s  %s\n", figure.name, Short(x).c_str(), Short(y).c_str(),
                  Change(x, y).c_str(), Judgement(figure, x, y).c_str());
    }
    return {};
  };
  const auto done = all();
  if (done) return kGood;
  std::fprintf(stderr, "paygate-load: %s\n", done.error().message.c_str());
  return kUsage;
}

int RunReport(const std::string& file, const std::string& report) {
  const auto all = [&]() -> base::Status {
    ASSIGN_OR_RETURN(const Json result, ReadResult(file));
    ASSIGN_OR_RETURN(const std::string page, HtmlReport(result));
    return base::ReplaceFile(report, page, 0644);
  };
  const auto done = all();
  if (done) return kGood;
  std::fprintf(stderr, "paygate-load: %s\n", done.error().message.c_str());
  return kUsage;
}

}  // namespace paygate::load
