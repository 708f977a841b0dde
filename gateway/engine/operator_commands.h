// The operator's first commands: the state of the gateway, participants and their certificates, and
// payments. Pages are bounded; no account number is in any answer, because the engine has none.
#pragma once

#include "bank/bank.h"
#include "base/clock.h"
#include "gateway/engine/control.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

struct OperatorParts {
  std::string gateway_id;
  const base::Clock& clock;
  storage::Store& store;
  bank::Bank& bank;
};

// All that `parts` refers to outlives `control`.
void AddOperatorCommands(const OperatorParts& parts, Control& control);

}  // namespace paygate::gateway::engine
