// Payments through a token that is slow and has one session, with batch signatures and without
// (docs/protocol/batch-signatures.md, docs/performance.md).
//
// kBuyers at once, each with one payment under way: message 1, the challenge, message 3, the
// receipt; then the next. Latency is that of a payment, as its buyer sees it. Buyers compute in
// this process, on the same cores. Sales are made before, while the token is fast.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>

#include "tests/bench/shopper.h"

namespace paygate::bench {
namespace {

using protocol::JwsForms;

constexpr size_t kBuyers = 64;

struct SlowMarket final : Fixture {
  explicit SlowMarket(hsm::KeyType type) : rig(type, TokenSpeed::kScripted) {
    for (const Customer& customer : rig.customers()) {
      shoppers.push_back(std::make_unique<Shopper>(rig, customer));
    }
  }
  bool Is(hsm::KeyType type) const { return rig.type() == type; }

  Rig rig;
  std::vector<std::unique_ptr<Shopper>> shoppers;
};

// Which calls of PKCS#11 are slow, and how many payments that takes a while for.
struct Slowness {
  const char *name, *calls;
  size_t most_payments;
};
constexpr Slowness kEveryOperation{"every_operation_5_ms",
                                   "C_Sign,C_Decrypt,C_DeriveKey delay 5", 600};
constexpr Slowness kSignatures{"signatures_5_ms", "C_Sign delay 5", 600};
constexpr Slowness kFarSignatures{"signatures_25_ms", "C_Sign delay 25", 200};

struct Outcome {
  double payments_per_s, p50_ms, p99_ms, signatures, decryptions;  // the last two: of one payment
};
struct Line {
  std::string slow;
  Outcome alone, batch;
};
std::vector<Line>& Lines() {
  static std::vector<Line> lines;
  return lines;
}

uint64_t Decryptions(Rig& rig) {
  return rig.token_script().Calls("C_DeriveKey") + rig.token_script().Calls("C_Decrypt");
}

Outcome Pay(SlowMarket& market, const Slowness& slowness, JwsForms forms, size_t payments) {
  Rig& rig = market.rig;
  for (auto& shopper : market.shoppers) shopper->Ask(forms);
  std::vector<Purchase> purchases;
  std::vector<std::string> first;
  for (size_t i = 0; i < payments; ++i) {
    const size_t pair = 2 * (i % (market.shoppers.size() / 2));
    purchases.push_back(MakeSale(rig, *market.shoppers[pair], *market.shoppers[pair + 1]));
    first.push_back(ChallengeRequest(purchases.back()));
  }
  const uint64_t signed_before = rig.token_script().Calls("C_Sign");
  const uint64_t opened_before = Decryptions(rig);
  rig.token_script().Set(slowness.calls);

  using Clock = std::chrono::steady_clock;
  std::vector<double> ms(payments);
  std::atomic<size_t> next = 0;
  std::vector<std::exception_ptr> failed(kBuyers);
  std::vector<std::thread> buyers;
  const auto begin = Clock::now();
  for (size_t b = 0; b < std::min(kBuyers, payments); ++b) {
    buyers.emplace_back([&, b] {
      try {
        for (size_t i = next++; i < payments; i = next++) {
          const auto start = Clock::now();
          const auto challenge = rig.Post("/v1/payments/challenge", std::move(first[i]));
          const auto receipt = rig.Post("/v1/payments", Authorisation(purchases[i], challenge));
          CheckReceipt(purchases[i], receipt);
          ms[i] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
        }
      } catch (...) {
        failed[b] = std::current_exception();
      }
    });
  }
  for (std::thread& buyer : buyers) buyer.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  rig.token_script().Clear();
  for (const std::exception_ptr& each : failed) {
    if (each) std::rethrow_exception(each);
  }
  std::ranges::sort(ms);
  const auto n = static_cast<double>(payments);
  return {.payments_per_s = n / seconds,
          .p50_ms = ms[payments / 2],
          .p99_ms = ms[payments * 99 / 100],
          .signatures =
              static_cast<double>(rig.token_script().Calls("C_Sign") - signed_before) / n,
          .decryptions = static_cast<double>(Decryptions(rig) - opened_before) / n};
}

void SlowToken(benchmark::State& state, const Slowness& slowness, size_t payments) {
  auto& market = Use<SlowMarket>(hsm::KeyType::kP256);
  for (auto _ : state) {
    const Outcome alone = Pay(market, slowness, JwsForms::kSingle, payments);
    const Outcome batch = Pay(market, slowness, JwsForms::kSingleOrBatch, payments);
    state.SetIterationTime(1 / batch.payments_per_s);
    state.counters["alone_per_s"] = alone.payments_per_s;
    state.counters["batch_per_s"] = batch.payments_per_s;
    state.counters["alone_p50_ms"] = alone.p50_ms;
    state.counters["batch_p50_ms"] = batch.p50_ms;
    Lines().push_back({slowness.name, alone, batch});
  }
}

}  // namespace

void RegisterSlowToken(size_t payments) {
  for (const Slowness& slowness : {kEveryOperation, kSignatures, kFarSignatures}) {
    benchmark::RegisterBenchmark((std::string("slow_token/") + slowness.name).c_str(), SlowToken,
                                 slowness, std::min(payments, slowness.most_payments))
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

void PrintSlowToken() {
  for (const Line& line : Lines()) {
    const auto print = [&](const char* how, const Outcome& o) {
      std::printf("slow token, %s, one session, %zu buyers, %s: %.1f payments/s, p50 "
                  "%.0f ms, p99 %.0f ms; %.2f signatures and %.2f decryptions a payment\n",
                  line.slow.c_str(), kBuyers, how, o.payments_per_s, o.p50_ms, o.p99_ms,
                  o.signatures, o.decryptions);
    };
    print("each message signed alone", line.alone);
    print("batch signatures", line.batch);
    std::printf("  %.1f x the payments a second\n",
                line.batch.payments_per_s / line.alone.payments_per_s);
  }
}

}  // namespace paygate::bench
