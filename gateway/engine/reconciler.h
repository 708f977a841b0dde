// Compares what the banks state that they have booked with what is stored here, on a timer and when
// the operator asks (docs/operations/reconciliation.md, docs/decisions/0022).
//
// A run reads the statement from where the last one ended, or whole, and then looks at everything
// that is unreconciled: bounded steps of one page each, on workers, one after the other, and no
// payment waits for it. What it finds is in the log as an alarm and in the report. It settles
// nothing: an order that a bank states to have booked and that is open here is asked about at once.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "gateway/engine/difference.h"
#include "gateway/engine/settler.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

struct FoundDifference {
  Difference difference = Difference::kNone;
  std::string id;
  std::string state;                     // here: "none", "open", "completed", "failed"
  std::string amount, reference;         // here
  std::string booked_amount, booked_reference;
  std::optional<base::UnixTime> booked_at, settled_at;
};

struct ReconciliationReport {
  static constexpr size_t kMostListed = 200;
  uint64_t run = 0;  // 1, 2, 3 … since the engine started; 0: there was none
  bool ended = false;
  std::string failure;  // why it could not be done; what stands below is then only what was seen
  bool whole = false;   // from the first booking on
  base::UnixTime began_at{}, ended_at{}, complete_until{};
  uint64_t bookings = 0;  // read by this run
  uint64_t waiting = 0;   // too young to be judged
  uint64_t count = 0;     // of all differences
  std::vector<FoundDifference> differences;  // the first kMostListed
};

class Reconciler {
 public:
  struct Wish {
    bool whole = false;      // read the statement from its beginning again
    base::UnixTime since{};  // report only what was booked or settled then or later
  };
  // All borrowed; the pool is drained before this object goes.
  Reconciler(const base::Clock& clock, storage::Reconciliation& store,
             const storage::AuthorisationReader& payments, bank::Bank& bank, Settler& settler,
             base::WorkerPool& workers, std::chrono::seconds clock_skew,
             std::chrono::seconds interval);

  void Tick();  // from the ticker
  // A run that begins after this call; its number. kBankUnavailable, kInvalidArgument if the
  // adapter gives no statement.
  base::Result<uint64_t> Start(const Wish& wish) EXCLUDES(mutex_);
  // Of that run, if it began; otherwise of the one that is under way, or was last.
  ReconciliationReport Report() const EXCLUDES(mutex_);

 private:
  // Of the run that is under way: one step at a time touches it.
  struct Run {
    Wish wish;
    std::string adapter, cursor;
    std::string after;  // the last id of the step before
    ReconciliationReport report;
  };
  void Begin() EXCLUDES(mutex_);
  void ForgetUnreconciled();
  void Next(void (Reconciler::*step)());  // on a worker
  void AskPage();
  void TakePage(const bank::StatementPage& page) EXCLUDES(mutex_);
  base::Status Take(const bank::StatementPage& page);
  void SweepSettled();     // of a whole run: what is completed and was not listed
  void SweepUnreconciled();
  base::Status Settled(const std::vector<std::string>& ids);
  base::Status Unreconciled(const std::vector<storage::Unreconciled>& rows);
  base::Result<std::optional<storage::ListedBooking>> BookingOf(
      const std::string& id, storage::ReconciliationChanges& changes) const;
  void Note(Difference difference, const std::string& id, const Evidence& evidence);
  void End(std::string failure) EXCLUDES(mutex_);

  const base::Clock& clock_;
  storage::Reconciliation& store_;
  const storage::AuthorisationReader& payments_;
  bank::Bank& bank_;
  Settler& settler_;
  base::WorkerPool& workers_;
  const std::chrono::seconds clock_skew_, interval_;
  Run run_;                             // of the step that runs
  std::atomic<bool> running_ = false;
  std::optional<base::MonotonicTime> next_;  // of the ticker's thread
  mutable base::Mutex mutex_;
  std::optional<Wish> wish_ GUARDED_BY(mutex_);
  bool failed_ GUARDED_BY(mutex_) = false;      // the last run: again soon
  uint64_t runs_ GUARDED_BY(mutex_) = 0;        // begun
  ReconciliationReport report_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
