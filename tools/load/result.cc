#include "tools/load/result.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/load/where.h"

namespace paygate::load {
namespace {

double Ms(uint64_t micros) { return static_cast<double>(micros) / 1000; }

Json JsonOf(const KindStats& kind) {
  Json ended = Json::object();
  for (size_t v = 0; v < kVerdicts; ++v) {
    if (kind.ended[v] > 0) ended[std::string(Name(static_cast<Verdict>(v)))] = kind.ended[v];
  }
  return {{"ended", ended}, {"latency_ms", JsonOf(kind.latency)}};
}

const char* PhaseName(const Phases& phases, double at) {
  return at < phases.warm_up_s ? "warm-up" : at < phases.steady_from() ? "ramp" : "steady";
}

Json JsonOf(const Second& second, size_t number, const Phases& phases) {
  std::vector<uint32_t> sorted = second.micros;
  std::ranges::sort(sorted);
  const auto at = [&](double percent) {
    if (sorted.empty()) return 0.0;
    const double rank = percent / 100 * static_cast<double>(sorted.size());
    return Ms(sorted[std::min(sorted.size() - 1, static_cast<size_t>(rank))]);
  };
  const auto t = static_cast<double>(number);
  return {{"t", number},
          {"phase", t < phases.end() ? PhaseName(phases, t) : "after"},
          {"due", second.due},
          {"not_started", second.not_started},
          {"good", second.good},
          {"payments", second.payments},
          {"refused", second.refused},
          {"bad", second.bad},
          {"outstanding", second.outstanding},
          {"p50_ms", at(50)},
          {"p95_ms", at(95)},
          {"p99_ms", at(99)},
          {"max_ms", at(100)}};
}

}  // namespace

Json SummaryOf(const Plan& plan, const Stats& stats, double ended_at) {
  const double steady_s = std::max(0.0, ended_at - plan.phases.steady_from());
  const Kind headline = HeadlineOf(plan.mix);
  const Histogram& latency = stats.Of(headline).latency;
  uint64_t ended = 0, bad = 0;
  for (const KindStats& kind : stats.kinds) {
    if (&kind != &stats.Of(Kind::kHostile)) {
      bad +=
          kind.Ended(Verdict::kRefused) + kind.Ended(Verdict::kBusy) + kind.Ended(Verdict::kLost);
    }
    bad += kind.Ended(Verdict::kBroken) + kind.Ended(Verdict::kAccepted);
    for (const uint64_t n : kind.ended) ended += n;
  }
  const auto per_second = [&](uint64_t n) {
    return steady_s > 0 ? static_cast<double>(n) / steady_s : 0;
  };
  const uint64_t all = ended + stats.not_started;
  return {{"headline", std::string(Name(headline))},
          {"steady_s", steady_s},
          {"due", stats.due},
          {"not_started", stats.not_started},
          {"operations_per_s", per_second(stats.good_within)},
          {"payments_per_s", per_second(stats.payments_within)},
          {"error_rate",
           all > 0 ? static_cast<double>(bad + stats.not_started) / static_cast<double>(all) : 0},
          {"mean_ms", latency.Mean() / 1000},
          {"p50_ms", Ms(latency.Percentile(50))},
          {"p90_ms", Ms(latency.Percentile(90))},
          {"p95_ms", Ms(latency.Percentile(95))},
          {"p99_ms", Ms(latency.Percentile(99))},
          {"p99.9_ms", Ms(latency.Percentile(99.9))},
          {"p99.99_ms", Ms(latency.Percentile(99.99))},
          {"max_ms", Ms(latency.max())}};
}

namespace {

Json Processes(const Findings& f) {
  Json list = Json::array();
  const double wall = f.to.at - f.from.at;
  if (f.from.at < 0 || wall <= 0) return list;
  for (const ProcessUse& after : f.to.processes) {
    for (const ProcessUse& before : f.from.processes) {
      if (before.pid != after.pid) continue;
      const double cpu = after.cpu_s - before.cpu_s;
      list.push_back({{"name", after.name},
                      {"pid", after.pid},
                      {"cpu_s", cpu},
                      {"cores", cpu / wall},
                      {"rss_mb", static_cast<double>(after.rss_bytes) / (1 << 20)}});
    }
  }
  return list;
}

Json Load(const Findings& f) {
  const Plan& plan = f.options.plan;
  Json load{{"loop", plan.open_loop ? "open" : "closed"}};
  if (plan.open_loop) {
    load["rate"] = plan.rate;
    load["arrivals"] = plan.even ? "even" : "poisson";
    load["max_outstanding"] = plan.max_outstanding;
  } else {
    load["concurrency"] = plan.concurrency;
  }
  load["mix"] = Print(plan.mix);
  load["warm_up_s"] = plan.phases.warm_up_s;
  load["ramp_s"] = plan.phases.ramp_s;
  load["steady_s"] = plan.phases.steady_s;
  load["participants"] = f.participants;
  load["algorithms"] = f.options.algorithms.empty() ? "all" : f.options.algorithms;
  load["threads"] = f.options.threads;
  load["sources"] = f.options.sources;
  load["batch_signatures"] = f.options.batch_signatures;
  load["verify_share"] = f.options.verify_share;
  load["amount"] = f.options.amount;
  load["stock"] = f.options.stock;
  load["seed"] = plan.seed;
  load["stopped"] = f.stopped;
  return load;
}

Json Knee(const Findings& f) {
  Json steps = Json::array();
  for (const KneeStep& step : f.knee) {
    steps.push_back({{"rate", step.rate},
                     {"achieved", step.achieved},
                     {"p50_ms", step.p50_ms},
                     {"p99_ms", step.p99_ms},
                     {"error_rate", step.error_rate},
                     {"held", step.held},
                     {"why", step.why}});
  }
  const KneeStep* knee = KneeOf(f.knee);
  const Json summary = SummaryOf(f.options.plan, f.stats, f.ended_at);
  KneeStep in_full{.rate = f.options.plan.rate,
                   .achieved = summary["operations_per_s"].get<double>(),
                   .p50_ms = summary["p50_ms"].get<double>(),
                   .p99_ms = summary["p99_ms"].get<double>(),
                   .error_rate = summary["error_rate"].get<double>(),
                   .why = {}};
  Judge(in_full, f.knee_limit_ms);
  return {{"rate", knee != nullptr ? knee->rate : 0},
          {"limit_ms", f.knee_limit_ms},
          {"held_in_full", in_full.held},
          {"steps", steps}};
}

Json Truth(const Findings& f) {
  const TruthReport& t = f.truth;
  return {{"checked", f.truth_checked ? f.bank : "not against a bank"},
          {"payments", t.payments},
          {"completed", t.completed},
          {"failed", t.failed},
          {"refused", t.refused},
          {"undecided", t.undecided},
          {"lost", t.lost},
          {"doubled", t.doubled},
          {"misreported", t.misreported},
          {"contradicted", t.contradicted},
          {"unconfirmed", t.unconfirmed},
          {"foreign", t.foreign},
          {"books",
           f.truth_checked ? (f.books_problem.empty() ? "right" : f.books_problem) : "not asked"},
          {"findings", t.findings}};
}

}  // namespace

Kind HeadlineOf(const Mix& mix) {
  for (const Kind kind : {Kind::kPurchase, Kind::kPayment}) {
    if (mix[static_cast<size_t>(kind)] > 0) return kind;
  }
  return static_cast<Kind>(std::ranges::max_element(mix) - mix.begin());
}

Json JsonOf(const Histogram& histogram) {
  Json curve = Json::array();
  for (const double percent : kCurve) {
    curve.push_back({percent, Ms(histogram.Percentile(percent))});
  }
  return {{"count", histogram.count()},
          {"mean", histogram.Mean() / 1000},
          {"p50", Ms(histogram.Percentile(50))},
          {"p90", Ms(histogram.Percentile(90))},
          {"p95", Ms(histogram.Percentile(95))},
          {"p99", Ms(histogram.Percentile(99))},
          {"p99.9", Ms(histogram.Percentile(99.9))},
          {"p99.99", Ms(histogram.Percentile(99.99))},
          {"max", Ms(histogram.max())},
          {"curve", histogram.count() > 0 ? curve : Json::array()}};
}

Json ToJson(const Findings& f) {
  Json kinds = Json::object(), steps = Json::object(), seconds = Json::array();
  for (size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    uint64_t any = f.stats.kinds[i].latency.count();
    for (const uint64_t n : f.stats.kinds[i].ended) any += n;
    if (any > 0) kinds[std::string(Name(kind))] = JsonOf(f.stats.kinds[i]);
  }
  for (size_t i = 0; i < kSteps; ++i) {
    if (f.stats.steps[i].count() == 0) continue;
    steps[std::string(Name(static_cast<Step>(i)))] = JsonOf(f.stats.steps[i]);
  }
  for (size_t i = 0; i < f.stats.seconds.size(); ++i) {
    seconds.push_back(JsonOf(f.stats.seconds[i], i, f.options.plan.phases));
  }
  const Machine machine = ThisMachine();
  const double wall = f.to.at - f.from.at, own = f.to.own_cpu_s - f.from.own_cpu_s;
  Json json{{"version", 1}, {"title", f.options.title}, {"started_at", f.started_at}};
  json["command"] = f.options.command_line;
  json["gateway"] = {{"url", f.options.target.url},
                     {"id", f.gateway_id},
                     {"signature", f.signature_algorithm},
                     {"encryption", f.encryption_algorithm}};
  for (const auto& [name, value] : f.options.target.facts) json["gateway"][name] = value;
  json["load"] = Load(f);
  json["machine"] = {{"cpu", machine.cpu},
                     {"cores", machine.cores},
                     {"memory_mb", machine.memory_bytes >> 20},
                     {"kernel", machine.kernel}};
  json["summary"] = SummaryOf(f.options.plan, f.stats, f.ended_at);
  json["kinds"] = kinds;
  json["steps"] = steps;
  json["refusals"] = JsonOf(f.stats.refusals);
  json["seconds"] = seconds;
  json["codes"] = f.stats.codes;
  json["hostile"] = f.stats.hostile;
  json["broken"] = f.stats.broken;
  json["requests"] = f.stats.requests;
  json["asked_again"] = f.stats.asked_again;
  json["signatures_verified"] = f.stats.verified;
  json["connections"] = f.stats.connections;
  json["tester"] = {{"cpu_s", own},
                    {"cores", wall > 0 ? own / wall : 0},
                    {"latest_tick_ms", Ms(f.stats.latest_tick_us)}};
  json["processes"] = Processes(f);
  if (auto where = WhereOf(f.from.engine, f.to.engine, f.stats, f.stats.payments_within)) {
    json["where"] = std::move(*where);
  }
  if (!f.knee.empty()) json["knee"] = Knee(f);
  json["truth"] = Truth(f);
  return json;
}

}  // namespace paygate::load
