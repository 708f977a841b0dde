#include "tests/bench/rig.h"

#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "storage/rocksdb/rocks_store.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"
#include "tests/doubles/spawn.h"

namespace paygate::bench {
namespace {

using gateway::Request;
using gateway::Response;

constexpr std::chrono::milliseconds kTick{50};  // as the engine's program ticks
constexpr std::chrono::seconds kStartLimit{15};

// The value of `key = "value"`, or nothing if the line has another key.
std::string ValueOf(const std::string& line, const std::string& key) {
  if (!line.starts_with(key + " ")) return {};
  const size_t from = line.find('"') + 1;
  return line.substr(from, line.rfind('"') - from);
}

// Some requests of a batch under way; each answer sends the next.
struct Batch {
  gateway::engine::Engine& engine;
  const std::string& path;
  std::vector<std::string> bodies;
  std::vector<Response> answers;
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::condition_variable changed;
  size_t answered = 0;

  void SendNext() {
    const size_t i = next++;
    if (i >= bodies.size()) return;
    engine.Handle(Request{.id = i,
                          .method = gateway::Method::kPost,
                          .path = path,
                          .content_type = "application/jose",
                          .source = "127.0.0.1",
                          .body = std::move(bodies[i])},
                  gateway::engine::Reply(i, [this, i](Response response) {
                    answers[i] = std::move(response);
                    SendNext();
                    std::lock_guard lock(mutex);
                    if (++answered == answers.size()) changed.notify_all();
                  }));
  }
};

}  // namespace

Child::Child(const std::vector<std::string>& command) : pid_(doubles::Spawn(command)) {}

Child::~Child() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Directory::Directory() {
  std::string pattern = std::filesystem::temp_directory_path() / "paygate-bench-XXXXXX";
  path = mkdtemp(pattern.data());
}
Directory::~Directory() { std::filesystem::remove_all(path); }

Rig::Rig(hsm::KeyType type, TokenSpeed speed) : type_(type) {
  std::vector<std::string> make{doubles::Source("tools/scratch-gateway"), directory_.path, "--bin",
                                doubles::BinDir(), "--key-type", std::string(Name(type)),
                                "--customers", "4", "--engine", "handshake_lifetime_s = 600",
                                "--engine", "clock_skew_s = 600"};
  if (speed == TokenSpeed::kScripted) {
    make.insert(make.end(), {"--engine", "batch_signatures = true"});
  }
  const auto made = doubles::RunProgram(make);
  if (made.exit_code != 0) {
    Must<void>(base::Fail(base::ErrorCode::kInternal, "scratch-gateway: " + made.output));
  }
  setenv("SOFTHSM2_CONF", (directory_.path + "/token/softhsm2.conf").c_str(), 1);
  config_ = Must(gateway::LoadConfig(directory_.path + "/gateway.toml"));
  config_.engine.in_progress = 1024;  // a benchmark says itself how many are in flight
  if (speed == TokenSpeed::kScripted) {
    const std::string faults = directory_.path + "/token/faults";
    setenv("PAYGATE_FAULT_FILE", faults.c_str(), 1);
    script_ = std::make_unique<doubles::FaultScript>(faults);
    config_.token.module = doubles::FaultyModule();
    config_.token.processes = config_.token.sessions = 1;
  }
  ReadCustomers();
  StartProcesses();

  hsm::token::TokenClientOptions options;
  // Everyone's operations queue for one session.
  if (speed == TokenSpeed::kScripted) options.operation_deadline = std::chrono::seconds(20);
  for (uint32_t i = 0; i < config_.token.ProcessCount(); ++i) {
    options.sockets.push_back(config_.TokenSocket(i));
  }
  token_ = Must(hsm::token::TokenClient::Open(options));
  keys_ = Must(gateway::engine::GatewayKeys::Load(config_, *token_, clock_.Now()));
  in_force_ = std::make_unique<gateway::engine::KeysInForce>(keys_);
  storage_keys_ = Must(gateway::engine::StorageKeys::Open(
      directory_.path + "/state/storage-keys", clock_, keys_->storage_public_key, *keys_->storage));
  store_ = Must(storage::rocksdb::OpenRocksStore(directory_.path + "/state/store"));
  bank_ = bank::OpenBankClient({.socket = config_.BankSocket()}, clock_);
  engine_ = std::make_unique<gateway::engine::Engine>(config_, clock_, *in_force_, *storage_keys_,
                                                      *store_, *bank_);
  engine_->Recover();
  ticker_ = std::jthread([this](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      engine_->Tick();
      stopped.wait_for(lock, stop, kTick, [] { return false; });
    }
  });
  const auto end = clock_.Monotonic() + kStartLimit;
  while (!bank_->Healthy() && clock_.Monotonic() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Rig::~Rig() {
  ticker_.request_stop();
  ticker_.join();
  engine_->Drain();
  bank_.reset();
  engine_.reset();
  store_.reset();
  storage_keys_.reset();
  in_force_.reset();
  keys_.reset();
  token_.reset();
  tokens_.clear();
  bank_process_.reset();
}

void Rig::ReadCustomers() {
  std::ifstream file(directory_.path + "/bank/accounts.toml");
  for (std::string line; std::getline(file, line);) {
    if (auto iban = ValueOf(line, "iban"); !iban.empty()) customers_.push_back({iban, {}});
    if (auto code = ValueOf(line, "enrolment_code"); !code.empty()) {
      customers_.back().enrolment_code = code;
    }
  }
}

// With the arguments that paygated gives them.
void Rig::StartProcesses() {
  for (uint32_t i = 0; i < config_.token.ProcessCount(); ++i) {
    std::vector<std::string> command{doubles::Program("paygate-token"),
                                     "--module",
                                     config_.token.module,
                                     "--token-uri",
                                     config_.token.uri,
                                     "--pin-file",
                                     config_.token.pin_file,
                                     "--socket",
                                     config_.TokenSocket(i),
                                     "--sessions",
                                     std::to_string(config_.token.sessions)};
    for (const gateway::KeySpec& key : config_.token.Keys()) {
      command.insert(command.end(), {"--key", key.label + ":" + key.purpose});
    }
    tokens_.emplace_back(command);
  }
  bank_process_ = std::make_unique<Child>(std::vector<std::string>{
      doubles::Program("paygate-bank"), "--plugin", config_.bank.plugin, "--adapter-config",
      config_.bank.config, "--socket", config_.BankSocket()});
}

std::vector<Response> Rig::PostAll(const std::string& path, std::vector<std::string> bodies,
                                   size_t in_flight) {
  const size_t count = bodies.size();
  Batch batch{.engine = *engine_,
              .path = path,
              .bodies = std::move(bodies),
              .answers = std::vector<Response>(count),
              .mutex = {},
              .changed = {}};
  for (size_t i = 0; i < in_flight; ++i) batch.SendNext();
  std::unique_lock lock(batch.mutex);
  batch.changed.wait(lock, [&] { return batch.answered == count; });
  return std::move(batch.answers);
}

Response Rig::Post(const std::string& path, std::string body) {
  return std::move(PostAll(path, {std::move(body)}, 1).front());
}

Cpu Rig::UsedCpu() const {
  Cpu cpu{.engine = CpuMicros(), .token = 0, .bank = CpuMicrosOf(bank_process_->pid())};
  for (const Child& token : tokens_) cpu.token += CpuMicrosOf(token.pid());
  return cpu;
}

}  // namespace paygate::bench
