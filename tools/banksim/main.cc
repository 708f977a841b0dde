// paygate-banksim: a financial network in one program.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/banksim/network.h"

namespace paygate::banksim {
namespace {

constexpr char kAbout[] =
    "A simulated financial network: any number of banks that speak ISO 20022 over mutual TLS, "
    "with\n"
    "one durable double-entry ledger, and with every fault that a real network has, on request.\n"
    "For whoever writes or tests a payment system. Loopback alone; its money is not real.";
constexpr char kMore[] =
    "\nStart: tools/scratch-network DIR makes keys, accounts and a configuration; then\n"
    "  paygate-banksim --config DIR/banksim.toml\n"
    "prints one line when it is ready: the admin's address and each bank's.\n"
    "  curl $ADMIN/                        what the admin can do\n"
    "  curl $ADMIN/ledger/check            is every penny where it belongs?\n"
    "  curl $ADMIN/transactions/ID         the truth about one\n"
    "  curl -d '{\"fault\":\"answer-lost\",\"times\":1}' $ADMIN/rules\n"
    "docs/banksim.md says more. Exit codes: 0 stopped as asked; 2 wrong usage; 3 configuration or\n"
    "ledger refused (the sentence says why); 70 the books are wrong; 74 the ledger cannot be "
    "written.\n";

char** arguments = nullptr;

// As after a crash: nothing is finished, what is durable is what there is.
void StartAnew() {
  execv("/proc/self/exe", arguments);
  _exit(71);
}

int Run(const std::string& path, bool check) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto config = LoadConfig(path);
  if (!config) {
    std::fprintf(stderr, "paygate-banksim: %s\n", config.error().message.c_str());
    return 3;
  }
  if (check) {
    std::puts("the configuration is good");
    return 0;
  }
  auto network = Network::Open(*config, StartAnew);
  if (!network) {
    std::fprintf(stderr, "paygate-banksim: %s\n", network.error().message.c_str());
    return 3;
  }
  std::puts((*network)->ReadyLine().c_str());
  std::fflush(stdout);
  int received;
  sigwait(&stop, &received);
  (*network)->Stop();
  return 0;
}

}  // namespace
}  // namespace paygate::banksim

int main(int argc, char** argv) {
  paygate::banksim::arguments = argv;
  CLI::App app{paygate::banksim::kAbout, "paygate-banksim"};
  app.footer(paygate::banksim::kMore);
  std::string config;
  bool check = false;
  app.add_option("--config", config, "the network, as TOML")->required();
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return paygate::banksim::Run(config, check);
}
