// paygate-ceremony: the hour in which a gateway's keys are made. docs/ceremony.md.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret_bytes.h"
#include "tools/ceremony/ceremony.h"
#include "tools/ceremony/probe.h"

namespace {

using namespace paygate;             // NOLINT: a program's own names
using namespace tools::ceremony;     // NOLINT

int Complain(const base::Error& error) {
  std::cerr << "paygate-ceremony: " << error.message << "\n";
  return error.code == base::ErrorCode::kInvalidArgument ? 3 : 1;
}

int Run(const std::string& file, bool json) {
  auto plan = LoadPlan(file);
  if (!plan) return Complain(plan.error());
  const base::SystemClock clock;
  auto outcome = RunCeremony(*plan, clock, [&](const Made& made) {
    if (!json) std::cout << made.what << "\n  " << made.file << "\n  " << made.fingerprint << "\n";
  });
  if (!outcome) return Complain(outcome.error());
  if (!json) {
    std::cout << "Gateway ID " << outcome->gateway_id
              << "\nGive participants root.pem, by a way that they trust; put the gateway ID into "
                 "the gateway's configuration.\n";
    return 0;
  }
  nlohmann::json made = nlohmann::json::array();
  for (const Made& each : outcome->made) {
    made.push_back({{"what", each.what}, {"where", each.file}, {"sha256", each.fingerprint}});
  }
  std::cout << nlohmann::json{{"gateway_id", outcome->gateway_id}, {"made", made}}.dump(2) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  base::MakeProcessUndumpable();
  base::InitLog("paygate-ceremony", base::LogLevel::kWarning);
  CLI::App app{
      "Makes a gateway's keys inside its PKCS#11 tokens and the certificates over them, as one\n"
      "reviewable file says (docs/ceremony.md). Nothing is ever overwritten, no network is used.\n"
      "\n"
      "  paygate-ceremony run ceremony.toml\n\n"
      "Exit status: 0 done, 1 failed (nothing made is undone; start again with empty tokens and a\n"
      "new directory), 2 wrong arguments, 3 the file is wrong, 4 the probed token is unfit.",
      "paygate-ceremony"};
  app.require_subcommand(1);
  std::string file, directory, module = "/usr/lib/softhsm/libsofthsm2.so";
  bool json = false;
  auto* run = app.add_subcommand("run", "make keys and certificates as FILE says");
  run->add_option("file", file, "the ceremony's file (TOML)")->required();
  run->add_flag("--json", json, "print what was made as JSON");
  auto* scratch = app.add_subcommand(
      "scratch-tokens", "two SoftHSM tokens with random PINs, for demos, tests and rehearsals");
  scratch->add_option("--dir", directory, "a directory of your own; is made if missing")
      ->required();
  scratch->add_option("--module", module, "SoftHSM's PKCS#11 module");
  ProbeCommand probe(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (*run) return Run(file, json);
  if (probe.chosen()) return probe.Run();
  if (auto made = MakeScratchTokens(directory, module); !made) return Complain(made.error());
  std::cout << "export SOFTHSM2_CONF=" << directory << "/softhsm2.conf\n";
  return 0;
}
