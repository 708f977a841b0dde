// The bytes that the embedded bank prepares for a transfer or a return: self-contained, versioned,
// the same for the same order. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::bank::embedded {

struct TransferOrder {
  std::string payment_id;      // of a return, its refund_id
  std::string returns;         // the payment whose money comes back; empty: no return
  std::string bank_reference;  // of that payment
  std::string debtor;          // a return names no account and no remittance
  std::string creditor;
  int64_t amount = 0;
  std::string currency;
  uint32_t fraction_digits = 0;
  std::string remittance;
  int64_t deadline = 0;
  int64_t created = 0;
};

// kInvalidArgument, with a sentence that names no account, for an order that no bank would take.
base::Result<std::string> PrepareOrder(const TransferOrder& order);
// Takes only what PrepareOrder makes (kMalformed).
base::Result<TransferOrder> ParsePrepared(std::string_view prepared);

}  // namespace paygate::bank::embedded
