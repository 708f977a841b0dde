// The audit log in the store (docs/formats/audit-log.md, docs/decisions on its numbering).
//
// Every promise of the store that is audited brings its entry in its own batch: both are durable or
// neither. There the entry waits; Number gives the waiting ones their places in the log, off the
// path of any payment, and only then are they under the tree. An entry that waits is never lost: it
// is numbered after the restart. An entry has its number for ever.
//
// Thread-safe. Errors: kStoreUnavailable, kIo, as in store.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/entry.h"
#include "audit/merkle.h"
#include "base/result.h"

namespace paygate::storage {

struct TreeHead {
  uint64_t size = 0;
  audit::Hash root;
};
struct KeptCheckpoint {
  uint64_t size = 0;
  std::string note;  // signed
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;
  // For what is not in another promise's batch. Durable when it returns; waits for its number.
  virtual base::Status Append(const audit::Entry& entry) = 0;
  // Numbers what waits, at most `limit`, in one durable batch; how many. Those whose writes ended
  // before others began come before them.
  virtual base::Result<size_t> Number(size_t limit) = 0;
  virtual TreeHead Head() const = 0;  // of what is numbered

  using Visitor = std::function<bool(uint64_t number, std::string_view line)>;
  virtual base::Status ForEach(uint64_t first, const Visitor& visit) const = 0;
  // Numbers of the entries about a payment, a CSBLK or a participant, ascending.
  virtual base::Result<std::vector<uint64_t>> About(std::string_view subject) const = 0;
  // kInvalidArgument beyond what is numbered.
  virtual base::Result<std::vector<audit::Hash>> InclusionProof(uint64_t number,
                                                                uint64_t size) const = 0;

  // `chain`: DER of the certificate whose key signed, and of its issuer.
  virtual base::Status KeepCheckpoint(const KeptCheckpoint& checkpoint,
                                      const std::vector<std::string>& chain) = 0;
  virtual base::Result<std::optional<KeptCheckpoint>> LatestCheckpoint() const = 0;
  // Those of more than `after` entries, in order, at most `limit`.
  virtual base::Result<std::vector<KeptCheckpoint>> Checkpoints(uint64_t after,
                                                                size_t limit) const = 0;
  // Every certificate that KeepCheckpoint was ever given, DER, without repetition.
  virtual base::Result<std::vector<std::string>> SigningCertificates() const = 0;
};

}  // namespace paygate::storage
