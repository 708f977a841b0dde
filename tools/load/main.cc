// paygate-load: many participants at once, against a gateway that runs. docs/load.md.
#include <CLI/CLI.hpp>
#include <csignal>

#include "base/log.h"
#include "tools/load/options.h"

namespace {

using namespace paygate::load;  // NOLINT: a program's own names

constexpr char kIntroduction[] =
    "Makes real payments of many participants through a running gateway, measures them, and\n"
    "checks at the end that the bank did what everybody was told.";

constexpr char kFooter[] = R"(
Examples, for a gateway of tools/scratch-gateway DIR that runs on this machine. Once:
  paygate-embedded-bank --config DIR/bank/bank.toml accounts --json > customers.json
  paygate-load prepare --config DIR/gateway.toml --dir people --customers customers.json \
      --participants 50
Eight at work at once, as fast as they are answered; then a hundred a second, whatever happens:
  paygate-load run --config DIR/gateway.toml --dir people --concurrency 8 --report a.html
  paygate-load run --config DIR/gateway.toml --dir people --rate 100 --json b.json
With mailboxes and attacks among the payments; how much it holds; for a script; two runs:
  paygate-load run … --rate 50 --mix purchase=8,mailbox=1,hostile=1
  paygate-load run … --find-knee --report knee.html
  paygate-load run … --rate 100 --fail-if 'p99>50ms' --fail-if 'error_rate>0'
  paygate-load compare b.json c.json --report both.html

The durability of wallets is not part of it: participants keep everything in memory while it runs.
Exit codes: 0 good, 1 a threshold of --fail-if was passed, 2 usage, 3 a payment was lost, doubled
or misreported, or an answer did not hold, 4 could not be run.)";

void AddTarget(CLI::App& app, Target& t) {
  app.add_option("--gateway", t.url, "URL of the gateway, as https://127.0.0.1:8443");
  app.add_option("--root", t.root_file, "The operator's root certificate, PEM");
  app.add_option("--config", t.config_file,
                 "gateway.toml, if the gateway runs here: says --gateway, --root, --control and, "
                 "with the embedded bank, --bank-config");
}

void AddBank(CLI::App& app, Target& t) {
  app.add_option("--bank-config", t.bank_config, "The embedded bank's configuration: its books");
  app.add_option("--bank-admin", t.bank_admin, "URL of paygate-banksim's admin");
  app.add_flag("--no-bank-check", t.no_bank_check,
               "Do not compare with the bank; what was told is still compared");
  app.add_option("--control", t.control_socket, "The engine's control.sock, for its own figures");
  app.add_option("--pids", t.pids, "Processes whose CPU is counted besides")->delimiter(',');
}

void AddPrepare(CLI::App& app, PrepareOptions& o) {
  AddTarget(app, o.target);
  app.add_option("--dir", o.directory, "Where they are kept; made if it is missing")->required();
  app.add_option(
      "--customers", o.customers_file,
      "Their accounts and enrolment codes: CSV, or JSON as paygate-embedded-bank prints");
  app.add_option("--participants", o.participants, "So many registered, in all")
      ->required()
      ->check(CLI::Range(0, 10'000'000));
  app.add_option("--spare", o.spare, "So many more with keys alone, for run's registrations");
  app.add_option("--algorithms", o.algorithms, "Shares of ES256, EdDSA, PS256; as ES256=2,PS256=1")
      ->capture_default_str();
  app.add_option("--concurrency", o.concurrency, "Registrations at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

void AddLoop(CLI::App& app, RunOptions& o) {
  auto* closed = app.add_option("--concurrency", o.plan.concurrency,
                                "Closed loop: so many at work at once, each waits for its answer")
                     ->check(CLI::Range(1, 100000))
                     ->capture_default_str();
  app.add_option("--rate", o.plan.rate,
                 "Open loop: so many operations a second, whatever became of those before")
      ->check(CLI::Range(0.01, 1e6))
      ->excludes(closed);
  app.add_flag("--even", o.plan.even, "Open loop: at equal distances instead of at random");
  app.add_option("--max-outstanding", o.plan.max_outstanding,
                 "Open loop: so many under way at most; beyond, one counts as not started")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--warm-up", o.plan.phases.warm_up_s, "Seconds at a tenth of the load")
      ->check(CLI::Range(0.0, 1e5))
      ->capture_default_str();
  app.add_option("--ramp", o.plan.phases.ramp_s, "Seconds in which the load rises")
      ->check(CLI::Range(0.0, 1e5))
      ->capture_default_str();
  app.add_option("--steady", o.plan.phases.steady_s, "Seconds that are measured")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
}

void AddPeople(CLI::App& app, RunOptions& o, std::string& mix) {
  app.add_option("--dir", o.directory, "The participants, as prepare made them")->required();
  app.add_option("--mix", mix,
                 "Shares of purchase (a sale and its payment), sale, payment, mailbox, "
                 "registration, hostile; as purchase=9,hostile=1");
  app.add_option("--stock", o.stock, "Sales made before, for a mix with more payments than sales");
  app.add_option("--algorithms", o.algorithms,
                 "Only participants with these: ES256, EdDSA, PS256, with commas");
  app.add_flag("--batch-signatures", o.batch_signatures,
               "Participants ask for signatures of many messages at once, where they are offered");
  app.add_option("--amount", o.amount, "Price of each sale")->capture_default_str();
  app.add_option("--seed", o.plan.seed, "Of all that is drawn by chance")->capture_default_str();
}

void AddTester(CLI::App& app, RunOptions& o) {
  app.add_option("--verify-share", o.verify_share, "Share of the gateway's signatures verified")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--settle", o.settle_s, "Seconds to wait for the ends of all payments")
      ->check(CLI::Range(1.0, 1e5))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "Event loops")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--sources", o.sources,
                 "On loopback: come from so many addresses, as from so many machines")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  app.add_option("--connections", o.connections,
                 "So many opened before the run; others when they are needed")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  app.add_option("--ahead", o.ahead,
                 "So many content keys made before the run, which spares the tester work while it "
                 "measures; a purchase uses four")
      ->check(CLI::Range(0, 10'000'000))
      ->capture_default_str();
}

void AddOutcome(CLI::App& app, RunOptions& o) {
  app.add_flag("--find-knee", o.find_knee,
               "Search the highest rate that is held, from --rate on, and measure it");
  app.add_option("--step", o.step_s, "With --find-knee: seconds of each rate")
      ->check(CLI::Range(0.5, 3600.0))
      ->capture_default_str();
  app.add_option("--knee-latency", o.knee_p99_ms,
                 "With --find-knee: ms within which 99 % must be; ten times the idle median if 0")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--fail-if", o.fail_if,
                 "End with 1 if so: 'p99>50ms', 'sale.p95>30ms', 'error_rate>1%', "
                 "'throughput<500', 'payments<200', 'not_started>0'; may be given again");
  app.add_option("--title", o.title, "What this run is called in the report");
  app.add_option("--report", o.report_file, "A page to look at, HTML, complete in itself");
  app.add_option("--json", o.json_file, "All figures as JSON into this file; - is standard output");
}

void AddRun(CLI::App& app, RunOptions& o, std::string& mix) {
  AddTarget(app, o.target);
  AddBank(app, o.target);
  AddPeople(app, o, mix);
  AddLoop(app, o);
  AddTester(app, o);
  AddOutcome(app, o);
}

}  // namespace

int main(int argc, char** argv) {
  paygate::base::InitLog("paygate-load", paygate::base::LogLevel::kWarning);
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{kIntroduction, "paygate-load"};
  app.footer(kFooter);
  app.require_subcommand(1);
  PrepareOptions prepare;
  RunOptions run;
  std::string mix = "purchase=1";
  CLI::App* p = app.add_subcommand("prepare", "Make participants' keys and have them certified");
  AddPrepare(*p, prepare);
  CLI::App* r = app.add_subcommand("run", "Load the gateway, measure, and check every payment");
  AddRun(*r, run, mix);
  std::string a, b, report;
  CLI::App* c = app.add_subcommand("compare", "Two results that --json wrote, side by side");
  c->add_option("A", a, "The one")->required()->check(CLI::ExistingFile);
  c->add_option("B", b, "The other")->required()->check(CLI::ExistingFile);
  c->add_option("--report", report, "A page to look at, HTML");
  CLI::App* show = app.add_subcommand("report", "The page of a result that --json wrote");
  show->add_option("RESULT", a, "The result")->required()->check(CLI::ExistingFile);
  show->add_option("--report", report, "The page, HTML")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kGood : kUsage;
  }
  for (int i = 0; i < argc; ++i) run.command_line += (i > 0 ? " " : "") + std::string(argv[i]);
  if (*p) return RunPrepare(prepare);
  if (*c) return RunCompare(a, b, report);
  if (*show) return RunReport(a, report);
  run.plan.open_loop = run.plan.rate > 0;
  const auto parsed = ParseMix(mix);
  if (!parsed) {
    std::fprintf(stderr, "paygate-load: %s\n", parsed.error().message.c_str());
    return kUsage;
  }
  run.plan.mix = *parsed;
  return RunLoad(run);
}
