// One whole payment through the engine, and beside it what it cannot avoid.
//
// Measured: CPU (user and system) of engine, token processes and bank process together, in two
// sections: all challenges (messages 1 → 2), then all authorisations until their receipts (3 → 4,
// the bank's transfer and the seller's confirmation included). What buyers compute in between is
// not counted. It is done in rounds, each with its own measure of the unavoidable just before,
// since other work on a machine slows both alike; the round of the median ratio is the one
// reported.
//
// Unavoidable, from protocol.md section 6, measured in the same process:
//   2 unwraps (messages 1 and 3)             3 signatures (challenge, receipt, confirmation)
//   3 content keys (sealing 2, 4 and 5)      2 verifications (authorisation, CSBLK)
//   2 durable writes (intent, settlement), with as many writers as payments are in flight
// Private-key operations count as bare PKCS#11 calls on the same SoftHSM token, one thread, no
// process between, the check of each signature before it leaves included; the second ratio counts
// them as software keys (OpenSSL), which nobody checks.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "hsm/pkcs11/token.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/bench/shopper.h"
#include "tests/bench/store_rig.h"

namespace paygate::bench {
namespace {

using protocol::SoftwareKey;

constexpr size_t kWarmUp = 32;
constexpr int kRounds = 7;

// A gateway and its registered participants: sellers at even places, buyers at odd ones.
struct Market final : Fixture {
  explicit Market(hsm::KeyType type) : rig(type) {
    for (const Customer& customer : rig.customers()) {
      shoppers.push_back(std::make_unique<Shopper>(rig, customer));
    }
  }
  bool Is(hsm::KeyType type) const { return rig.type() == type; }

  Rig rig;
  std::vector<std::unique_ptr<Shopper>> shoppers;
};

struct Line {
  std::string gateway;
  size_t in_flight;
  Cpu cpu;
  double unavoidable, unavoidable_in_software;
};
std::vector<Line>& Lines() {
  static std::vector<Line> lines;
  return lines;
}

struct KeyCosts {
  double sign, unwrap;
};
KeyCosts CostsOf(hsm::Signer& signer, hsm::Decrypter& decrypter,
                 const protocol::PublicKey& recipient, size_t times) {
  const std::string input = protocol::JwsSigningInput(signer.algorithm(), protocol::kTypReceipt, {},
                                                      std::string(1600, 'x'));
  const std::string wrapped = Must(protocol::NewContentKey(recipient)).wrapped;
  return {.sign = MicrosOf(times,
                           [&] {
                             return signer.Sign({hsm::StatementKind::kJws, input});
                           }),
          .unwrap = MicrosOf(times, [&] {
            return decrypter.Unwrap({decrypter.algorithm(), wrapped});
          })};
}

KeyCosts InToken(Rig& rig, size_t times) {
  const auto& token = rig.config().token;
  const auto bare = Must(hsm::pkcs11::Token::Open({token.module, token.uri, token.pin_file}, 1));
  const auto signer = Must(bare->SignerFor(token.signature_key.front()));
  const auto decrypter = Must(bare->DecrypterFor(token.encryption_key.front()));
  return CostsOf(*signer, *decrypter, rig.keys().Encryption().certificate.key(), times);
}

KeyCosts InSoftware(hsm::KeyType type, size_t times) {
  const auto signature = Must(SoftwareKey::Generate(type, hsm::KeyUsage::kSign));
  const auto encryption = Must(SoftwareKey::Generate(type, hsm::KeyUsage::kDecrypt));
  const auto signer = Must(signature.AsSigner());
  const auto decrypter = Must(encryption.AsDecrypter());
  return CostsOf(*signer, *decrypter, encryption.public_key(), times);
}

// CPU of the whole process, RocksDB's threads included: the engine is idle meanwhile.
double DurableWrites(size_t payments, size_t writers) {
  StoreRig rig;
  std::vector<storage::IntentRecord> sales;
  for (size_t i = 0; i < payments; ++i) sales.push_back(rig.Sell());
  std::vector<std::thread> threads;
  const double before = CpuMicros();
  for (size_t w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (size_t i = w; i < sales.size(); i += writers) rig.Settle(rig.Record(sales[i]));
    });
  }
  for (std::thread& thread : threads) thread.join();
  return (CpuMicros() - before) / static_cast<double>(payments);
}

struct Unavoidable {
  double sealing, verifying, writing;
  KeyCosts token, software;
  double Sum(const KeyCosts& keys) const {
    return 2 * keys.unwrap + 3 * keys.sign + sealing + verifying + writing;
  }
};

Unavoidable Measure(Rig& rig, size_t payments, size_t in_flight) {
  const size_t times = std::clamp<size_t>(payments, 1, 200);
  const auto type = rig.type();
  const auto recipient = Must(SoftwareKey::Generate(type, hsm::KeyUsage::kDecrypt)).public_key();
  const auto key = Must(SoftwareKey::Generate(type, hsm::KeyUsage::kSign));
  const std::string input =
      protocol::JwsSigningInput(hsm::SignatureAlgorithmOf(type), protocol::kTypPaymentAuthorisation,
                                {}, std::string(1600, 'x'));
  const std::string signature = Must(Must(key.AsSigner())->Sign({hsm::StatementKind::kJws, input}));
  return {
      .sealing = 3 * MicrosOf(times, [&] { return protocol::NewContentKey(recipient); }),
      .verifying = 2 * MicrosOf(times, [&] { return key.public_key().Verify(input, signature); }),
      .writing = DurableWrites(payments, in_flight),
      .token = InToken(rig, times),
      .software = InSoftware(type, times)};
}

struct Measured {
  Cpu cpu;
  double seconds = 0;
};

template <typename Section>
auto Count(Rig& rig, Measured& sum, Section section) {
  const Cpu before = rig.UsedCpu();
  const auto begin = std::chrono::steady_clock::now();
  auto result = section();
  sum.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  sum.cpu += rig.UsedCpu() - before;
  return result;
}

Measured Pay(Rig& rig, const std::vector<std::unique_ptr<Shopper>>& shoppers, size_t payments,
             size_t in_flight) {
  std::vector<Purchase> purchases;
  std::vector<std::string> first, third;
  for (size_t i = 0; i < payments; ++i) {
    const size_t pair = 2 * (i % (shoppers.size() / 2));
    purchases.push_back(MakeSale(rig, *shoppers[pair], *shoppers[pair + 1]));
    first.push_back(ChallengeRequest(purchases.back()));
  }
  Measured sum;
  const auto challenges = Count(
      rig, sum, [&] { return rig.PostAll("/v1/payments/challenge", std::move(first), in_flight); });
  for (size_t i = 0; i < payments; ++i) {
    third.push_back(Authorisation(purchases[i], challenges[i]));
  }
  const auto receipts =
      Count(rig, sum, [&] { return rig.PostAll("/v1/payments", std::move(third), in_flight); });
  for (size_t i = 0; i < payments; ++i) CheckReceipt(purchases[i], receipts[i]);
  return sum;
}

struct Round {
  Unavoidable needed;
  Cpu each;  // payment
  double payments_per_s;
  double ratio() const { return each.all() / needed.Sum(needed.token); }
};

Round OneRound(Market& market, size_t payments, size_t in_flight) {
  const Unavoidable needed = Measure(market.rig, payments, in_flight);
  const Measured paid = Pay(market.rig, market.shoppers, payments, in_flight);
  const auto n = static_cast<double>(payments);
  return {needed, {paid.cpu.engine / n, paid.cpu.token / n, paid.cpu.bank / n}, n / paid.seconds};
}

void WholePayment(benchmark::State& state, hsm::KeyType type, size_t payments) {
  auto& market = Use<Market>(type);
  const auto in_flight = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    Pay(market.rig, market.shoppers, std::min(kWarmUp, payments), in_flight);
    std::vector<Round> rounds;
    for (int i = 0; i < kRounds; ++i) {
      rounds.push_back(OneRound(market, std::max<size_t>(1, payments / kRounds), in_flight));
    }
    std::ranges::sort(rounds, {}, &Round::ratio);
    const auto& [needed, each, payments_per_s] = rounds[kRounds / 2];
    state.SetIterationTime(1 / payments_per_s);
    const double unavoidable = needed.Sum(needed.token);
    auto& c = state.counters;
    c["cpu_us"] = each.all();
    c["engine_us"] = each.engine;
    c["token_us"] = each.token;
    c["bank_us"] = each.bank;
    c["unavoidable_us"] = unavoidable;
    c["sign_us"] = needed.token.sign;
    c["unwrap_us"] = needed.token.unwrap;
    c["3_seals_us"] = needed.sealing;
    c["2_verifies_us"] = needed.verifying;
    c["2_writes_us"] = needed.writing;
    c["ratio"] = each.all() / unavoidable;
    c["least_ratio"] = rounds.front().ratio();
    c["greatest_ratio"] = rounds.back().ratio();
    c["payments_per_s"] = payments_per_s;
    Lines().push_back(
        {std::string(Name(type)), in_flight, each, unavoidable, needed.Sum(needed.software)});
  }
}

}  // namespace

void RegisterPayments(size_t payments) {
  for (auto type : {hsm::KeyType::kP256, hsm::KeyType::kRsa2048}) {
    for (int in_flight : {8, 32}) {
      benchmark::RegisterBenchmark(("payment/" + std::string(Name(type)) + "/in_flight").c_str(),
                                   WholePayment, type, payments)
          ->Arg(in_flight)
          ->Iterations(1)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

void PrintRatios() {
  for (const Line& line : Lines()) {
    std::printf(
        "payment, %s gateway, %zu in flight: %.0f us CPU (engine %.0f, token %.0f, bank %.0f); "
        "unavoidable %.0f on bare PKCS#11: ratio %.2f (software keys: %.0f, %.2f)\n",
        line.gateway.c_str(), line.in_flight, line.cpu.all(), line.cpu.engine, line.cpu.token,
        line.cpu.bank, line.unavoidable, line.cpu.all() / line.unavoidable,
        line.unavoidable_in_software, line.cpu.all() / line.unavoidable_in_software);
  }
}

}  // namespace paygate::bench
