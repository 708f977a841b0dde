// AuditLog on RocksDB; see storage/audit_log.h. The rows are in the grammar of audit.cc.
#pragma once

#include "base/mutex.h"
#include "storage/audit_log.h"
#include "storage/rocksdb/database.h"

namespace paygate::storage::rocksdb {

class Audit final : public AuditLog {
 public:
  explicit Audit(Database& database) : database_(database) {}
  // Finds the end of the log. Before anything else.
  base::Status Load() EXCLUDES(mutex_);

  base::Status Append(const audit::Entry& entry) override;
  base::Result<size_t> Number(size_t limit) override EXCLUDES(mutex_);
  TreeHead Head() const override EXCLUDES(mutex_);
  base::Status ForEach(uint64_t first, const Visitor& visit) const override;
  base::Result<std::vector<uint64_t>> About(std::string_view subject) const override;
  base::Result<std::vector<audit::Hash>> InclusionProof(uint64_t number,
                                                        uint64_t size) const override;
  base::Status KeepCheckpoint(const KeptCheckpoint& checkpoint,
                              const std::vector<std::string>& chain) override;
  base::Result<std::optional<KeptCheckpoint>> LatestCheckpoint() const override;
  base::Result<std::vector<KeptCheckpoint>> Checkpoints(uint64_t after,
                                                        size_t limit) const override;
  base::Result<std::vector<std::string>> SigningCertificates() const override;

 private:
  audit::NodeReader Reader() const;

  Database& database_;
  mutable base::Mutex mutex_;  // one numbering at a time
  audit::Frontier frontier_ GUARDED_BY(mutex_);
  uint64_t staged_from_ GUARDED_BY(mutex_) = 0;  // every ticket before has its number
};

}  // namespace paygate::storage::rocksdb
