// A simulated network of a test's own: real keys, a real paygate-banksim on ports of its own, in a
// directory that is gone afterwards. Made by tools/scratch-network.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace paygate::banksim::testing {

constexpr char kBuyerBank[] = "BUYRGB2LXXX";
constexpr char kSellerBank[] = "SELRGB2LXXX";

class ScratchNetwork {
 public:
  // `prepare` changes the made directory before anything starts; `program` runs in place of
  // paygate-banksim. Throws std::runtime_error.
  explicit ScratchNetwork(std::function<void(const std::string& directory)> prepare = {},
                          std::string program = "", int customers = 4);
  ~ScratchNetwork();
  ScratchNetwork(const ScratchNetwork&) = delete;

  void Start();
  void Kill();  // SIGKILL
  // From now on the program is started again whenever it dies.
  void KeepAlive();
  int Stop();   // SIGTERM; the exit code
  pid_t pid() const { return pid_; }
  const std::string& AdminUrl() const { return admin_; }
  const std::string& directory() const { return directory_; }
  // The adapter's configuration for the running network. It waits for answers as long as a slow
  // machine may take; `more` otherwise.
  std::string AdapterConfig(const std::string& more =
                                "answer_timeout_s = 60\n"
                                "late_answer_wait_s = 60\n") const;
  // Of accounts.csv: IBANs (or codes) of a bank's customers.
  std::vector<std::string> Ibans(const std::string& bank) const;
  std::string CodeOf(const std::string& iban) const;

  // The admin. The body of a 200; throws for anything else, unless `status` is wanted.
  std::string Ask(const std::string& method, const std::string& path, const std::string& body = "",
                  int* status = nullptr) const;
  nlohmann::json Get(const std::string& path) const {
    return nlohmann::json::parse(Ask("GET", path));
  }
  void AddRule(const std::string& json) const { Ask("POST", "/rules", json); }
  void ClearRules() const { Ask("DELETE", "/rules"); }
  bool LedgerIsRight() const { return Get("/ledger/check")["ok"] == true; }
  std::string BalanceOf(const std::string& iban) const;
  // What the banks know of a payment: "completed", …, or "none".
  std::string TruthOf(const std::string& payment_id) const;

 private:
  std::string directory_, admin_;
  std::vector<std::string> bank_urls_;
  std::string program_;
  pid_t pid_ = 0;  // with KeepAlive, of its thread
  std::jthread keeper_;
};

}  // namespace paygate::banksim::testing
