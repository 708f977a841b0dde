// paygate-crash: rounds of payments at once in which a process dies at a step by chance.
// See tests/crash/run.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <iostream>
#include <random>
#include <thread>

#include "tests/crash/market.h"

namespace {

using paygate::crash::kGatewayRoles;
using paygate::crash::kRoleCount;
using paygate::crash::kRoles;
using paygate::crash::Market;

// All pairs deal at once; empty, or what was wrong.
std::string Round(Market& market, size_t pairs) {
  std::vector<std::string> wrong(pairs);
  {
    std::vector<std::jthread> dealing;
    for (size_t i = 0; i < pairs; ++i) {
      dealing.emplace_back([&, i] { wrong[i] = market.Deal(i); });
    }
  }
  market.LetLive();
  for (const std::string& each : wrong) {
    if (!each.empty()) return each;
  }
  return market.Wrong();
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t rounds = 500, seed = std::random_device()();
  size_t pairs = 4;
  bool network = false;
  CLI::App app("Kills the gateway's processes at steps chosen by chance while participants pay.");
  app.add_option("--rounds", rounds, "how many rounds");
  app.add_option("--seed", seed, "the choices of an earlier run");
  app.add_option("--pairs", pairs, "sellers and buyers who deal at once")->check(CLI::Range(1, 50));
  app.add_flag("--network", network, "on simulated banks, which die too");
  CLI11_PARSE(app, argc, argv);
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 choose(seed);
  try {
    Market market(pairs, network ? Market::Banks::kNetwork : Market::Banks::kInABox);
    const auto begin = std::chrono::steady_clock::now();
    for (uint64_t round = 1; round <= rounds; ++round) {
      const int role = static_cast<int>(choose() % (network ? kRoleCount : kGatewayRoles));
      const int64_t step = static_cast<int64_t>(choose() % (60 * pairs));
      market.DieAfter(role, step);
      if (const std::string wrong = Round(market, pairs); !wrong.empty()) {
        std::cout << market.Log() << "\nround " << round << ", " << kRoles[role]
                  << " dying before step " << step << ": " << wrong << "\nseed " << seed << "\n";
        return 1;
      }
      if (round % 10 == 0 || round == rounds) {
        std::cout << round << " rounds, " << market.deaths() << " deaths, "
                  << round * pairs << " payments, "
                  << std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::steady_clock::now() - begin)
                         .count()
                  << " s" << std::endl;
      }
    }
    if (const std::string wrong = market.Unproven(); !wrong.empty()) {
      std::cout << market.Log() << "\nafter the last round: " << wrong << "\nseed " << seed << "\n";
      return 1;
    }
    std::cout << "every debit is proven by an older authorisation" << std::endl;
    if (const std::string wrong = market.Unreconciled(); !wrong.empty()) {
      std::cout << market.Log() << "\n" << wrong << "\nseed " << seed << "\n";
      return 1;
    }
  } catch (const std::exception& e) {
    std::cout << e.what() << "\nseed " << seed << "\n";
    return 1;
  }
}
