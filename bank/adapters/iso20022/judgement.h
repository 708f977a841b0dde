// Judgement: what a bank's message means for one transfer. The table is in
// docs/formats/iso20022.md. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/order.h"

namespace paygate::bank::iso20022 {

enum class Outcome : uint8_t { kCompleted, kPending, kRejected, kNotSent, kUnknown, kNotFound };

struct Judgement {
  Outcome outcome = Outcome::kUnknown;
  std::string reason;     // with kRejected
  std::string reference;  // with kCompleted: the bank's own
  bool final() const { return outcome == Outcome::kCompleted || outcome == Outcome::kRejected; }
};

struct Question {
  const Prepared& about;
  bool is_status = false;         // a status request; otherwise the order itself
  bool enforces_deadline = true;  // the bank
  int64_t now = 0;                // Unix milliseconds
};

// nullopt: the message is not about this transfer.
std::optional<Judgement> Judge(const Question& question, const Message& message);

}  // namespace paygate::bank::iso20022
