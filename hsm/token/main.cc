// paygate-token: the process that holds the PKCS#11 module, the PIN and the sessions, and does for
// the engine what each key was made for, over a Unix socket.

#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "base/log.h"
#include "base/secret_bytes.h"
#include "hsm/token/server.h"

namespace paygate::hsm::token {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitConfiguration = 3;
constexpr int kExitTokenUnreachable = 4;

struct Arguments {
  pkcs11::TokenLocation location;
  ServerOptions server;
  std::vector<std::string> keys;
  std::chrono::milliseconds deadline{2000};
  std::string log_level = "info";
  bool check = false;
};

void Describe(CLI::App& app, Arguments& arguments) {
  app.option_defaults()->always_capture_default();
  app.add_option("--module", arguments.location.module_path,
                 "PKCS#11 module, for example /usr/lib/softhsm/libsofthsm2.so")
      ->required();
  app.add_option("--token-uri", arguments.location.token_uri,
                 "which token, as RFC 7512 names it: pkcs11:token=LABEL (or serial=). Slot numbers "
                 "and PINs are refused: slots are renumbered, and arguments are seen by everyone")
      ->required();
  app.add_option("--pin-file", arguments.location.pin_file,
                 "file with the user PIN, readable by its owner only. A PIN that the token refuses "
                 "is tried once, and not again before the file is written to")
      ->required();
  app.add_option("--pin-record", arguments.location.pin_record,
                 "file, which this user may write, that remembers a refused PIN; all processes of "
                 "a token share it. Default: the PIN file's name and .refused");
  app.add_option("--socket", arguments.server.socket, "Unix socket to serve on")->required();
  app.add_option("--key", arguments.keys,
                 "LABEL:USAGE, once for each key. USAGE is decrypt, or what the key may sign, "
                 "separated by commas: jws, certificate, crl, ocsp, checkpoint. For example "
                 "--key gateway-signature:jws,checkpoint --key issuing-ca:certificate,crl "
                 "--key gateway-encryption:decrypt")
      ->required();
  app.add_option("--backed-up-key", arguments.location.backed_up_keys,
                 "LABEL of a key that has a backup, or was restored from one: for it alone it is "
                 "no fault to have been extractable once");
  app.add_option("--sessions", arguments.server.workers,
                 "sessions with the token, and as many threads (SoftHSM: one, whatever is said "
                 "here; it fails in parallel, so run more processes)")
      ->check(CLI::Range(1, 256));
  app.add_option_function<int64_t>(
         "--deadline-ms",
         [&arguments](int64_t ms) { arguments.deadline = std::chrono::milliseconds(ms); },
         "for the module at start, to log in and to prove each key, and whenever the keys are "
         "proved again; a module that takes longer hangs, and the process ends. Default: 2000")
      ->check(CLI::Range(50, 60'000));
  app.add_option("--allow-uid", arguments.server.allowed_uids,
                 "further user that may connect, by number; this process' own always may");
  app.add_flag(
      "--check", arguments.check,
      "only say whether every key can be used, and end: what paygated does before it takes "
      "up new keys");
  app.add_option("--log-level", arguments.log_level, "debug, info, warning, error or alarm");
  app.footer(
      "At start every key is checked (private, sensitive, never extractable, generated in the\n"
      "token, one usage, one key of its label) and proved by use; then again every ten seconds.\n"
      "While one fails, all is refused without asking the token. Exit codes: 0 asked to stop\n"
      "or, with --check, every key is good,\n"
      "2 wrong arguments, 3 configuration or a key to be mended, 4 token not reachable,\n"
      "5 the module hung.");
}

int Complain(const base::Error& error) {
  std::cerr << "paygate-token: " << error.message << "\n";
  return error.code == base::ErrorCode::kTokenUnavailable ? kExitTokenUnreachable
                                                          : kExitConfiguration;
}

// SIGTERM and SIGINT are taken by one thread, so that stopping is ordinary code.
class SignalThread {
 public:
  explicit SignalThread(Server& server)
      : thread_([&server] {
          sigset_t signals = StopSignals();
          int signal = 0;
          sigwait(&signals, &signal);
          server.Stop();
        }) {}
  ~SignalThread() {
    pthread_kill(thread_.native_handle(), SIGTERM);  // blocked: ends the wait, nothing else
    thread_.join();
  }
  static sigset_t StopSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
  }

 private:
  std::thread thread_;
};

base::Result<std::unique_ptr<pkcs11::Token>> OpenToken(const Arguments& arguments) {
  ModuleDeadline within(arguments.deadline);
  return pkcs11::Token::Open(arguments.location, arguments.server.workers);
}

int Serve(Arguments& arguments) {
  sigset_t signals = SignalThread::StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto level = base::ParseLogLevel(arguments.log_level);
  if (!level) return Complain(level.error());
  base::InitLog("paygate-token", *level);

  std::vector<KeyGrant> grants;
  for (const std::string& text : arguments.keys) {
    auto grant = KeyGrant::Parse(text);
    if (!grant) return Complain(grant.error());
    grants.push_back(std::move(*grant));
  }
  auto token = OpenToken(arguments);
  if (!token) return Complain(token.error());
  arguments.server.workers = (*token)->sessions();  // more would only wait for each other
  Health health(**token, arguments.deadline);
  auto keyring = Keyring::Open(**token, grants, health, arguments.deadline);
  if (!keyring) return Complain(keyring.error());
  if (arguments.check) return 0;
  auto server = Server::Open(**keyring, arguments.server);
  if (!server) return Complain(server.error());
  std::vector<std::string> labels;
  for (const KeyGrant& grant : grants) labels.push_back(grant.label);
  health.Watch(std::move(labels), [&server](bool serving) {
    if (!serving) (*server)->HangUp();
  });
  SignalThread signal_thread(**server);
  base::LogInfo("serving", {{"socket", arguments.server.socket},
                            {"keys", grants.size()},
                            {"sessions", arguments.server.workers}});
  (*server)->Run();
  health.Stop();  // before the server that it would tell
  base::LogInfo("stopped");
  return 0;
}

}  // namespace
}  // namespace paygate::hsm::token

int main(int argc, char** argv) {
  paygate::base::MakeProcessUndumpable();
  CLI::App app("Keeps the gateway's private keys in a PKCS#11 token and serves the engine with "
               "them, one typed request at a time.");
  paygate::hsm::token::Arguments arguments;
  paygate::hsm::token::Describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : paygate::hsm::token::kExitUsage;
  }
  return paygate::hsm::token::Serve(arguments);
}
