#include "tools/load/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/load/page.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

std::string Text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return Short(value.get<double>());
  if (value.is_number_integer()) return Short(static_cast<double>(value.get<int64_t>()));
  return value.dump();
}

double Number(const Json& object, const char* name) { return object.at(name).get<double>(); }

std::string Head(const Json& r) {
  const Json& verdict = r.at("verdict");
  const bool good = verdict.at("good").get<bool>();
  std::string out = "<h1>" + EscapeHtml(RunName(r)) + "</h1>\n<p class=\"sub\">" +
                    EscapeHtml(LoadInWords(r)) + " · " + EscapeHtml(Text(r.at("started_at"))) +
                    "</p>\n<span class=\"badge " + (good ? "good" : "bad") + "\">" +
                    (good ? "Every answer held, every payment is true" : "This run failed") +
                    "</span>\n";
  if (!good) {
    out += "<ul class=\"reasons\">";
    for (const Json& reason : verdict.at("reasons")) {
      out += "<li>" + EscapeHtml(Text(reason)) + "</li>";
    }
    out += "</ul>\n";
  }
  return out;
}

std::string KeyFigures(const Json& r) {
  const Json& s = r.at("summary");
  const Json& truth = r.at("truth");
  const double errors = Number(s, "error_rate") * 100;
  return Cards({{Short(Number(s, "payments_per_s")), "/s", "payments completed", ""},
                {Short(Number(s, "p50_ms")), "ms", "median " + Text(s.at("headline")), ""},
                {Short(Number(s, "p99_ms")), "ms", "99 % are faster", ""},
                {Short(Number(s, "p99.99_ms")), "ms", "99.99 % are faster", ""},
                {Short(errors), "%", "refused, lost, not started", errors > 0 ? "bad" : "good"},
                {Text(truth.at("completed")), "", "payments checked: " + Text(truth.at("checked")),
                 r.at("verdict").at("good").get<bool>() ? "good" : "bad"}});
}

std::string TimeCharts(const Json& r) {
  Chart throughput{.id = "throughput",
                   .label = "Payments a second over the time of the run",
                   .unit_x = "seconds",
                   .unit_y = "a second",
                   .series = {},
                   .bands = PhaseBands(r)};
  throughput.series.push_back(OverTime(r, "payments", "payments completed", 0));
  throughput.series.back().area = true;
  throughput.series.push_back(OverTime(r, "due", "operations due", 7));
  throughput.series.back().dashed = true;
  for (Series more : {OverTime(r, "refused", "refused or lost", 1),
                      OverTime(r, "not_started", "not started in time", 3)}) {
    const auto some = [](const auto& point) { return point.second > 0; };
    if (std::ranges::any_of(more.points, some)) throughput.series.push_back(std::move(more));
  }
  Chart latency{.id = "latency",
                .label = "Latency over the time of the run",
                .unit_x = "seconds",
                .unit_y = "ms",
                .log_y = true,
                .series = {OverTime(r, "p50_ms", "median", 0), OverTime(r, "p95_ms", "95 %", 2),
                           OverTime(r, "p99_ms", "99 %", 4), OverTime(r, "max_ms", "slowest", 1)},
                .bands = PhaseBands(r)};
  const bool open = r.at("load").at("loop") == "open";
  return Section("Payments a second",
                 open ? "Operations come due whatever became of those before. The shaded seconds "
                        "are measured."
                      : "Each participant waits for its answer before it goes on. The shaded "
                        "seconds are measured.",
                 LineChart(throughput)) +
         Section("Latency over time",
                 open ? "Of payments that ended in each second, counted from when each was due, so "
                        "that a stall shows in all that it held up."
                      : "Of payments that ended in each second, from their first byte.",
                 LineChart(latency));
}

std::string Curves(const Json& r) {
  Chart chart = PercentileChart();
  int colour = 0;
  std::vector<std::vector<std::string>> rows{
      {"", "count", "mean", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "max"}};
  const auto row = [&](const std::string& name, const Json& latency) {
    std::vector<std::string> cells{name};
    for (const char* c : {"count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"}) {
      cells.push_back(Text(latency.at(c)));
    }
    rows.push_back(std::move(cells));
  };
  for (const auto& [kind, stats] : r.at("kinds").items()) {
    if (stats.at("latency_ms").at("count").get<uint64_t>() == 0) continue;
    if (kind != "hostile") chart.series.push_back(CurveOf(r, kind, kind, colour++));
    row(kind, stats.at("latency_ms"));
  }
  std::vector<std::vector<std::string>> steps = {rows.front()};
  rows.swap(steps);
  for (const auto& [step, latency] : r.at("steps").items()) row(step, latency);
  rows.swap(steps);
  return Section("How slow the slow ones are",
                 "Each step to the right is ten times rarer: one in ten, in a hundred, in a "
                 "thousand.",
                 LineChart(chart)) +
         Section("Operations, in milliseconds", "", Table(rows)) +
         Section("Requests, in milliseconds",
                 "From the first byte sent to the last of the answer. Sale and payment have two "
                 "each: message 1, which asks for a challenge, and message 3, which binds.",
                 Table(steps));
}

std::string Where(const Json& r) {
  const auto parts = WhereParts(r);
  if (parts.empty()) return {};
  std::vector<std::pair<std::string, int>> names;
  for (const Part& part : parts) {
    names.emplace_back(part.name + " " + Short(part.value) + " ms", part.colour);
  }
  const Json& where = r.at("where");
  const Json& tokens = where.at("token_operations");
  std::string out = Section(
      "Where the time of a payment goes",
      "A sale and its payment, four requests together. Front is what the tester waited beyond what "
      "the engine counts: network, TLS, HTTP, the way between the processes, and the tester's own "
      "slowness. The others are the engine's own meters over the measured seconds, divided by the "
      "payments: with other operations in the mix, these are in them.",
      BarChart("Milliseconds of a payment by phase", {{"one payment", parts}}, "ms") +
          Legend(names));
  out +=
      Section("What a payment costs the token and the disk", "",
              Table({{"", "signatures", "decryptions", "trips to the token", "durable writes"},
                     {"each payment", Text(tokens.at("signatures")), Text(tokens.at("decryptions")),
                      Text(tokens.at("trips")), Text(where.at("durable_writes"))}}));
  return out;
}

std::string Cpu(const Json& r) {
  std::vector<BarRow> rows;
  int colour = 0;
  for (const Json& process : r.at("processes")) {
    rows.push_back({Text(process.at("name")) + " " + process.at("pid").dump(),
                    {{"cores", colour++ % 8, Number(process, "cores")}}});
  }
  const Json& tester = r.at("tester");
  rows.push_back({"paygate-load", {{"cores", 7, Number(tester, "cores")}}});
  return Section(
      "Cores in use",
      "User and system time in the measured seconds. The tester's event loop was late by "
      "at most " +
          Short(Number(tester, "latest_tick_ms")) +
          " ms: latencies are known no better than that at that moment.",
      BarChart("Cores used by each process", rows, "cores"));
}

std::string Counts(const Json& r) {
  std::vector<std::vector<std::string>> codes{{"answer", "times"}},
      attacks{{"attack: answer", "times"}};
  for (const auto& [code, n] : r.at("codes").items()) codes.push_back({code, Text(n)});
  for (const auto& [code, n] : r.at("broken").items())
    codes.push_back({"BROKEN: " + code, Text(n)});
  for (const auto& [name, n] : r.at("hostile").items()) attacks.push_back({name, Text(n)});
  std::string out = "<div class=\"two\">";
  out += codes.size() > 1 ? Section("Answers that were no result", "", Table(codes))
                          : Section("Answers that were no result", "None.", "");
  if (attacks.size() > 1) {
    out += Section("Hostile requests", "Each must be refused; one that is not fails the run.",
                   Table(attacks));
  }
  const Json& t = r.at("truth");
  std::vector<std::vector<std::string>> truth{{"payments authorised", Text(t.at("payments"))}};
  for (const char* name : {"completed", "failed", "refused", "undecided", "lost", "doubled",
                           "misreported", "contradicted", "unconfirmed", "foreign"}) {
    truth.push_back({name, Text(t.at(name))});
  }
  truth.insert(truth.begin(), {"what was told, beside the bank", "payments"});
  out += Section(
      "The truth",
      "Checked: " + Text(t.at("checked")) + ". The bank's own books: " + Text(t.at("books")) + ".",
      Table(truth));
  return out + "</div>\n";
}

std::string About(const Json& r) {
  std::vector<std::vector<std::string>> rows{{"", "value"}};
  for (const char* part : {"machine", "gateway", "load"}) {
    for (const auto& [name, value] : r.at(part).items()) {
      rows.push_back({std::string(part) + " · " + name, Text(value)});
    }
  }
  for (const char* name : {"requests", "asked_again", "signatures_verified", "connections"}) {
    rows.push_back({std::string("tester · ") + name, Text(r.at(name))});
  }
  return Section("Machine and configuration", "", Table(rows)) + "<footer>" +
         EscapeHtml(Text(r.at("command"))) + "</footer>\n";
}

std::string Knee(const Json& r) {
  if (!r.contains("knee")) return {};
  const Json& knee = r.at("knee");
  std::vector<std::vector<std::string>> rows{
      {"offered /s", "achieved /s", "median ms", "99 % ms", "errors %", ""}};
  Chart chart{.id = "knee",
              .label = "Latency against the load that is offered",
              .unit_x = "operations offered a second",
              .unit_y = "ms",
              .log_y = true,
              .series = {{.name = "median", .colour = 0, .points = {}},
                         {.name = "99 %", .colour = 4, .points = {}}},
              .bands = {}};
  std::vector<std::pair<double, std::pair<double, double>>> points;
  for (const Json& step : knee.at("steps")) {
    const bool held = step.at("held").get<bool>();
    rows.push_back({Text(step.at("rate")), Text(step.at("achieved")), Text(step.at("p50_ms")),
                    Text(step.at("p99_ms")), Short(Number(step, "error_rate") * 100),
                    held ? "held" : Text(step.at("why"))});
    points.push_back({Number(step, "rate"), {Number(step, "p50_ms"), Number(step, "p99_ms")}});
  }
  std::ranges::sort(points);
  for (const auto& [rate, ms] : points) {
    chart.series[0].points.emplace_back(rate, ms.first);
    chart.series[1].points.emplace_back(rate, ms.second);
  }
  return Section("The knee: " + Text(knee.at("rate")) + " operations a second",
                 "The highest rate that was held: done as it came due, at most one in a thousand "
                 "refused, and 99 % within " +
                     Text(knee.at("limit_ms")) + " ms. Measured again in full, as the other " +
                     "charts show, it was " +
                     (knee.at("held_in_full").get<bool>() ? "held."
                                                          : "not held: this machine's "
                                                            "speed changes, or --step is short."),
                 LineChart(chart) + Table(rows));
}

}  // namespace

base::Result<std::string> HtmlReport(const Json& result) {
  try {  // the JSON library reports what is missing by exception; none leaves this function
    return Page(RunName(result), Head(result) + KeyFigures(result) + Knee(result) +
                                     TimeCharts(result) + Curves(result) + Where(result) +
                                     Cpu(result) + Counts(result) + About(result));
  } catch (const nlohmann::json::exception& e) {
    return Fail(ErrorCode::kMalformed, std::string("not a result of paygate-load: ") + e.what());
  }
}

}  // namespace paygate::load
