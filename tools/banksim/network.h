// Network: the running simulator. Banks on their ports, one ledger, one set of rules, the admin.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tools/banksim/bank.h"
#include "tools/banksim/http.h"

namespace paygate::banksim {

class Network {
 public:
  // `restart` replaces the program by a fresh one and does not return. `config` must outlive it.
  static base::Result<std::unique_ptr<Network>> Open(const Config& config,
                                                     std::function<void()> restart);
  ~Network();  // Stop()
  void Stop() EXCLUDES(mutex_);
  // "ready admin http://127.0.0.1:PORT BIC https://127.0.0.1:PORT …"
  std::string ReadyLine() const;

 private:
  struct Site {
    std::unique_ptr<Bank> bank;
    std::unique_ptr<Server> server;
  };
  Network(const Config& config, std::function<void()> restart);
  base::Status OpenAll();
  bool OnBankRequest(Bank& bank, const Request& request, Stream& stream);
  bool OnInboxRequest(Bank& bank, const Request& request, Stream& stream);
  bool OnBookingsRequest(Bank& bank, const Request& request, Stream& stream);
  bool Deliver(const Response& response, Stream& stream);
  bool Drip(const std::string& bytes, int64_t over_ms, Stream& stream);
  void Pause(double ms) EXCLUDES(mutex_);  // ends early when the network stops

  // The admin's part, in admin.cc.
  bool OnAdminRequest(const Request& request, Stream& stream);
  struct Page {
    int status = 200;
    std::string body;
    std::string type = "application/json";
  };
  Page Admin(const Request& request);
  Page LedgerPage(const std::string& what);
  Page AccountsPage();
  Page TransactionPage(const std::string& id);
  Page ReportPage(bool statement, const std::string& iban);
  Page RulesPage(const Request& request, const std::string& number);
  Page OrderPage(const Request& request, const std::string& iban, const std::string& what);
  Page BookingsPage(const std::string& bic);
  Page BankPage(const Request& request, const std::string& bic, const std::string& what);

  const Config& config_;
  const std::function<void()> restart_;
  Rules rules_;
  std::unique_ptr<bank::iso20022::Schemas> schemas_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<Site> sites_;
  std::unique_ptr<Server> admin_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace paygate::banksim
