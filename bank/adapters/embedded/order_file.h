// OrderFile: how the bank's staff tell a running bank what to do. The ledger has one writer, the
// bank itself; paygate-embedded-bank appends lines to LEDGER.orders, and the bank takes them into
// its ledger, where alone they count. Every order is idempotent, so the file may be read again from
// its beginning at each start. Grammar: top of order_file.cc. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace paygate::bank::embedded {

struct Order {
  bool close = false;       // the account; otherwise revoke the participant
  std::string account;
  std::string participant;  // revoke
  std::string reason;       // revoke: "keyCompromise", "cessationOfOperation", "superseded"
};

// Durable when it returns. Several at once are fine. kInvalidArgument for what is no order.
base::Status AppendOrder(const std::string& ledger, const Order& order);

class OrderFile {
 public:
  explicit OrderFile(const std::string& ledger) : path_(ledger + ".orders") {}
  // Orders that were not read yet; a line that is no order is passed over and counted. Costs one
  // stat() if there is nothing new.
  std::vector<Order> ReadNew();
  uint64_t unreadable() const { return unreadable_; }

 private:
  const std::string path_;
  uint64_t read_ = 0;  // bytes
  uint64_t unreadable_ = 0;
};

}  // namespace paygate::bank::embedded
