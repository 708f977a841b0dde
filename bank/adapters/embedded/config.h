// Config: the embedded bank's configuration and its accounts, as people write them (TOML).
//
// Unknown keys, doubtful values and two accounts of one number are refused with a sentence that
// names the place (kInvalidArgument). No sentence holds an account number or a code: an account is
// named by its position in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::bank::embedded {

// What an account does with a transfer from or to it, so that a gateway can be seen to cope.
enum class Behaviour : uint8_t {
  kNormal,
  kPending,   // accepted, and completed at the n-th status inquiry (pending_inquiries)
  kReject,    // rejected with reject_reason
  kNoAnswer,  // executed, but the answer is lost; a status inquiry tells
};

struct Account {
  std::string name;
  std::string iban;
  base::Currency currency;
  int64_t opening_balance = 0;  // minor units; counts only when the ledger first sees the account
  int64_t overdraft = 0;        // how far below zero it may go
  bool closed = false;
  base::SecretBytes enrolment_code;  // empty: nobody can enrol
  int64_t enrolment_expires = 0;     // Unix time from which the code enrols nobody; 0: never
  Behaviour behaviour = Behaviour::kNormal;
  std::string reject_reason;
};

struct Config {
  std::string ledger;  // path of the journal
  uint32_t enrolment_tries = 5;
  uint32_t pending_inquiries = 2;
  std::vector<Account> accounts;
};

// Reads the accounts file that the configuration names. Relative paths count from `directory`.
base::Result<Config> ParseConfig(std::string_view toml, const std::string& directory = ".");
base::Result<std::vector<Account>> ParseAccounts(std::string_view toml);

}  // namespace paygate::bank::embedded
