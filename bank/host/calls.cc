#include "bank/host/calls.h"

#include <unistd.h>

#include <vector>

#include "bank/host/exit_codes.h"
#include "base/log.h"

namespace paygate::bank::host {
namespace {

using base::MutexLock;

thread_local uint64_t starting_here = 0;  // the call whose starting function this thread is inside

void* ToContext(uint64_t id) { return reinterpret_cast<void*>(static_cast<uintptr_t>(id)); }

Calls::Result DontKnow(Calls::Kind kind) {
  if (kind == Calls::Kind::kVerify) return Verification{};
  if (kind == Calls::Kind::kNotices) return Notices{};
  if (kind == Calls::Kind::kStatement) return StatementPage{};
  return Answer{};
}

void LogBreach(std::string_view what) {
  base::LogError("adapter.breach", {{"breach", what}, {"see", "docs/adapters.md"}});
}

}  // namespace

Calls::Result Calls::Refusal(Kind kind, int returned) const {
  if (kind != Kind::kSubmit && kind != Kind::kStatus) return DontKnow(kind);
  if (kind == Kind::kSubmit && !refusals_believed_) return Answer{};
  if (returned == PAYGATE_BANK_E_BUSY) return Answer{.outcome = Outcome::kBusy};
  // Bytes that the adapter does not take: they did not reach the bank now, but what an earlier
  // release of it did with them, a status question cannot tell.
  return Answer{.outcome = kind == Kind::kSubmit ? Outcome::kNotSent : Outcome::kUnknown};
}

void Calls::Start(Kind kind, Deliver deliver, Starter start) {
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    if (calls_.size() < max_in_flight_) {
      id = next_id_++;
      calls_.emplace(id, Call{.kind = kind,
                              .deliver = std::move(deliver),
                              .deadline = clock_.Monotonic() + answer_deadline_});
    }
  }
  if (id == 0) {
    const bool transfer = kind == Kind::kSubmit || kind == Kind::kStatus;
    deliver(transfer ? Result(Answer{.outcome = Outcome::kBusy}) : DontKnow(kind));
    return;
  }
  starting_here = id;
  const int returned = start(ToContext(id));
  starting_here = 0;
  FinishStart(id, returned);
}

void Calls::FinishStart(uint64_t id, int returned) {
  Deliver deliver;
  Result result;
  {
    MutexLock lock(mutex_);
    auto it = calls_.find(id);
    if (it == calls_.end()) return;  // overdue before it returned
    Call& call = it->second;
    call.starting = false;
    if (returned == PAYGATE_BANK_TAKEN && !call.inside && !call.early) return;
    if (call.inside || (call.early && returned != PAYGATE_BANK_TAKEN)) {
      refusals_believed_ = false;
      LogBreach(call.inside ? "completed from inside the call" : "completed and then refused");
      result = DontKnow(call.kind);
    } else {
      result = call.early ? std::move(*call.early) : Refusal(call.kind, returned);
    }
    deliver = std::move(call.deliver);
    calls_.erase(it);
  }
  deliver(std::move(result));
}

void Calls::Complete(void* ctx, std::optional<Result> result) {
  const uint64_t id = reinterpret_cast<uintptr_t>(ctx);
  Deliver deliver;
  {
    MutexLock lock(mutex_);
    if (id == 0 || id >= next_id_) {
      base::LogAlarm("adapter.wild_completion",
                     {{"meaning", "its memory cannot be trusted; the host ends now"}});
      _exit(kExitPluginBroken);  // not abort(): no core file with account numbers
    }
    auto it = calls_.find(id);
    if (it == calls_.end() || it->second.early) {
      LogBreach("completed twice, too late, or after refusing; ignored");
      return;
    }
    Call& call = it->second;
    if (!result) LogBreach("outcome or verdict out of range; taken as unknown");
    Result r = result ? std::move(*result) : DontKnow(call.kind);
    if (starting_here == id) {
      call.inside = true;
      return;
    }
    if (call.starting) {
      call.early = std::move(r);
      return;
    }
    result = std::move(r);
    deliver = std::move(call.deliver);
    calls_.erase(it);
  }
  deliver(std::move(*result));
}

void Calls::EndOverdue() {
  std::vector<std::pair<Deliver, Result>> overdue;
  {
    MutexLock lock(mutex_);
    const auto now = clock_.Monotonic();
    while (!calls_.empty() && calls_.begin()->second.deadline <= now) {
      Call& call = calls_.begin()->second;
      overdue.emplace_back(std::move(call.deliver), DontKnow(call.kind));
      calls_.erase(calls_.begin());
    }
  }
  for (auto& [deliver, result] : overdue) {
    LogBreach("did not complete in time; answered unknown");
    deliver(std::move(result));
  }
}

size_t Calls::in_flight() const {
  MutexLock lock(mutex_);
  return calls_.size();
}

}  // namespace paygate::bank::host
