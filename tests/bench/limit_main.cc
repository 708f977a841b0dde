// paygate-limit: CPU of the real gateway for one sale and payment, beside what it cannot avoid.
// See tests/bench/limit and docs/performance.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/bench/bench.h"
#include "tests/bench/unavoidable.h"
#include "tests/doubles/places.h"
#include "tests/integration/raw_participant.h"

namespace paygate::bench {
namespace {

using integration::RawParticipant;
using integration::ScratchGateway;

struct Options {
  std::vector<std::string> suites;
  size_t in_flight = 16, payments = 300, rounds = 5;
  bool json = false;
};

const Suite kSuites[] = {
    {"P-256", hsm::KeyType::kP256, hsm::KeyType::kP256},
    {"Ed25519", hsm::KeyType::kEd25519, hsm::KeyType::kP256},
    {"RSA-2048", hsm::KeyType::kRsa2048, hsm::KeyType::kRsa2048},
};

// Counts the bodies that pass.
class Counted final : public participant::Transport {
 public:
  Counted(std::unique_ptr<Transport> way, std::atomic<uint64_t>& bytes)
      : way_(std::move(way)), bytes_(bytes) {}
  base::Result<participant::HttpAnswer> Post(const std::string& path,
                                             const std::string& body) override {
    auto answer = way_->Post(path, body);
    bytes_ += body.size() + (answer ? answer->body.size() : 0);
    return answer;
  }
  base::Result<participant::HttpAnswer> Get(const std::string& path) override {
    return way_->Get(path);
  }

 private:
  const std::unique_ptr<Transport> way_;
  std::atomic<uint64_t>& bytes_;
};

using CpuByProgram = std::map<std::string, double>;  // µs

struct Round {
  std::vector<Item> needed;
  CpuByProgram cpu;  // of one sale and payment
  double per_s = 0;
  double used() const {
    double sum = 0;
    for (const auto& [program, us] : cpu) sum += us;
    return sum;
  }
  double ratio() const { return used() / Sum(needed); }
};

// A gateway of this suite, and pairs of a seller and a buyer who use one connection each.
class Market {
 public:
  Market(const Suite& suite, size_t pairs)
      : suite_(suite),
        gateway_({.engine = {},
                  .token = {},
                  .arguments = {"--key-type", suite.name, "--customers",
                                std::to_string(2 * pairs)},
                  .engine_program = doubles::Program("paygate-engine"),
                  .prepare = {}}) {
    const auto customers = gateway_.Customers();
    for (size_t i = 0; i < pairs; ++i) {
      pairs_.push_back({NewParticipant(customers[2 * i]), NewParticipant(customers[2 * i + 1])});
    }
    std::string pin;
    std::getline(std::ifstream(gateway_.directory() + "/token/paygate.pin"), pin);
    token_ = std::make_unique<BareToken>("paygate", pin);
  }

  Round Measure(size_t payments, size_t rounds_done) {
    if (rounds_done == 0) Drive(pairs_.size() * 2);  // caches, connections
    Round round;
    bytes_ = 0;
    const CpuByProgram before = Cpu();
    const double seconds = Drive(payments);
    const auto n = static_cast<double>(payments);
    for (const auto& [program, us] : Cpu()) {
      round.cpu[program] = (us - before.at(program)) / n;
    }
    round.per_s = n / seconds;
    round.needed = MeasureUnavoidable(suite_, *token_, static_cast<double>(bytes_) / n,
                                      pairs_.size(), std::max<size_t>(payments, 100));
    return round;
  }

 private:
  struct Pair {
    std::unique_ptr<RawParticipant> seller, buyer;
  };

  std::unique_ptr<RawParticipant> NewParticipant(const integration::Customer& customer) {
    auto way = std::make_unique<Counted>(
        integration::Must(participant::OpenHttpsTransport(
            {.url = gateway_.url(), .root_pem = gateway_.RootPem()})),
        bytes_);
    auto made = std::make_unique<RawParticipant>(std::move(way), gateway_.RootPem(), customer,
                                                 suite_.signature);
    made->Register();
    return made;
  }

  CpuByProgram Cpu() const {
    CpuByProgram sums;
    for (const auto& [pid, program] : gateway_.Processes()) sums[program] += CpuMicrosOf(pid);
    return sums;
  }

  // Each pair sells and pays, one after the other, until all are done; the seconds it took.
  double Drive(size_t payments) {
    std::atomic<size_t> next = 0;
    std::atomic<bool> failed = false;
    const auto begin = std::chrono::steady_clock::now();
    {
      std::vector<std::jthread> threads;
      for (Pair& pair : pairs_) {
        threads.emplace_back([&] {
          try {
            while (next++ < payments) {
              const auto said = pair.buyer->Pay(pair.seller->Sell("A cup", "0.01"));
              if (said.status != 201) throw std::runtime_error("payment: " + said.code);
            }
          } catch (const std::exception& e) {
            if (!failed.exchange(true)) std::fprintf(stderr, "paygate-limit: %s\n", e.what());
          }
        });
      }
    }
    if (failed) throw std::runtime_error("a sale or payment failed");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  const Suite& suite_;
  std::atomic<uint64_t> bytes_ = 0;
  ScratchGateway gateway_;
  std::vector<Pair> pairs_;
  std::unique_ptr<BareToken> token_;
};

void Print(const Suite& suite, const Options& options, const std::vector<Round>& rounds) {
  const Round& r = rounds[rounds.size() / 2];
  std::printf("%s gateway, %zu in flight, %zu rounds of %zu sales and payments, %u cores\n",
              suite.name.c_str(), options.in_flight, options.rounds, options.payments,
              std::thread::hardware_concurrency());
  std::printf("  %-38s %10s %10s %10s\n", "unavoidable", "times", "us each", "us");
  for (const Item& item : r.needed) {
    std::printf("  %-38s %10.0f %10.4g %10.0f\n", item.what.c_str(), item.times, item.each_us,
                item.sum_us());
  }
  std::printf("  %-38s %10s %10s %10.0f\n", "sum", "", "", Sum(r.needed));
  for (const auto& [program, us] : r.cpu) {
    std::printf("  %-60s %10.0f\n", program.c_str(), us);
  }
  std::printf("  %-60s %10.0f\n", "sum", r.used());
  std::printf("ratio %.2f (%.2f to %.2f); %.0f sales and payments a second, the participants'"
              " work on the same cores\n\n",
              r.ratio(), rounds.front().ratio(), rounds.back().ratio(), r.per_s);
  std::fflush(stdout);
}

nlohmann::json ToJson(const Suite& suite, const std::vector<Round>& rounds) {
  const Round& r = rounds[rounds.size() / 2];
  nlohmann::json items = nlohmann::json::array();
  for (const Item& item : r.needed) {
    items.push_back({{"what", item.what}, {"times", item.times}, {"each_us", item.each_us}});
  }
  return {{"gateway", suite.name},
          {"unavoidable", items},
          {"unavoidable_us", Sum(r.needed)},
          {"cpu_us", r.cpu},
          {"used_us", r.used()},
          {"ratio", r.ratio()},
          {"least_ratio", rounds.front().ratio()},
          {"greatest_ratio", rounds.back().ratio()},
          {"per_s", r.per_s}};
}

int Run(const Options& options) {
  nlohmann::json all = nlohmann::json::array();
  for (const Suite& suite : kSuites) {
    if (!options.suites.empty() && !std::ranges::count(options.suites, suite.name)) continue;
    Market market(suite, options.in_flight);
    std::vector<Round> rounds;
    for (size_t i = 0; i < options.rounds; ++i) {
      rounds.push_back(market.Measure(options.payments, i));
    }
    std::ranges::sort(rounds, {}, &Round::ratio);
    if (!options.json) Print(suite, options, rounds);
    all.push_back(ToJson(suite, rounds));
  }
  if (options.json) std::printf("%s\n", all.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace paygate::bench

int main(int argc, char** argv) {
  using namespace paygate::bench;  // NOLINT: main
  Options options;
  CLI::App app("CPU of the gateway's processes for one sale and payment, beside what it cannot "
               "avoid; each a table and one ratio. Ratios are of CPU, so that other work on the "
               "machine disturbs them little.");
  app.add_option("--suite", options.suites, "P-256, Ed25519 (with P-256 encryption), RSA-2048; "
                                            "may be given again (default: all)")
      ->check(CLI::IsMember({"P-256", "Ed25519", "RSA-2048"}));
  app.add_option("--in-flight", options.in_flight, "pairs of a seller and a buyer at once")
      ->check(CLI::Range(1, 256));
  app.add_option("--payments", options.payments, "sales and payments in a round")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--rounds", options.rounds, "the one of the median ratio is printed")
      ->check(CLI::Range(1, 99));
  app.add_flag("--json", options.json, "for scripts");
  app.option_defaults()->always_capture_default();
  CLI11_PARSE(app, argc, argv);
  try {
    return Run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "paygate-limit: %s\n", e.what());
    return 1;
  }
}
