// What the command line says, and what follows from it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/load/driver.h"
#include "tools/load/truth.h"

namespace paygate::load {

// Which gateway, and what of it can be looked at from here.
struct Target {
  std::string url, root_file;
  std::string config_file;     // gateway.toml: says the rest, if the gateway is on this machine
  std::string control_socket;  // for the engine's own figures
  std::string bank_config;     // of the embedded bank
  std::string bank_admin;      // of paygate-banksim
  bool no_bank_check = false;
  std::vector<pid_t> pids;  // whose CPU is counted besides
  // Filled by Resolve.
  std::string root_pem, bank_tool;
  std::vector<std::pair<std::string, std::string>> facts;  // of config_file, for the report
};
// Reads what config_file and root_file say. kInvalidArgument: something that is needed is missing.
base::Status Resolve(Target& target);
std::unique_ptr<Bank> BankOf(const Target& target);  // nullptr: it is not to be asked

struct RunOptions {
  Target target;
  std::string directory;
  std::string title;
  Plan plan;
  uint32_t threads = 1, sources = 1;
  uint32_t connections = 0;  // opened before the run begins
  uint32_t ahead = 0;        // content keys made before the run begins
  uint32_t stock = 0;  // sales made before the run begins, for a mix with more payments than sales
  bool batch_signatures = false;  // participants ask for them
  double verify_share = 0.1, settle_s = 120;
  std::string amount = "0.01";
  std::string algorithms;  // "ES256,PS256": only participants with these; empty: all
  std::string json_file, report_file, command_line;
  std::vector<std::string> fail_if;
  bool find_knee = false;
  double step_s = 5;       // of the search for the knee: of each rate
  double knee_p99_ms = 0;  // 0: ten times the median of a gateway that has nothing else to do
};

struct PrepareOptions {
  Target target;
  std::string directory, customers_file;
  uint32_t participants = 0, spare = 0;  // registered; with keys alone
  std::string algorithms = "ES256";      // "ES256=2,EdDSA=1"
  uint32_t concurrency = 4;
};

// "purchase=9,mailbox=1". kInvalidArgument.
base::Result<Mix> ParseMix(const std::string& text);
std::string Print(const Mix& mix);
// "ES256=2,EdDSA" → weights by name, in that order.
base::Result<std::vector<std::pair<std::string, double>>> ParseWeights(const std::string& text);

// Each returns a program's exit code.
int RunPrepare(const PrepareOptions& options);
int RunLoad(const RunOptions& options);
int RunCompare(const std::string& file_a, const std::string& file_b, const std::string& report);
int RunReport(const std::string& file, const std::string& report);

enum ExitCode : int { kGood = 0, kThresholds = 1, kUsage = 2, kUntrue = 3, kTrouble = 4 };

}  // namespace paygate::load
