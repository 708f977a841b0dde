// `paygate-load run`: one load, its end, the truth about it, and what is printed.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/ipc.h"
#include "gateway/control_frames.h"
#include "tools/load/market.h"
#include "tools/load/progress.h"
#include "tools/load/report.h"
#include "tools/load/result.h"
#include "tools/load/thresholds.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr int kRefinements = 4;  // the knee is then known to a sixteenth of the gap

std::atomic<bool> stopped = false;

std::string Now() {
  const std::time_t now = base::ToNumericDate(base::SystemClock().Now());
  std::tm parts{};
  char text[32];
  gmtime_r(&now, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// The engine's status, as paygatectl shows it; empty if it cannot be asked.
std::string AskEngine(const std::string& socket) {
  if (socket.empty()) return {};
  auto channel = base::Channel::Connect(socket);
  if (!channel) return {};
  if (!(*channel)->Send(Encode(gateway::ControlRequest{.command = "status", .arguments = {}})))
    return {};
  const auto frame = (*channel)->Receive();
  const auto reply = frame ? gateway::DecodeControlReply(*frame)
                           : base::Result<gateway::ControlReply>(std::unexpected(frame.error()));
  return reply && reply->ok() ? reply->json : std::string();
}

class Run {
 public:
  Run(const RunOptions& options, Progress& progress) : options_(options), progress_(progress) {}

  base::Result<Findings> All() {
    RETURN_IF_ERROR(Resolve(options_.target));
    bank_ = BankOf(options_.target);
    if (!bank_ && !options_.target.no_bank_check) {
      return Fail(ErrorCode::kInvalidArgument,
                  "what the bank did cannot be compared with what was told: give --bank-config "
                  "(embedded bank), --bank-admin (paygate-banksim), or --no-bank-check");
    }
    ASSIGN_OR_RETURN(market_, Market::Open(options_, &stopped));
    FindProcesses();
    if (bank_) {
      ASSIGN_OR_RETURN(before_, bank_->Read());
    }
    RETURN_IF_ERROR(market_->Begin());
    Findings found{.started_at = Now()};
    if (options_.find_knee) RETURN_IF_ERROR(Search(found));
    found.options = options_;
    found.ended_at =
        market_->Load(options_.plan, options_.settle_s, [&](double at) { OnTick(at, found); });
    if (found.to.at < 0) found.to = Take(found.ended_at);
    found.stopped = stopped;
    progress_.Say("load over; asking for the ends of all payments");
    found.settled = market_->Settle(options_.settle_s);
    RETURN_IF_ERROR(FindTruth(found));
    found.stats = market_->Merged();
    found.gateway_id = market_->gateway().id;
    found.signature_algorithm = market_->gateway().signature_algorithm;
    found.encryption_algorithm = market_->gateway().encryption_algorithm;
    found.participants = market_->participants();
    return found;
  }

 private:
  // Ends with the plan of the rate that was found.
  base::Status Search(Findings& found) {
    Plan plan = options_.plan;
    const double first = plan.rate;
    plan.open_loop = false;
    plan.concurrency = 1;
    plan.phases = {.warm_up_s = 0.5, .ramp_s = 0, .steady_s = std::min(3.0, options_.step_s)};
    const KneeStep idle = Try(plan);
    if (idle.achieved <= 0) return Fail(ErrorCode::kTimeout, "nothing was done by one participant");
    found.knee_limit_ms = options_.knee_p99_ms > 0 ? options_.knee_p99_ms : 10 * idle.p50_ms;
    plan.open_loop = true;
    plan.phases = {.warm_up_s = 0.2, .ramp_s = 0.8, .steady_s = options_.step_s};
    found.knee = FindKnee(
        first > 0 ? first : idle.achieved, kRefinements, [] { return !stopped; },
        [&](double rate) {
          plan.rate = rate;
          KneeStep step = Try(plan);
          Judge(step, found.knee_limit_ms);
          char line[200];
          std::snprintf(line, sizeof line, "%7.1f/s: %7.1f done, p50 %.1f, p99 %.1f ms  %s", rate,
                        step.achieved, step.p50_ms, step.p99_ms,
                        step.held ? "held" : step.why.c_str());
          progress_.Say(line);
          return step;
        });
    const KneeStep* knee = KneeOf(found.knee);
    if (knee == nullptr) {
      return Fail(ErrorCode::kTimeout,
                  "not even the first rate was held: begin with a lower --rate");
    }
    options_.plan.open_loop = true;
    options_.plan.rate = knee->rate;
    return {};
  }

  KneeStep Try(const Plan& plan) {
    market_->ForgetStats();
    const double ended = market_->Load(plan, options_.settle_s, [](double) {});
    const Json summary = SummaryOf(plan, market_->Merged(), ended);
    market_->ForgetStats();
    (void)market_->TakeRecent();
    return {.rate = plan.rate,
            .achieved = summary["operations_per_s"],
            .p50_ms = summary["p50_ms"],
            .p99_ms = summary["p99_ms"],
            .error_rate = summary["error_rate"],
            .why = {}};
  }

  void FindProcesses() {
    pids_ = options_.target.pids;
    if (options_.target.control_socket.empty()) return;
    auto behind = PidsBehind(options_.target.control_socket);
    if (behind) pids_.insert(pids_.end(), behind->begin(), behind->end());
  }

  Sample Take(double at) const {
    return {.at = at,
            .own_cpu_s = OwnCpuSeconds(),
            .processes = UseOf(pids_),
            .engine = AskEngine(options_.target.control_socket)};
  }

  void OnTick(double at, Findings& found) {
    const Phases& phases = options_.plan.phases;
    if (at >= phases.steady_from() && found.from.at < 0) found.from = Take(at);
    if ((at >= phases.end() || stopped) && found.to.at < 0 && found.from.at >= 0) {
      found.to = Take(at);
    }
    if (at - shown_at_ < 1) return;
    shown_at_ = at;
    const char* phase = at < phases.warm_up_s       ? "warm-up"
                        : at < phases.steady_from() ? "ramp"
                        : at < phases.end()         ? "steady"
                                                    : "ending";
    progress_.Show(phase, at, phases.end(), market_->TakeRecent());
  }

  base::Status FindTruth(Findings& found) {
    BankBook after;
    if (bank_) {
      ASSIGN_OR_RETURN(after, bank_->Read());
      found.bank = bank_->Name();
      if (const auto books = bank_->Check(); !books) found.books_problem = books.error().message;
    }
    found.truth_checked = bank_ != nullptr;
    found.truth = Compare(market_->Ledgers(), bank_.get(), before_, after, found.settled);
    return {};
  }

  RunOptions options_;
  Progress& progress_;
  std::unique_ptr<Bank> bank_;
  std::unique_ptr<Market> market_;
  std::vector<pid_t> pids_;
  BankBook before_;
  double shown_at_ = 0;
};

base::Status Write(const std::string& file, const std::string& text) {
  if (file == "-") {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size()
               ? base::Status()
               : Fail(ErrorCode::kIo, "standard output is closed");
  }
  return base::ReplaceFile(file, text, 0644);
}

// A title or an argument need not be UTF-8.
std::string Text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void PrintWords(const Json& json) {
  const Json& s = json["summary"];
  const auto number = [&](const char* name) { return s[name].get<double>(); };
  std::fprintf(stderr,
               "%.1f payments/s, %.1f operations/s over %.1f s; %s: p50 %.1f, p95 %.1f, p99 %.1f, "
               "p99.99 %.1f, max %.1f ms\n",
               number("payments_per_s"), number("operations_per_s"), number("steady_s"),
               s["headline"].get<std::string>().c_str(), number("p50_ms"), number("p95_ms"),
               number("p99_ms"), number("p99.99_ms"), number("max_ms"));
  const Json& truth = json["truth"];
  std::fprintf(stderr, "%llu payments told completed; checked: %s\n",
               static_cast<unsigned long long>(truth["completed"].get<uint64_t>()),
               truth["checked"].get<std::string>().c_str());
  for (const auto& [code, n] : json["codes"].items()) {
    std::fprintf(stderr, "  %s × %llu\n", code.c_str(),
                 static_cast<unsigned long long>(n.get<uint64_t>()));
  }
  for (const auto& reason : json["verdict"]["reasons"]) {
    std::fprintf(stderr, "FAILED: %s\n", reason.get<std::string>().c_str());
  }
}

// Whatever the thresholds are: what no run may show.
std::vector<std::string> Untruths(const Findings& found) {
  std::vector<std::string> reasons;
  for (const auto& [what, n] : found.stats.broken) {
    reasons.push_back(what + " (" + std::to_string(n) + " times)");
  }
  if (!found.settled) reasons.emplace_back("not every payment's end was told in time");
  if (!found.books_problem.empty()) reasons.push_back(found.books_problem);
  if (!found.truth.good()) {
    reasons.push_back(std::to_string(found.truth.findings.size()) +
                      " findings about payments, the first: " + found.truth.findings.front());
  }
  return reasons;
}

}  // namespace

int RunLoad(const RunOptions& options) {
  std::vector<Threshold> thresholds;
  for (const std::string& text : options.fail_if) {
    auto threshold = ParseThreshold(text);
    if (!threshold) {
      std::fprintf(stderr, "paygate-load: %s\n", threshold.error().message.c_str());
      return kUsage;
    }
    thresholds.push_back(std::move(*threshold));
  }
  std::signal(SIGINT, [](int) { stopped = true; });
  std::signal(SIGTERM, [](int) { stopped = true; });
  Progress progress(false);
  auto found = Run(options, progress).All();
  if (!found) {
    progress.Say("paygate-load: " + found.error().message);
    return found.error().code == ErrorCode::kInvalidArgument ? kUsage : kTrouble;
  }
  Json json = ToJson(*found);
  auto reasons = Untruths(*found);
  const bool untrue = !reasons.empty();
  for (const Threshold& threshold : thresholds) {
    const auto failure =
        FailureOf(threshold, found->stats, json["summary"], HeadlineOf(options.plan.mix));
    if (failure) reasons.push_back(*failure);
  }
  json["verdict"] = {{"good", reasons.empty()}, {"reasons", reasons}};
  PrintWords(json);
  if (!options.report_file.empty()) {
    const auto page = HtmlReport(json);
    const auto written =
        page ? Write(options.report_file, *page) : base::Status(std::unexpected(page.error()));
    if (!written) {
      progress.Say("paygate-load: " + written.error().message);
      return kTrouble;
    }
  }
  if (!options.json_file.empty()) {
    if (const auto written = Write(options.json_file, Text(json)); !written) {
      progress.Say("paygate-load: " + written.error().message);
      return kTrouble;
    }
  }
  if (untrue) return kUntrue;
  return reasons.empty() ? kGood : kThresholds;
}

}  // namespace paygate::load
