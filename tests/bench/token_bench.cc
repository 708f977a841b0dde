// What the hop to a token process costs and gains: signatures a second through one and two
// paygate-token processes, beside bare C_SignInit and C_Sign in one program with two threads, each
// with a session and a key of its own, and in two programs with one; and how soon a token that was
// away is back. A signature that comes out of a token process has been verified there; "verified"
// does that too. SoftHSM 2.6.1 fails, crashes or hangs when two threads use it, most of the time:
// the bare loops run in programs of their own, again until a run comes through.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "base/crypto.h"
#include "base/encoding.h"
#include "hsm/proof.h"
#include "hsm/token/client.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "tests/bench/bare_token.h"
#include "tests/bench/bench.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::bench {
namespace {

using hsm::KeyType;
using std::chrono::steady_clock;

constexpr KeyType kTypes[] = {KeyType::kP256, KeyType::kRsa2048};
constexpr int kCallers = 8;

std::string Input(KeyType type) {
  return protocol::JwsSigningInput(hsm::SignatureAlgorithmOf(type), protocol::kTypReceipt, {},
                                   std::string(1200, 'x'));
}

struct HopRig final : Fixture {
  HopRig() {
    std::vector<std::string> keys;
    for (KeyType type : kTypes) {
      const std::string label(Name(type));
      info[type] = token.Generate(label, type, hsm::KeyUsage::kSign);
      keys.push_back(label + ":jws");
    }
    for (int i = 0; i < 2; ++i) {
      processes.push_back(std::make_unique<doubles::TokenProcess>(
          token, token.directory() + "/token-" + std::to_string(i), keys));
      hsm::token::TokenClientOptions options;
      for (auto& process : processes) options.sockets.push_back(process->socket());
      clients.push_back(Must(hsm::token::TokenClient::Open(options)));
      while (clients.back()->ServingProcesses() < clients.size()) std::this_thread::yield();
    }
  }
  bool Is() const { return true; }
  double Cpu() const {
    double sum = CpuMicros();
    for (const auto& process : processes) sum += CpuMicrosOf(process->pid());
    return sum;
  }

  doubles::ScratchToken token;
  std::map<KeyType, hsm::KeyInfo> info;
  std::vector<std::unique_ptr<doubles::TokenProcess>> processes;
  std::vector<std::unique_ptr<hsm::token::TokenClient>> clients;  // of one process, of two
};

struct Count {
  int64_t done = 0, failed = 0;
  double seconds = 0, cpu_us = 0;  // CPU of this process
};

// So many threads, each with one of its own, until each has done kEach.
template <typename MakeOne>
Count CountOf(int threads, MakeOne make_one) {
  constexpr int kEach = 400;
  std::atomic<int64_t> done = 0, failed = 0;
  const double cpu = CpuMicros();
  const auto begin = steady_clock::now();
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        auto one = make_one();
        for (int i = 0; i < kEach; ++i) ++(one() ? done : failed);
      });
    }
  }
  return {done, failed, std::chrono::duration<double>(steady_clock::now() - begin).count(),
          CpuMicros() - cpu};
}

void Report(benchmark::State& state, const Count& count, double cpu_us) {
  state.SetIterationTime(count.seconds);
  state.counters["signatures_per_s"] = static_cast<double>(count.done) / count.seconds;
  state.counters["cpu_us_each"] = cpu_us / static_cast<double>(count.done);
  state.counters["failed"] = static_cast<double>(count.failed);
}

void Hop(benchmark::State& state, KeyType type, size_t processes) {
  HopRig& rig = Use<HopRig>();
  const std::string input = Input(type);
  for (auto _ : state) {
    const double cpu = rig.Cpu();
    const Count count = CountOf(kCallers, [&] {
      return [&, signer = std::shared_ptr<hsm::Signer>(
                     Must(rig.clients[processes - 1]->SignerFor(std::string(Name(type)))))] {
        return signer->Sign({hsm::StatementKind::kJws, input}).has_value();
      };
    });
    Report(state, count, rig.Cpu() - cpu);
  }
}

// What `paygate-bench --bare PIN_FILE TYPE THREADS [PUBLIC_KEY_HEX]` does: a program of its own, so
// that nothing but the module is in it, and since the module may take it with it.
Count BareCount(const std::vector<std::string>& words) {
  const KeyType type = words[1] == Name(KeyType::kP256) ? KeyType::kP256 : KeyType::kRsa2048;
  const std::string input = Input(type);
  std::string pin;
  std::getline(std::ifstream(words[0]), pin);
  BareToken bare("", pin);
  std::vector<BareToken::User> users;
  for (int threads = std::stoi(words[2]); threads > 0; --threads) {
    users.push_back(bare.NewUser(words[1]));
  }
  std::unique_ptr<hsm::SignatureVerifier> verifier;
  if (words.size() > 3) {
    verifier = Must(hsm::SignatureVerifier::Create(hsm::SignatureAlgorithmOf(type),
                                                   *base::HexDecode(words[3])));
  }
  std::atomic<size_t> next = 0;
  return CountOf(static_cast<int>(users.size()), [&] {
    return [&, user = users[next++], signature = std::string()]() mutable {
      return bare.Sign(user, type, input, signature) &&
             (!verifier || verifier->Verify(input, signature));
    };
  });
}

// Several such programs at once; nullopt: one of them crashed or hung, or an operation failed.
std::optional<Count> InPrograms(int programs, const std::vector<std::string>& words) {
  std::vector<doubles::Ran> ran(programs);
  {
    std::vector<std::jthread> running;
    for (auto& each : ran) {
      running.emplace_back([&] { each = doubles::RunProgram(words); });
    }
  }
  Count sum;
  for (const auto& each : ran) {
    Count one;
    if (each.exit_code != 0 || std::sscanf(each.output.c_str(), "%ld %ld %lf %lf", &one.done,
                                           &one.failed, &one.seconds, &one.cpu_us) != 4 ||
        one.failed != 0) {
      return std::nullopt;
    }
    sum.done += one.done;
    sum.seconds = std::max(sum.seconds, one.seconds);
    sum.cpu_us += one.cpu_us;
  }
  return sum;
}

struct BareKind {
  const char* name;
  int programs, threads;
  bool verified;
};

void BareLoop(benchmark::State& state, KeyType type, BareKind kind) {
  constexpr int kMostSpoiled = 10;
  HopRig& rig = Use<HopRig>();
  std::vector<std::string> words = {
      doubles::Program("paygate-bench"), "--bare", rig.token.location().pin_file,
      std::string(Name(type)), std::to_string(kind.threads)};
  if (kind.verified) words.push_back(base::HexEncode(rig.info.at(type).public_key_der));
  int spoiled = 0;
  for (auto _ : state) {
    std::optional<Count> count;
    while (!count && spoiled < kMostSpoiled) {
      count = InPrograms(kind.programs, words);
      if (!count) ++spoiled;
    }
    if (count) {
      Report(state, *count, count->cpu_us);
    } else {
      state.SetIterationTime(1);
      state.SetLabel("SoftHSM failed, crashed or hung each time");
    }
  }
  state.counters["spoiled_runs"] = spoiled;
}

// From the return of the token, or the death of the only process, to the next signature.
void Recovery(benchmark::State& state, const char* script) {
  HopRig& rig = Use<HopRig>();
  const std::string input = Input(KeyType::kP256);
  doubles::FaultScript faults(rig.token.directory() + "/faults");
  faults.Clear();
  doubles::TokenProcess process(rig.token, rig.token.directory() + "/recovery", {"P-256:jws"}, {},
                                doubles::FaultyModule());
  hsm::token::TokenClientOptions options;
  options.sockets = {process.socket()};
  const auto client = Must(hsm::token::TokenClient::Open(options));
  const auto signer = Must(client->SignerFor("P-256"));
  const auto sign = [&] { return signer->Sign({hsm::StatementKind::kJws, input}).has_value(); };
  for (auto _ : state) {
    if (script != nullptr) {
      faults.Set(script);
      while (sign()) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::seconds(2));  // to be away is to let time pass
      faults.Clear();
    } else {
      process.Signal(SIGKILL);
      process.Wait();
    }
    const auto begin = steady_clock::now();
    if (script == nullptr) process.Start();  // as its supervisor does at once
    while (!sign()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    state.SetIterationTime(std::chrono::duration<double>(steady_clock::now() - begin).count());
  }
}

}  // namespace

int BareMain(const std::vector<std::string>& words) {
  alarm(30);  // a run takes two seconds
  const Count count = BareCount(words);
  std::printf("%ld %ld %f %f\n", count.done, count.failed, count.seconds, count.cpu_us);
  return 0;
}

void RegisterToken() {
  for (KeyType type : kTypes) {
    const std::string name = "hop/" + std::string(Name(type));
    const auto add = [&](const std::string& what, auto... arguments) {
      benchmark::RegisterBenchmark((name + what).c_str(), arguments...)
          ->UseManualTime()
          ->Iterations(3);
    };
    for (const BareKind& kind : {BareKind{"/bare_two_threads", 1, 2, false},
                                 BareKind{"/bare_two_programs", 2, 1, false},
                                 BareKind{"/bare_two_programs_verified", 2, 1, true}}) {
      add(kind.name, BareLoop, type, kind);
    }
    add("/one_process", Hop, type, 1);
    add("/two_processes", Hop, type, 2);
  }
  const auto add = [](const char* what, const char* script) {
    benchmark::RegisterBenchmark(what, Recovery, script)
        ->UseManualTime()
        ->Iterations(5)
        ->Unit(benchmark::kMillisecond);
  };
  add("recovery/process_killed", nullptr);
  add("recovery/token_vanished", "vanish");
  add("recovery/sessions_lost", "C_SignInit CKR_SESSION_HANDLE_INVALID");
}

}  // namespace paygate::bench
