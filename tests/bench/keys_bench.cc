// Each private-key operation three ways: through the token processes, as bare PKCS#11 calls in this
// process, and in software (OpenSSL). `all_cpu_us` counts the token processes' CPU too.
#include "base/crypto.h"
#include "hsm/pkcs11/token.h"
#include "hsm/token/client.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "protocol/software_key.h"
#include "tests/bench/bench.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::bench {
namespace {

using hsm::KeyType;
using hsm::KeyUsage;
using hsm::StatementKind;
using protocol::PublicKey;
using protocol::SoftwareKey;

constexpr KeyType kTypes[] = {KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519};
constexpr int kTokenProcesses = 2, kThreads = 8;

std::string SignKey(KeyType type) { return "sign-" + std::string(Name(type)); }
std::string DecryptKey(KeyType type) { return "decrypt-" + std::string(Name(type)); }

std::string SigningInput(KeyType type) {
  return protocol::JwsSigningInput(hsm::SignatureAlgorithmOf(type), protocol::kTypReceipt, {},
                                   std::string(1200, 'x'));
}

struct KeyRig final : Fixture {
  KeyRig() {
    std::vector<std::string> keys;
    for (KeyType type : kTypes) {
      token.Generate(SignKey(type), type, KeyUsage::kSign);
      keys.push_back(SignKey(type) + ":jws");
      if (type == KeyType::kEd25519) continue;
      const auto key = token.Generate(DecryptKey(type), type, KeyUsage::kDecrypt);
      keys.push_back(DecryptKey(type) + ":decrypt");
      wrapped[type] =
          Must(protocol::NewContentKey(Must(PublicKey::FromSpki(key.public_key_der)))).wrapped;
    }
    hsm::token::TokenClientOptions options;
    for (int i = 0; i < kTokenProcesses; ++i) {
      options.sockets.push_back(token.directory() + "/token-" + std::to_string(i));
      processes.push_back(
          std::make_unique<doubles::TokenProcess>(token, options.sockets.back(), keys));
    }
    client = Must(hsm::token::TokenClient::Open(options));
    bare = Must(hsm::pkcs11::Token::Open(token.location(), kThreads));
  }
  bool Is() const { return true; }
  double Cpu() const {
    double sum = CpuMicros();
    for (const auto& process : processes) sum += CpuMicrosOf(process->pid());
    return sum;
  }

  doubles::ScratchToken token;
  std::vector<std::unique_ptr<doubles::TokenProcess>> processes;
  std::unique_ptr<hsm::token::TokenClient> client;
  std::unique_ptr<hsm::pkcs11::Token> bare;
  std::map<KeyType, std::string> wrapped;
};

enum class Way { kProcess, kBare, kSoftware };
constexpr std::pair<Way, const char*> kWays[] = {
    {Way::kProcess, "token"}, {Way::kBare, "pkcs11"}, {Way::kSoftware, "software"}};

// Counts the CPU of all processes, once for all threads of the benchmark.
template <typename Operation>
void Loop(benchmark::State& state, KeyRig& rig, Operation operation) {
  const double before = rig.Cpu();
  for (auto _ : state) {
    auto done = operation();
    if (!done) state.SkipWithError(done.error().ToString().c_str());
  }
  if (state.thread_index() == 0) {
    state.counters["all_cpu_us"] =
        (rig.Cpu() - before) / static_cast<double>(state.iterations() * state.threads());
  }
}

std::unique_ptr<hsm::Signer> SignerOf(KeyRig& rig, Way way, KeyType type) {
  if (way == Way::kProcess) return Must(rig.client->SignerFor(SignKey(type)));
  if (way == Way::kBare) return Must(rig.bare->SignerFor(SignKey(type)));
  return Must(Must(SoftwareKey::Generate(type, KeyUsage::kSign)).AsSigner());
}

void Sign(benchmark::State& state, Way way, KeyType type, size_t count) {
  KeyRig& rig = Use<KeyRig>();
  auto signer = SignerOf(rig, way, type);
  const std::string input = SigningInput(type);
  const std::vector<hsm::Statement> statements(count, {StatementKind::kJws, input});
  Loop(state, rig, [&] { return signer->SignAll(statements); });
}

void Unwrap(benchmark::State& state, Way way, KeyType type) {
  KeyRig& rig = Use<KeyRig>();
  std::string wrapped = rig.wrapped.at(type);
  std::unique_ptr<hsm::Decrypter> decrypter;
  if (way == Way::kProcess) decrypter = Must(rig.client->DecrypterFor(DecryptKey(type)));
  if (way == Way::kBare) decrypter = Must(rig.bare->DecrypterFor(DecryptKey(type)));
  if (way == Way::kSoftware) {
    const auto key = Must(SoftwareKey::Generate(type, KeyUsage::kDecrypt));
    decrypter = Must(key.AsDecrypter());
    wrapped = Must(protocol::NewContentKey(key.public_key())).wrapped;
  }
  const auto algorithm = decrypter->algorithm();
  Loop(state, rig, [&] { return decrypter->Unwrap({algorithm, wrapped}); });
}

}  // namespace

void RegisterKeys() {
  for (auto [way, name] : kWays) {
    for (KeyType type : kTypes) {
      const std::string suffix = "/" + std::string(Name(type)) + "/" + name;
      const auto add = [&](const std::string& what, auto... arguments) {
        benchmark::RegisterBenchmark((what + suffix).c_str(), arguments...)->UseRealTime();
      };
      add("sign", Sign, way, type, 1);
      add("sign_two_in_one_trip", Sign, way, type, 2);
      if (type != KeyType::kEd25519) add("unwrap", Unwrap, way, type);
    }
  }
}

}  // namespace paygate::bench
