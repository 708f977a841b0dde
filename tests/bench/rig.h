// A whole gateway without its front: engine in this process, real token processes on SoftHSM, a
// real bank process with the embedded plugin, a real store; made by tools/scratch-gateway in a
// directory that is gone afterwards. Requests go to Engine::Handle as the front's frames would.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "bank/bank.h"
#include "gateway/engine/engine.h"
#include "hsm/token/client.h"
#include "tests/bench/bench.h"
#include "tests/doubles/fault_script.h"

namespace paygate::bench {

// A program of ours, killed and reaped with this object.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ~Child();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

// A private directory, removed with this object.
struct Directory {
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  std::string path;
};

struct Cpu {  // µs of user and system time
  double engine = 0, token = 0, bank = 0;
  double all() const { return engine + token + bank; }
  Cpu& operator+=(const Cpu& o) {
    return engine += o.engine, token += o.token, bank += o.bank, *this;
  }
  friend Cpu operator-(Cpu a, const Cpu& b) {
    return a.engine -= b.engine, a.token -= b.token, a.bank -= b.bank, a;
  }
};

struct Customer {
  std::string iban, enrolment_code;
};

// A token that is slow because its module waits as a script says (tests/doubles/fault_script.h):
// one process, one session; and a gateway that offers batch signatures.
enum class TokenSpeed : uint8_t { kAsItIs, kScripted };

class Rig {
 public:
  explicit Rig(hsm::KeyType type, TokenSpeed speed = TokenSpeed::kAsItIs);
  ~Rig();
  Rig(const Rig&) = delete;

  hsm::KeyType type() const { return type_; }
  const gateway::Config& config() const { return config_; }
  const gateway::engine::GatewayKeys& keys() const { return *keys_; }
  storage::Store& store() { return *store_; }
  const std::vector<Customer>& customers() const { return customers_; }

  // Posts all bodies to one path, so many at a time, and waits for every answer, in their order.
  // Nothing but the engine's work happens meanwhile: an answer is moved aside and the next sent.
  std::vector<gateway::Response> PostAll(const std::string& path, std::vector<std::string> bodies,
                                         size_t in_flight);
  // One request, and its answer.
  gateway::Response Post(const std::string& path, std::string body);
  Cpu UsedCpu() const;
  // With TokenSpeed::kScripted.
  doubles::FaultScript& token_script() { return *script_; }

 private:
  void ReadCustomers();
  void StartProcesses();

  const hsm::KeyType type_;
  const base::SystemClock clock_;
  const Directory directory_;
  gateway::Config config_;
  std::unique_ptr<doubles::FaultScript> script_;
  std::vector<Customer> customers_;
  std::vector<Child> tokens_;
  std::unique_ptr<Child> bank_process_;
  std::unique_ptr<hsm::token::TokenClient> token_;
  std::shared_ptr<const gateway::engine::GatewayKeys> keys_;
  std::unique_ptr<gateway::engine::KeysInForce> in_force_;
  std::unique_ptr<gateway::engine::StorageKeys> storage_keys_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<bank::Bank> bank_;
  std::unique_ptr<gateway::engine::Engine> engine_;
  std::jthread ticker_;
};

}  // namespace paygate::bench
