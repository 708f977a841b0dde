// What is forgotten of the messages' fates, and when: begun registrations and refusals. Two
// families hold their times, so that neither needs a walk through all fates.
#include "storage/rocksdb/csblks.h"
#include "storage/rocksdb/participants.h"
#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::Result;
using base::Status;

namespace {

// Digests of one of the two families, oldest first, with their keys.
Result<std::vector<std::pair<std::string, std::string>>> OlderThan(const Database& database,
                                                                   Family family,
                                                                   base::UnixTime before,
                                                                   size_t limit) {
  std::vector<std::pair<std::string, std::string>> found;
  RETURN_IF_ERROR(database.ForEach(
      family, "", "", [&](std::string_view key, std::string_view) -> Result<bool> {
        auto entry = ParseOpenKey(key);
        if (!entry) return Database::Damaged(family, key, entry.error());
        if (entry->recorded_at >= before || found.size() >= limit) return false;
        found.emplace_back(std::move(entry->payment_id), key);
        return true;
      }));
  return found;
}

}  // namespace

// No lock: a refusal is never replaced, and a message that comes in the same moment meets it before
// or after.
Result<size_t> SignedRefusals::Purge(base::UnixTime before, size_t limit) {
  ASSIGN_OR_RETURN(const auto old, OlderThan(database_, Family::kRefused, before, limit));
  Batch batch(database_);
  for (const auto& [digest, key] : old) {
    batch.Delete(Family::kFates, digest);
    batch.Delete(Family::kRefused, key);
  }
  if (!batch.empty()) RETURN_IF_ERROR(database_.Write(batch));
  return old.size();
}

Status Participants::Abandon(std::string_view request_digest) {
  const auto hold = locks_.Lock({request_digest});
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, request_digest, DecodeFate));
  if (!fate || fate->kind != FateKind::kBegun) return {};
  Batch batch(database_);
  batch.Delete(Family::kFates, request_digest);
  batch.Delete(Family::kBegun, OpenKey(fate->at, request_digest));
  return database_.Write(batch);
}

Result<size_t> Participants::PurgeBegun(base::UnixTime before, size_t limit) {
  ASSIGN_OR_RETURN(const auto old, OlderThan(database_, Family::kBegun, before, limit));
  for (const auto& [digest, key] : old) {
    RETURN_IF_ERROR(Abandon(digest));
    Batch batch(database_);
    batch.Delete(Family::kBegun, key);  // of one that was completed or refused since
    RETURN_IF_ERROR(database_.Write(batch));
  }
  return old.size();
}

}  // namespace paygate::storage::rocksdb
