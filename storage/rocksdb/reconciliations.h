// What the banks state, in the store (storage/reconciliation.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/reconciliation.h"
#include "storage/rocksdb/database.h"

namespace paygate::storage::rocksdb {

class Reconciliations final : public Reconciliation {
 public:
  explicit Reconciliations(Database& database) : database_(database) {}
  base::Result<StatementPosition> Position(std::string_view adapter) const override;
  base::Result<std::optional<ListedBooking>> FindBooking(std::string_view id) const override;
  base::Result<std::vector<Unreconciled>> ListUnreconciled(std::string_view after,
                                                           size_t limit) const override;
  base::Result<std::vector<std::string>> ListSettled(std::string_view after,
                                                     size_t limit) const override;
  base::Status Write(const ReconciliationChanges& changes) override;

 private:
  Database& database_;
};

}  // namespace paygate::storage::rocksdb
