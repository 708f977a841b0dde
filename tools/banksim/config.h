// Config: the simulated network as a person writes it: one TOML file, accounts in CSV.
//
// Unknown keys and doubtful values are refused with a sentence that names the place
// (kInvalidArgument). Relative paths count from the file's own directory. Times are milliseconds
// unless the name says otherwise.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "tools/banksim/faults.h"

namespace paygate::banksim {

struct AccountConfig {
  std::string bank, iban;
  base::Currency currency;
  int64_t balance = 0;    // counts only when the ledger first sees the account
  int64_t overdraft = 0;  // how far below zero it may go
  bool closed = false;
  std::string enrolment_code;  // empty: nobody can enrol. Toy money: no SecretBytes.
  std::string name;
};

struct BankConfig {
  std::string bic;
  uint16_t port = 0;  // 0: any free one at the first start, then the same
  std::string tls_certificate, tls_key, signing_key;
  bool rejects_duplicates = false;  // a resend is RJCT AM05 instead of the first answer again
  int64_t clock_skew_s = 0;
  std::map<std::string, Latency> latency;  // by message ("pacs.008"), and "default"
};

struct Config {
  uint64_t seed = 1;
  std::string ledger;
  std::string schemas;  // directory; empty: messages are checked by our own reader alone
  uint16_t admin_port = 0;
  std::string client_ca;    // who may connect
  std::string gateway_bic;  // whom answers go to
  std::string gateway_key;  // public, of its signatures
  uint32_t enrolment_tries = 5;
  std::vector<BankConfig> banks;
  std::vector<AccountConfig> accounts;
  std::vector<Rule> rules;
};

base::Result<Config> LoadConfig(const std::string& path);
base::Result<std::vector<AccountConfig>> ParseAccounts(std::string_view csv);

}  // namespace paygate::banksim
