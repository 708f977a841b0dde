// Keeps the audit log: gives entries their numbers about once a second, and has the token sign a
// checkpoint of them when checkpoint_interval_s has passed, when the operator asks, and at the end.
// What a checkpoint says is durable before it is signed; a checkpoint that the store could not keep
// was shown to nobody. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "gateway/engine/keys.h"
#include "storage/audit_log.h"

namespace paygate::gateway::engine {

class AuditKeeper {
 public:
  // All borrowed; the pool is drained before this object goes.
  AuditKeeper(const base::Clock& clock, const KeysInForce& keys, storage::AuditLog& log,
              base::WorkerPool& workers, std::chrono::seconds checkpoint_interval)
      : clock_(clock),
        keys_(keys),
        log_(log),
        workers_(workers),
        checkpoint_interval_(checkpoint_interval) {}

  // Has a worker do what is due.
  void Tick();
  // Numbers all that waits, and signs a checkpoint if the newest one does not cover it. nullopt:
  // the log is empty. Blocks on store and token.
  base::Result<std::optional<storage::KeptCheckpoint>> Checkpoint() EXCLUDES(mutex_);

 private:
  base::Result<size_t> NumberAll();

  const base::Clock& clock_;
  const KeysInForce& keys_;
  storage::AuditLog& log_;
  base::WorkerPool& workers_;
  const std::chrono::seconds checkpoint_interval_;
  std::atomic<bool> busy_ = false;        // a worker does what was due
  base::MonotonicTime number_at_{};       // of the ticker
  base::MonotonicTime checkpoint_at_{};   // of the ticker
  base::Mutex mutex_;                     // one checkpoint at a time
};

}  // namespace paygate::gateway::engine
