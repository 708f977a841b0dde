// What the operator may ask and decide of claims: rows of the table in control.h.
#pragma once

#include "gateway/engine/claim_executor.h"
#include "gateway/engine/control.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

// claims.list, claims.show, claims.decide. All borrowed.
void AddClaimCommands(storage::Store& store, ClaimExecutor& executor, Control& control);

}  // namespace paygate::gateway::engine
