#include "storage/rocksdb/mail_cursors.h"

#include <algorithm>

#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::Result;

MailCursors::Reservation::~Reservation() {
  for (const auto& [participant_id, cursor] : taken_) cursors_.Release(participant_id, cursor);
}

Result<uint64_t> MailCursors::Reservation::Take(const std::string& participant_id) {
  ASSIGN_OR_RETURN(const uint64_t cursor, cursors_.Take(participant_id));
  taken_.emplace_back(participant_id, cursor);
  return cursor;
}

Result<uint64_t> MailCursors::Newest(const std::string& participant_id) {
  Shard& shard = ShardOf(participant_id);
  base::MutexLock lock(shard.mutex);
  const auto it = shard.boxes.find(participant_id);
  if (it != shard.boxes.end()) return *it->second.being_written.begin() - 1;
  // Nothing is being written and nothing can begin while the mutex is held: what is stored is all.
  return NewestStored(participant_id);
}

Result<uint64_t> MailCursors::Take(const std::string& participant_id) {
  Shard& shard = ShardOf(participant_id);
  base::MutexLock lock(shard.mutex);
  auto it = shard.boxes.find(participant_id);
  if (it == shard.boxes.end()) {
    ASSIGN_OR_RETURN(const uint64_t newest, NewestStored(participant_id));
    it = shard.boxes.emplace(participant_id, Box{.next = newest + 1}).first;
  }
  const uint64_t cursor = it->second.next++;
  it->second.being_written.insert(cursor);
  return cursor;
}

void MailCursors::Release(const std::string& participant_id, uint64_t cursor) {
  Shard& shard = ShardOf(participant_id);
  base::MutexLock lock(shard.mutex);
  const auto it = shard.boxes.find(participant_id);
  it->second.being_written.erase(cursor);
  if (it->second.being_written.empty()) shard.boxes.erase(it);
}

Result<uint64_t> MailCursors::NewestStored(const std::string& participant_id) const {
  ASSIGN_OR_RETURN(const Database::Value last,
                   database_.LastKey(Family::kMail, ParticipantPrefix(participant_id)));
  ASSIGN_OR_RETURN(const auto cursor,
                   Database::Decoded<uint64_t>(Family::kMail, last.value_or(""), last,
                                               ParseMailCursor));
  // Messages that were acknowledged may be deleted, the last one too.
  ASSIGN_OR_RETURN(const auto acknowledged,
                   database_.Read<uint64_t>(Family::kBoxes, participant_id, DecodeNumber));
  return std::max(cursor.value_or(0), acknowledged.value_or(0));
}

}  // namespace paygate::storage::rocksdb
