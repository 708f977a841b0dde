// Cursors for messages that are on their way into mailboxes. Several settlements for one recipient
// (a busy seller) write at once, each with its own fsync, and may become durable out of order;
// a reader must not be shown 6 while 5 is still being written, or it would acknowledge past 5 and
// never see it. So cursors are handed out in order here, and Newest() stops before the first one
// that is still being written. A cursor whose write failed stays empty for ever: readers skip it.
//
// Memory: one entry for each recipient with a write under way. Thread-safe.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "storage/rocksdb/database.h"

namespace paygate::storage::rocksdb {

class MailCursors {
 public:
  explicit MailCursors(const Database& database) : database_(database) {}

  // One cursor for each of several messages, from before the write until after it.
  class Reservation {
   public:
    explicit Reservation(MailCursors& cursors) : cursors_(cursors) {}
    ~Reservation();
    Reservation(const Reservation&) = delete;
    base::Result<uint64_t> Take(const std::string& participant_id);

   private:
    MailCursors& cursors_;
    std::vector<std::pair<std::string, uint64_t>> taken_;
  };

  // The greatest cursor up to which everything is durable; 0 for an empty mailbox.
  base::Result<uint64_t> Newest(const std::string& participant_id);

 private:
  struct Box {
    uint64_t next = 0;
    std::set<uint64_t> being_written;  // never empty
  };
  // Few enough to be small, enough that recipients seldom share one: a seek in the store is made
  // under it.
  static constexpr size_t kShards = 256;
  struct Shard {
    base::Mutex mutex;
    std::map<std::string, Box, std::less<>> boxes GUARDED_BY(mutex);
  };

  Shard& ShardOf(std::string_view participant_id) {
    return shards_[std::hash<std::string_view>()(participant_id) % kShards];
  }
  base::Result<uint64_t> Take(const std::string& participant_id);
  void Release(const std::string& participant_id, uint64_t cursor);
  base::Result<uint64_t> NewestStored(const std::string& participant_id) const;

  const Database& database_;
  std::array<Shard, kShards> shards_;
};

}  // namespace paygate::storage::rocksdb
