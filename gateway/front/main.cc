// paygate-front --config FILE [--index N]: see docs/man/paygate-front.8.
#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "base/file.h"
#include "base/log.h"
#include "gateway/front/server.h"

int main(int argc, char** argv) {
  using namespace paygate;
  base::MakeProcessUndumpable();
  CLI::App app("Speaks HTTPS with participants and frames with the engine.");
  std::string file;
  uint32_t index = 0;
  app.add_option("--config", file, "the gateway's configuration")->required();
  app.add_option("--index", index, "which of the front processes this is")
      ->check(CLI::Range(0, 63));
  CLI11_PARSE(app, argc, argv);

  const auto config = gateway::LoadConfig(file);
  if (!config) {
    std::cerr << config.error().message << "\n";
    return 2;
  }
  base::InitLog("front", *base::ParseLogLevel(config->log_level));
  std::signal(SIGPIPE, SIG_IGN);
  const base::SystemClock clock;
  if (auto made = base::MakePrivateDirectory(config->runtime_directory); !made) {
    base::LogError("front.cannot-start", {{"error", made.error().message}});
    return 1;
  }
  const auto server = gateway::front::Server::Open(*config, index, clock);
  if (!server) {
    base::LogError("front.cannot-start", {{"error", server.error().message}});
    return 1;
  }
  (*server)->Run();
  // A second one must not end a clean stop: libevent gives the default action back.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  base::LogInfo("front.stopped");
  return 0;
}
