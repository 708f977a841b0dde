// Order: what is prepared once, stored by the gateway, and sent unchanged as often as need be.
//
// Pure: the same transfer and configuration give the same bytes. Errors are kInvalidArgument with
// a sentence (no account number in it). Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bank/adapters/iso20022/config.h"
#include "bank/adapters/iso20022/messages.h"

namespace paygate::bank::iso20022 {

struct TransferOrder {
  std::string payment_id, debtor, creditor;
  int64_t amount = 0;
  std::string currency;
  uint32_t fraction_digits = 0;
  std::string remittance;
  int64_t deadline = 0, created = 0;  // Unix seconds
};

struct ReturnOrder {
  std::string refund_id, payment_id;
  std::string bank_reference;  // as this adapter gave it: BIC, "/", the bank's own
  int64_t amount = 0;
  std::string currency;
  uint32_t fraction_digits = 0;
  int64_t deadline = 0, created = 0;
};

struct Prepared {
  bool is_return = false;
  std::string bic;  // of the bank that it goes to
  std::string transaction_id;
  std::string uetr;           // empty for a return
  int64_t deadline = 0;       // Unix milliseconds
  std::string message;        // the bytes that travel
  Original original() const;  // how a status request names it
};

base::Result<std::string> PrepareTransfer(const Config& config, const TransferOrder& order);
base::Result<std::string> PrepareReturn(const Config& config, const ReturnOrder& order);
base::Result<Prepared> ParsePrepared(std::string_view bytes);  // kMalformed

// What the gateway keeps of a completed transfer, at most 35 characters.
std::string BankReference(std::string_view bic, std::string_view own);

}  // namespace paygate::bank::iso20022
