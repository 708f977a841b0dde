// The operator's reconciliation: begin a run, and see how it went.
#pragma once

#include "gateway/engine/control.h"
#include "gateway/engine/reconciler.h"

namespace paygate::gateway::engine {

// `reconciler` outlives `control`.
void AddReconciliationCommands(Reconciler& reconciler, Control& control);

}  // namespace paygate::gateway::engine
