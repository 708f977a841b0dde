// A whole gateway of a test's own: real token, real store, real bank, four kinds of process, HTTPS
// on a port of its own, in a directory that is gone afterwards. Made by tools/scratch-gateway.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/doubles/eventually.h"
#include "tests/doubles/shell.h"

namespace paygate::integration {

struct Customer {
  std::string name, iban, currency, enrolment_code;
  int64_t balance = 0;  // minor units
  bool enrolled = false;
};

class ScratchGateway {
 public:
  struct Options {
    std::vector<std::string> engine;   // further lines of [engine]
    std::vector<std::string> token;    // further lines of [token]
    std::vector<std::string> arguments;  // of tools/scratch-gateway
    std::string engine_program{};        // in place of engine_with_clock
    // Changes the made directory before anything starts: accounts, configuration.
    std::function<void(const std::string& directory)> prepare;
  };

  ScratchGateway() : ScratchGateway(Options()) {}
  explicit ScratchGateway(Options options);  // throws std::runtime_error: a test's set-up failed
  ~ScratchGateway();
  ScratchGateway(const ScratchGateway&) = delete;

  void Start();
  void Stop();                                   // SIGTERM; every process must end
  // SIGHUP to paygated; true when it says that the configuration was taken up, false when refused.
  bool Reload();
  void TurnClock(std::chrono::seconds by);       // the engine's, from the next look on
  pid_t PidOf(const std::string& program) const; // one of the gateway's processes; 0 if none
  std::vector<std::pair<pid_t, std::string>> Processes() const;  // all, with their programs' names
  void Kill(const std::string& program, int signal);

  const std::string& directory() const { return directory_; }
  const std::string& url() const { return url_; }
  std::string RootPem() const;
  std::string Log() const;  // everything that the processes printed

  std::vector<Customer> Customers() const;
  int64_t BalanceOf(const std::string& iban) const;
  int64_t TotalMoney() const;
  // paygatectl reconcile, with the exit code.
  doubles::ShellRan Reconcile(const std::string& arguments = "") const;
  // Every difference between the store and the bank's statement, as JSON; empty if there is none,
  // or the gateway was stopped. Waits for an engine or a bank that is just being restarted.
  std::string Differences() const;
  // paygate-embedded-bank check: conservation, no transfer applied twice.
  bool LedgerIsRight() const;

 private:
  std::string directory_, url_;
  pid_t paygated_ = 0;
  int output_ = -1;
};

// Runs a program and returns its standard output; throws if it fails.
std::string RunProgram(const std::vector<std::string>& command);
using doubles::Eventually;

}  // namespace paygate::integration
