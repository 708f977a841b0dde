// paygate-engine: the paper's steps. Started by paygated or systemd; docs/man/paygate-engine.8.
#include <CLI/CLI.hpp>
#include <iostream>

#include "base/clock.h"
#include "base/secret_bytes.h"
#include "gateway/engine/app.h"

int main(int argc, char** argv) {
  paygate::base::MakeProcessUndumpable();
  CLI::App app{"The gateway's engine: registers participants, certifies sales, executes payments.\n"
               "Normally started by paygated, which also starts the token, bank and front\n"
               "processes that it needs.\n\n"
               "Exit status: 0 stopped as asked, 2 wrong arguments, 3 could not start or went on.",
               "paygate-engine"};
  std::string config;
  app.add_option("--config", config, "the gateway's configuration (TOML)")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const paygate::base::SystemClock clock;
  if (auto done = paygate::gateway::engine::RunEngine(config, clock); !done) {
    std::cerr << "paygate-engine: " << done.error().ToString() << "\n";
    return 3;
  }
  return 0;
}
