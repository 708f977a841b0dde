// Config: the adapter's own configuration, as an operator writes it (TOML; the grammar is at the
// top of config.cc). Unknown keys, doubtful values and keys that cannot be loaded are refused with
// a sentence that says what to mend (kInvalidArgument). Paths are absolute.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "bank/adapters/iso20022/signature.h"
#include "base/result.h"

namespace paygate::bank::iso20022 {

struct BankRoute {
  std::string bic;
  std::string url;                 // https://host:port, without a path
  std::string tls_ca;              // who vouches for the bank's TLS certificate
  VerifyingKey key;                // of the bank's signatures
  std::vector<std::string> ibans;  // "GB:BUYR": country, and how the BBAN begins
  // The bank settles nothing after RjctTm. If not, "not found" never is final.
  bool enforces_deadline = true;
};

struct Config {
  std::string bic;  // the gateway's own
  SigningKey key;
  std::string tls_certificate, tls_key;
  size_t connections = 32;    // to each bank
  size_t max_waiting = 4096;  // calls in flight; beyond: busy
  std::chrono::milliseconds answer_timeout{15'000};
  std::chrono::milliseconds late_answer_wait{10'000};  // for the inbox, after a 202
  std::vector<BankRoute> banks;

  const BankRoute* ForIban(std::string_view iban) const;  // the longest that fits; null if none
  const BankRoute* ForBic(std::string_view bic) const;
};

base::Result<Config> ParseConfig(std::string_view toml);

}  // namespace paygate::bank::iso20022
