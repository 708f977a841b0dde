// What the banks state that they have booked, beside what was settled here.
//
// An order is *unreconciled* from when it is completed here, or is listed by its bank, until both
// are seen to agree; a completed settlement brings that in its own batch. So whatever crashes
// between, a difference is found by whoever looks at what is unreconciled.
//
// Durable and thread-safe as store.h; one caller reconciles at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace paygate::storage {

struct ListedBooking {
  std::string id;  // payment_id or refund_id, if it is an order of ours
  bool is_return = false;
  int64_t minor_units = 0;
  std::string currency, bank_reference;
  base::UnixTime booked{};  // by the bank's clock
  base::UnixTime listed{};  // when it was read last
};

struct StatementPosition {
  std::string cursor;  // of the adapter; "" at first
  base::UnixTime complete_until{};
};

struct Unreconciled {
  std::string id;
  base::UnixTime since{};
};

// One durable batch.
struct ReconciliationChanges {
  base::UnixTime at{};
  std::string adapter;                        // of `position`
  std::optional<StatementPosition> position;  // how far its statement is taken
  std::vector<ListedBooking> listed;
  std::vector<std::string> unlisted;  // what was listed before is so no more
  std::vector<std::string> agreed;    // is reconciled
  std::vector<std::string> disputed;  // is not; keeps its first time
};

class Reconciliation {
 public:
  virtual ~Reconciliation() = default;
  virtual base::Result<StatementPosition> Position(std::string_view adapter) const = 0;
  virtual base::Result<std::optional<ListedBooking>> FindBooking(std::string_view id) const = 0;
  // In the order of the store, after this ID ("" for the first); at most `limit`.
  virtual base::Result<std::vector<Unreconciled>> ListUnreconciled(std::string_view after,
                                                                   size_t limit) const = 0;
  // Payments and refunds that are settled, completed or not, likewise.
  virtual base::Result<std::vector<std::string>> ListSettled(std::string_view after,
                                                             size_t limit) const = 0;
  virtual base::Status Write(const ReconciliationChanges& changes) = 0;
};

}  // namespace paygate::storage
