#include "gateway/engine/audit_keeper.h"

#include "audit/checkpoint.h"
#include "base/log.h"

namespace paygate::gateway::engine {

using base::Result;
using storage::KeptCheckpoint;

namespace {

constexpr std::chrono::seconds kNumberingInterval{1};
constexpr size_t kNumberedAtOnce = 4096;  // entries in one batch

}  // namespace

void AuditKeeper::Tick() {
  const base::MonotonicTime now = clock_.Monotonic();
  if (busy_ || now < number_at_) return;
  number_at_ = now + kNumberingInterval;
  // Not while no token serves: the turn stays due.
  const bool sign = now >= checkpoint_at_ && keys_.Get()->available();
  if (sign) checkpoint_at_ = now + checkpoint_interval_;
  busy_ = true;
  const auto taken = workers_.TrySubmit([this, sign] {
    if (sign) {
      const auto kept = Checkpoint();
      if (!kept) base::LogAlarm("audit.no_checkpoint", {{"why", kept.error().ToString()}});
    } else if (const auto numbered = NumberAll(); !numbered) {
      base::LogError("audit.not_numbered", {{"why", numbered.error().ToString()}});
    }
    busy_ = false;
  });
  if (!taken) busy_ = false;
}

Result<size_t> AuditKeeper::NumberAll() {
  size_t all = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t numbered, log_.Number(kNumberedAtOnce));
    all += numbered;
    if (numbered < kNumberedAtOnce) return all;
  }
}

Result<std::optional<KeptCheckpoint>> AuditKeeper::Checkpoint() {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(NumberAll());
  const storage::TreeHead head = log_.Head();
  ASSIGN_OR_RETURN(auto latest, log_.LatestCheckpoint());
  if (head.size == (latest ? latest->size : 0)) return latest;
  const auto keys = keys_.Get();
  const auto& signature = keys->Signature();
  ASSIGN_OR_RETURN(std::string note,
                   audit::SignCheckpoint({.origin = audit::OriginOf(keys->id),
                                          .size = head.size,
                                          .root = head.root,
                                          .at = clock_.Now()},
                                         signature.certificate.key(), *signature.key));
  KeptCheckpoint checkpoint{head.size, std::move(note)};
  RETURN_IF_ERROR(log_.KeepCheckpoint(checkpoint, signature.Chain()));
  return std::optional(std::move(checkpoint));
}

}  // namespace paygate::gateway::engine
