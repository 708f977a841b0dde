// What the operator may ask of the audit log: rows of the table in control.h.
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "gateway/engine/audit_keeper.h"
#include "gateway/engine/control.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

// audit.checkpoint, audit.entries, audit.checkpoints, audit.certificates: what `paygatectl audit
// export` is made of. All borrowed.
void AddAuditCommands(const storage::AuditLog& log, AuditKeeper& keeper, Control& control);

// Control::Recorder: an order, and whose, into the log. Of its arguments only the participant or
// payment that it is about, if there is such a one.
base::Status RecordOrder(storage::Store& store, const base::Clock& clock,
                         const ControlRequest& request, uid_t who);

}  // namespace paygate::gateway::engine
