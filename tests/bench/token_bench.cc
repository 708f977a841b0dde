// What the hop to a token process costs and gains: signatures a second through one and two
// paygate-token processes, beside bare C_SignInit and C_Sign in one process with two threads, each
// with a session of its own; and how soon a token that was away is back. A signature that comes
// out of a token process has been verified there; "verified" does that too. SoftHSM fails, crashes
// or never returns now and then when two threads use it: the bare loop runs in a child, again until
// a run comes through without.
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/crypto.h"
#include "hsm/proof.h"
#include "hsm/token/client.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "tests/bench/bench.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::bench {
namespace {

using hsm::KeyType;
using std::chrono::steady_clock;

constexpr KeyType kTypes[] = {KeyType::kP256, KeyType::kRsa2048};
constexpr int kBareThreads = 2, kCallers = 8;

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

// The module in this process, logged in, with a session copy of the key: as quick as it gets.
class Bare {
 public:
  Bare(const doubles::ScratchToken& token, const std::string& label) {
    module_ = p11_kit_module_load(doubles::kSoftHsmModule, P11_KIT_MODULE_UNMANAGED);
    Check(p11_kit_module_initialize(module_));
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    Check(module_->C_GetSlotList(CK_TRUE, slots, &count));
    slot_ = slots[0];
    session_ = Open();
    std::string pin = token.pin();
    Check(module_->C_Login(session_, CKU_USER, reinterpret_cast<unsigned char*>(pin.data()),
                           pin.size()));
    CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                             {CKA_LABEL, const_cast<char*>(label.data()), label.size()}};
    Check(module_->C_FindObjectsInit(session_, wanted, 2));
    CK_OBJECT_HANDLE found;
    Check(module_->C_FindObjects(session_, &found, 1, &count));
    Check(module_->C_FindObjectsFinal(session_));
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE copy{CKA_TOKEN, &no, 1};
    Check(module_->C_CopyObject(session_, found, &copy, 1, &key_));
  }
  ~Bare() {
    p11_kit_module_finalize(module_);
    p11_kit_module_release(module_);
  }
  CK_SESSION_HANDLE Open() {
    CK_SESSION_HANDLE session;
    Check(module_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
    return session;
  }
  // False when SoftHSM failed, as it does now and then when two threads use it.
  bool Sign(CK_SESSION_HANDLE session, KeyType type, const std::string& bytes, std::string& out) {
    std::string digest = base::Sha256(bytes);
    CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
    if (type != KeyType::kP256) mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof pss};
    out.resize(512);
    CK_ULONG size = out.size();
    const bool done =
        module_->C_SignInit(session, &mechanism, key_) == CKR_OK &&
        module_->C_Sign(session, reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                        reinterpret_cast<unsigned char*>(out.data()), &size) == CKR_OK;
    out.resize(done ? size : 0);
    return done;
  }

 private:
  static void Check(CK_RV rv) {
    if (rv != CKR_OK) throw std::runtime_error(p11_kit_strerror(rv));
  }
  CK_FUNCTION_LIST* module_;
  CK_SLOT_ID slot_;
  CK_SESSION_HANDLE session_;
  CK_OBJECT_HANDLE key_;
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

Count BareCount(const HopRig& rig, KeyType type, bool verified) {
  const std::string input = Input(type);
  Bare bare(rig.token, std::string(Name(type)));
  const auto verifier = Must(hsm::SignatureVerifier::Create(
      hsm::SignatureAlgorithmOf(type), rig.info.at(type).public_key_der));
  return CountOf(kBareThreads, [&] {
    return [&, session = bare.Open(), signature = std::string()]() mutable {
      return bare.Sign(session, type, input, signature) &&
             (!verified || verifier->Verify(input, signature));
    };
  });
}

void BareLoop(benchmark::State& state, KeyType type, bool verified) {
  constexpr int kMostSpoiled = 60, kLongest = 30;  // a run takes two seconds
  HopRig& rig = Use<HopRig>();
  int spoiled = 0;
  for (auto _ : state) {
    for (;;) {
      int ends[2];
      if (pipe(ends) != 0) throw std::runtime_error("no pipe");
      const pid_t child = fork();
      if (child == 0) {
        alarm(kLongest);
        const Count count = BareCount(rig, type, verified);
        _exit(write(ends[1], &count, sizeof count) == sizeof count ? 0 : 1);
      }
      close(ends[1]);
      Count count;
      const bool whole = read(ends[0], &count, sizeof count) == sizeof count;
      close(ends[0]);
      waitpid(child, nullptr, 0);
      if (whole && count.failed == 0) {
        Report(state, count, count.cpu_us);
        break;
      }
      if (++spoiled == kMostSpoiled) {
        return state.SkipWithError("SoftHSM failed under two threads each time");
      }
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

void RegisterToken() {
  for (KeyType type : kTypes) {
    const std::string name = "hop/" + std::string(Name(type));
    const auto add = [&](const std::string& what, auto... arguments) {
      benchmark::RegisterBenchmark((name + what).c_str(), arguments...)
          ->UseManualTime()
          ->Iterations(3);
    };
    add("/bare_two_threads", BareLoop, type, false);
    add("/bare_two_threads_verified", BareLoop, type, true);
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
