// Calls: what the plugin was asked and has not answered; the guard against a plugin that breaks
// the rules of bank_adapter.h.
//
// The plugin gets a number, not a pointer, as its ctx, so that no completion however late or often
// can reach freed memory. What is made of each breach:
//   completes twice, late, or after refusing  logged; the first answer, or the refusal, stands
//   completes from inside the starting call   logged; the answer is unknown / no answer
//   completes and then returns nonzero        logged; the answer is unknown / no answer
//   outcome or verdict out of range, no result logged; unknown / no answer
//   never completes                            logged after the deadline; unknown / no answer
//   a ctx that was never given to it           its memory cannot be trusted: the process ends
// After the second and third the word of the plugin that "nothing happened" is not believed any
// more: a refused submit is then answered unknown. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <variant>

#include "bank/bank.h"
#include "bank/include/bank_adapter.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace paygate::bank::host {

class Calls {
 public:
  enum class Kind { kSubmit, kStatus, kVerify, kNotices, kStatement };
  using Result = std::variant<Answer, Verification, Notices, StatementPage>;
  using Deliver = std::move_only_function<void(Result)>;
  using Starter = std::move_only_function<int(void* ctx)>;

  Calls(const base::Clock& clock, size_t max_in_flight, std::chrono::seconds answer_deadline)
      : clock_(clock), max_in_flight_(max_in_flight), answer_deadline_(answer_deadline) {}

  // Runs `start` with a fresh ctx; `deliver` is called exactly once, from any thread, also from
  // inside Start (a refusal).
  void Start(Kind kind, Deliver deliver, Starter start) EXCLUDES(mutex_);
  // The completions that the plugin is given as done().
  void Complete(void* ctx, std::optional<Result> result) EXCLUDES(mutex_);
  // Answers what the plugin has not completed in time.
  void EndOverdue() EXCLUDES(mutex_);
  size_t in_flight() const EXCLUDES(mutex_);

 private:
  struct Call {
    Kind kind;
    Deliver deliver;
    base::MonotonicTime deadline;
    bool starting = true;         // the starting function has not returned yet
    bool inside = false;          // it completed from inside
    std::optional<Result> early;  // completed while starting, from another thread
  };
  void FinishStart(uint64_t id, int returned) EXCLUDES(mutex_);
  Result Refusal(Kind kind, int returned) const;

  const base::Clock& clock_;
  const size_t max_in_flight_;
  const std::chrono::seconds answer_deadline_;
  std::atomic<bool> refusals_believed_ = true;
  mutable base::Mutex mutex_;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Call> calls_ GUARDED_BY(mutex_);  // ids only grow: the first is the oldest
};

}  // namespace paygate::bank::host
