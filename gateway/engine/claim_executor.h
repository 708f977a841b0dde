// What becomes of a claim (protocol.md section 7, docs/decisions/0020): the gateway's decision on
// one that nobody answered, the operator's on the others, and the refund itself, which goes the way
// of every intent. From the ticker a bounded number at a time. Thread-safe but for Tick.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/worker_pool.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/participants.h"
#include "gateway/engine/return_order.h"
#include "gateway/engine/settler.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class ClaimExecutor {
 public:
  struct Parts {  // everything is borrowed; the pool is drained before this object goes
    const base::Clock& clock;
    const Envelope& envelope;
    Participants& participants;
    storage::Claims& claims;
    storage::AuthorisationStore& authorisations;
    ReturnParts returns;
    Settler& settler;
    Parking& parking;
    base::WorkerPool& workers;
  };
  explicit ClaimExecutor(const Parts& parts) : p_(parts) {}

  // Has a worker do what is due.
  void Tick();
  // The operator's word, by the ID of the claim or of its payment. The same decision again changes
  // nothing. kNotFound; kInFlight: the seller may still answer; kAlreadyExists: decided otherwise.
  base::Result<storage::Claim> Decide(const std::string& id, bool refund,
                                      const std::string& reason);
  // By either ID. kNotFound.
  base::Result<storage::Claim> Find(const std::string& id) const;

 private:
  void Run();
  base::Status Advance(const std::string& payment_id);
  base::Status Order(const storage::Claim& claim, storage::ClaimOrder order);
  base::Status Execute(const storage::Claim& claim);
  base::Status Record(const storage::Claim& claim, const storage::Payment& payment,
                      const base::Money& amount);
  base::Status Postpone(const storage::Claim& claim, std::chrono::seconds by);

  const Parts p_;
  std::atomic<bool> busy_ = false;      // a worker does what was due
  std::atomic<bool> hindered_ = false;  // the last look ended early
  base::MonotonicTime next_{};          // of the ticker
};

}  // namespace paygate::gateway::engine
