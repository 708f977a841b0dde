// paygate-bank: the process that loads a bank adapter and serves it to the engine.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "bank/host/exit_codes.h"
#include "bank/host/host.h"
#include "bank/host/plugin.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret_bytes.h"

namespace paygate::bank::host {
namespace {

struct Arguments {
  std::string plugin;
  std::string config;
  std::string socket;
  std::vector<uid_t> allow_uids;
  size_t max_in_flight = 4096;
  unsigned answer_deadline_s = 120;
  unsigned drain_timeout_s = 30;
  std::string log_level = "info";
};

constexpr char kAbout[] =
    "Loads a bank adapter (a shared object with the interface of bank_adapter.h) and serves it to\n"
    "the engine over a Unix socket. The adapter and the bank's credentials live in this process\n"
    "alone; if the adapter crashes, only this process dies: it is started again, and the gateway\n"
    "asks the bank what became of every transfer that was in flight.\n"
    "Stop it with SIGTERM: it takes no new work, lets the adapter finish, and ends with 0.";
constexpr char kMore[] =
    "\nExit codes: 0 stopped as asked; 2 wrong usage; 3 the adapter or its configuration was\n"
    "refused (the sentence says why); 4 the socket cannot be made; 5 the adapter broke its "
    "memory;\n"
    "6 the adapter did not finish in time after SIGTERM.\n"
    "Example, a bank in a box:\n"
    "  paygate-bank --plugin /usr/lib/paygate/libpaygate_bank_embedded.so \\\n"
    "               --adapter-config /etc/paygate/bank.toml --socket /run/paygate/bank.sock\n";

void AddOptions(CLI::App& app, Arguments& a) {
  app.footer(kMore);
  app.add_option("--plugin", a.plugin, "absolute path of the adapter's shared object")->required();
  app.add_option("--adapter-config", a.config, "the adapter's own configuration file")->required();
  app.add_option("--socket", a.socket, "Unix socket to serve the engine on")->required();
  app.add_option("--allow-uid", a.allow_uids,
                 "user id that may connect (repeatable); without it only this process's own user");
  app.add_option("--max-in-flight", a.max_in_flight, "requests at the bank at once; beyond: busy")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--answer-deadline-s", a.answer_deadline_s,
                 "seconds after which an unanswered request counts as unknown")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_option("--drain-timeout-s", a.drain_timeout_s,
                 "seconds that the adapter has to finish after SIGTERM")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--log-level", a.log_level, "debug, info, warning or error")
      ->capture_default_str();
}

int Refuse(int code, const std::string& sentence) {
  std::fprintf(stderr, "paygate-bank: %s\n", sentence.c_str());
  return code;
}

// Waits for SIGTERM or SIGINT; both are blocked in every thread.
void WaitForStop(Host& host, const sigset_t& stop) {
  const timespec second{.tv_sec = 1, .tv_nsec = 0};
  while (sigtimedwait(&stop, nullptr, &second) < 0) host.Tick();
}

void NotDrained(int) { _exit(kExitNotDrained); }

int Run(const Arguments& a) {
  const base::SystemClock clock;
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // before the adapter makes threads
  signal(SIGPIPE, SIG_IGN);

  auto config = base::ReadFile(a.config, 1u << 20);
  if (!config) return Refuse(kExitRefused, config.error().message);
  auto plugin = Plugin::Load(a.plugin, clock);
  if (!plugin) return Refuse(kExitRefused, plugin.error().message);
  if (auto opened = (*plugin)->Open(*config); !opened)
    return Refuse(kExitRefused, "the adapter refuses its configuration (" + a.config +
                                    "): " + opened.error().message);
  const mode_t mode = a.allow_uids.empty() ? 0600 : 0666;  // SO_PEERCRED decides, not the mode
  auto listener = base::Listener::Open(a.socket, mode);
  if (!listener) return Refuse(kExitSocket, listener.error().message);

  HostOptions options{.allowed_uids = {a.allow_uids.begin(), a.allow_uids.end()},
                      .max_in_flight = a.max_in_flight,
                      .answer_deadline = std::chrono::seconds(a.answer_deadline_s)};
  if (options.allowed_uids.empty()) options.allowed_uids.insert(getuid());
  Host host(**plugin, **listener, options, clock);
  base::LogInfo("host.ready", {{"adapter", (*plugin)->name()}, {"socket", a.socket}});
  WaitForStop(host, stop);
  base::LogInfo("host.draining");
  signal(SIGALRM, NotDrained);
  alarm(a.drain_timeout_s);
  host.Stop();
  plugin->reset();  // close: the ledger, the bank's connection
  base::LogInfo("host.stopped");
  return kExitOk;
}

}  // namespace
}  // namespace paygate::bank::host

int main(int argc, char** argv) {
  using namespace paygate;
  bank::host::Arguments arguments;
  CLI::App app{bank::host::kAbout, "paygate-bank"};
  bank::host::AddOptions(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : bank::host::kExitUsage;
  }
  auto level = base::ParseLogLevel(arguments.log_level);
  if (!level) return bank::host::Refuse(bank::host::kExitUsage, level.error().message);
  base::MakeProcessUndumpable();
  base::InitLog("bank", *level);
  return bank::host::Run(arguments);
}
