// paygate-adapter-check: does a bank adapter keep the rules of bank_adapter.h?
//
// Each check runs in a forked process, which loads the adapter afresh: a crash or a hang is one
// check's fault, and the next goes on. The child writes its sentence to a pipe. If it found nothing
// it ends by exit(), so that what the adapter does then, and a LeakSanitizer, have their say.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/log.h"
#include "base/money.h"
#include "tools/adapter-check/checks.h"

namespace paygate::adaptercheck {
namespace {

using nlohmann::json;

constexpr char kAbout[] =
    "Does a bank adapter keep the rules of bank_adapter.h? Loads it as the gateway's bank host\n"
    "does and tries it: every completion exactly once and never from inside the call, also under\n"
    "load and while draining; a submit repeated, a status of what was never sent, a deadline that\n"
    "is over; malformed configuration and input; what is final stays final; nothing leaks. Each\n"
    "check runs in a process of its own, so that a crash or a hang is found and named too.\n"
    "IT MOVES MONEY, about 300 times --amount: give it accounts of the bank's test system.";
constexpr char kMore[] =
    "\nExit codes: 0 every rule is kept; 1 a fault was found; 2 wrong usage; 3 the configuration\n"
    "cannot be read.\n"
    "Example, with the embedded bank:\n"
    "  paygate-adapter-check $PWD/libpaygate_bank_embedded.so bank.toml \\\n"
    "    --debtor GB33BUKB20201555555555 --creditor GB94BARC10201530093459\n"
    "docs/adapters.md is the tutorial, and says what each fault does to a gateway.\n";

constexpr int kWaitsInACheck = 6;  // of --limit-s: what a check may wait for before it hangs

struct Finding {
  std::string result, sentence;  // "kept", "fault" or "skipped"
  std::string adapter;           // its name; with "kept"
  uint32_t capabilities = 0;
};

// Never in the parent: whatever the adapter's code does when it is loaded, the next check must not
// inherit it.
std::string Kept(const Terms& terms) {
  const base::SystemClock clock;
  auto plugin = bank::host::Plugin::Load(terms.plugin, clock);
  if (!plugin) return "fault " + plugin.error().message;
  return "kept " + std::to_string((*plugin)->table().capabilities) + " " + (*plugin)->name();
}

[[noreturn]] void RunChild(const Check& check, const Terms& terms, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  const auto status = check.run(terms);
  const std::string sentence = status ? Kept(terms) : "fault " + status.error().message;
  // The pipe stays open: its end is the child's, and so a hang at exit is seen too.
  if (write(report, sentence.data(), sentence.size()) < 0) _exit(1);
  if (!status) _exit(0);  // threads of the adapter may still be at what was found
  std::exit(0);
}

Finding Fault(std::string sentence) { return {"fault", std::move(sentence)}; }

Finding Judge(const std::string& said, int status, bool hung, const Terms& terms) {
  const auto seconds = std::to_string(terms.limit.count() * kWaitsInACheck);
  if (said.starts_with("fault ")) return Fault(said.substr(6));
  if (hung)
    return Fault("hangs: the check has no end within " + seconds + " s" +
                 (said.empty() ? "" : ", after it was closed"));
  if (WIFSIGNALED(status))
    return Fault(std::string("crashes: ") + strsignal(WTERMSIG(status)) +
                 (said.empty() ? "" : ", after it was closed"));
  if (!said.starts_with("kept ")) return Fault("ends the process that loaded it");
  if (WEXITSTATUS(status) != 0)
    return Fault("ends with " + std::to_string(WEXITSTATUS(status)) +
                 " after it was closed; a sanitizer says above why");
  std::istringstream words(said.substr(5));
  Finding kept{.result = "kept"};
  words >> kept.capabilities >> std::ws;
  std::getline(words, kept.adapter);
  return kept;
}

Finding RunCheck(const Check& check, const Terms& terms) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Fault("no pipe");
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) RunChild(check, terms, ends[1]);
  close(ends[1]);
  if (pid < 0) return Fault("no process");
  std::string said;
  bool hung = false;
  const base::SystemClock clock;
  const auto until = clock.Monotonic() + terms.limit * kWaitsInACheck;
  for (char chunk[4096];;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock.Monotonic()).count();
    pollfd readable{.fd = ends[0], .events = POLLIN, .revents = 0};
    if ((hung = left <= 0 || poll(&readable, 1, static_cast<int>(left)) == 0)) break;
    const ssize_t n = read(ends[0], chunk, sizeof chunk);
    if (n <= 0) break;
    said.append(chunk, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  if (hung) kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return Judge(said, status, hung, terms);
}

struct Arguments {
  std::string plugin, config, amount = "0.01", only;
  unsigned limit_s = 30, watch_ms = 500, load = 200;
  bool as_json = false;
  Terms terms;
};

void AddOptions(CLI::App& app, Arguments& a) {
  app.footer(kMore);
  app.add_option("PLUGIN", a.plugin, "the adapter's shared object")->required();
  app.add_option("CONFIG", a.config, "the adapter's configuration file")->required();
  app.add_option("--debtor", a.terms.debtor, "account that pays")->required();
  app.add_option("--creditor", a.terms.creditor, "account that is paid")->required();
  app.add_option("--currency", a.terms.currency, "of both accounts")->capture_default_str();
  app.add_option("--amount", a.amount, "of each transfer")->capture_default_str();
  app.add_option("--enrolment-code", a.terms.enrolment_code,
                 "of the debtor, never used; without it enrolment is not checked");
  app.add_option("--only", a.only, "run one check, by its name");
  app.add_option("--load", a.load, "transfers of the check 'load'")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--limit-s", a.limit_s, "seconds for one completion, and for one transfer's end")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--watch-ms", a.watch_ms, "how long to look out for a completion too many")
      ->check(CLI::Range(1, 60000))
      ->capture_default_str();
  app.add_flag("--json", a.as_json, "one JSON object instead of lines");
}

int Refuse(int code, const std::string& sentence) {
  std::fprintf(stderr, "paygate-adapter-check: %s\n", sentence.c_str());
  return code;
}

json RunAll(const Arguments& a) {
  json checks = json::array();
  bool ok = true;
  const Finding version = RunCheck(AllChecks().front(), a.terms);
  for (const Check& check : AllChecks()) {
    if (!a.only.empty() && a.only != check.name) continue;
    Finding finding;
    if (check.run == CheckVersion) {
      finding = version;
    } else if (version.result != "kept") {
      finding = {"skipped", "it cannot be loaded: see 'version'"};
    } else if (check.capability != 0 && !(version.capabilities & check.capability)) {
      finding = {"skipped", "the adapter does not declare the capability"};
    } else if (check.needs && a.terms.enrolment_code.empty()) {
      finding = {"skipped", std::string(check.needs) + " was not given"};
    } else {
      finding = RunCheck(check, a.terms);
    }
    ok = ok && finding.result != "fault";
    if (!a.as_json)
      std::printf("%-8s %-14s %s\n", finding.result.c_str(), check.name,
                  finding.sentence.empty() ? check.about : finding.sentence.c_str());
    checks.push_back(
        {{"name", check.name}, {"result", finding.result}, {"sentence", finding.sentence}});
  }
  return {{"adapter", version.adapter}, {"ok", ok}, {"checks", checks}};
}

int Run(Arguments a) {
  auto config = base::ReadFile(a.config, 1u << 20);
  if (!config) return Refuse(3, config.error().message);
  const auto amount = base::Money::Parse(a.amount, a.terms.currency);
  if (!amount) return Refuse(2, "--amount: " + amount.error().message);
  a.terms.plugin = std::filesystem::absolute(a.plugin);
  a.terms.config = *config;
  a.terms.amount = amount->minor_units();
  a.terms.fraction_digits = static_cast<uint32_t>(amount->currency().fraction_digits());
  a.terms.limit = std::chrono::seconds(a.limit_s);
  a.terms.watch = std::chrono::milliseconds(a.watch_ms);
  a.terms.load = static_cast<int>(a.load);
  const json report = RunAll(a);
  if (report["checks"].empty()) return Refuse(2, "--only: there is no check '" + a.only + "'");
  if (a.as_json) std::puts(report.dump(2).c_str());
  return report["ok"] == true ? 0 : 1;
}

}  // namespace
}  // namespace paygate::adaptercheck

int main(int argc, char** argv) {
  using namespace paygate;
  adaptercheck::Arguments arguments;
  CLI::App app{adaptercheck::kAbout, "paygate-adapter-check"};
  adaptercheck::AddOptions(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  base::InitLog("adapter-check", base::LogLevel::kError);
  return adaptercheck::Run(std::move(arguments));
}
