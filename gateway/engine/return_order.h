// What the bank is told to give back, made ready for an intent: the same for a seller's refund and
// for one on the strength of a claim.
#pragma once

#include <string>

#include "bank/bank.h"
#include "base/clock.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/storage_keys.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

struct ReturnOrder {
  std::string prepared;  // the bytes for the bank
  Sealed sealed;         // the same, for the store
  base::UnixTime created, deadline;
};

struct ReturnParts {  // borrowed
  const base::Clock& clock;
  const storage::AuthorisationReader& payments;
  bank::Bank& bank;
  StorageKeys& storage_keys;
  const Limits& limits;
};

// `payment`: completed. kBankUnavailable: too many intents are open, or the bank cannot give back
// now. Nothing is sent or stored. Thread-safe.
base::Result<ReturnOrder> PrepareReturn(const ReturnParts& parts, const std::string& refund_id,
                                        const storage::Payment& payment,
                                        const base::Money& amount);

}  // namespace paygate::gateway::engine
