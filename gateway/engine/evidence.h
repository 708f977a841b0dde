// Gathers the evidence file of a payment (audit/evidence.h) from the store, has the issuing CAs say
// what the certificates' status is and the gateway seal the whole. For the operator alone: it signs
// several times and reads what it needs of the audit log. Thread-safe; blocks on store and token.
#pragma once

#include <string>

#include "audit/evidence.h"
#include "base/clock.h"
#include "base/result.h"
#include "gateway/engine/audit_keeper.h"
#include "gateway/engine/control.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/ocsp.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class EvidenceExport {
 public:
  // All borrowed.
  EvidenceExport(const base::Clock& clock, const Envelope& envelope, storage::Store& store,
                 AuditKeeper& audit, Ocsp& ocsp)
      : clock_(clock), envelope_(envelope), store_(store), audit_(audit), ocsp_(ocsp) {}

  // The file's bytes. kNotFound; kInvalidArgument for a refund, whose payment is to be named;
  // kCertificateInvalid if a certificate that is needed is known no more; kPayloadTooLarge.
  base::Result<std::string> Export(const std::string& payment_id);

 private:
  class Gathering;

  const base::Clock& clock_;
  const Envelope& envelope_;
  storage::Store& store_;
  AuditKeeper& audit_;
  Ocsp& ocsp_;
};

// The command "evidence": its answer is the file. `evidence` outlives `control`.
void AddEvidenceCommand(EvidenceExport& evidence, Control& control);

}  // namespace paygate::gateway::engine
