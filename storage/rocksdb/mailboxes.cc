#include "storage/rocksdb/mailboxes.h"

#include <algorithm>

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

// Longer than any ID, so that it is nobody's lock.
const std::string kPurgeLock(kMaxIdBytes + 1, 'p');

Status CheckCursor(uint64_t cursor, uint64_t newest) {
  if (cursor <= newest) return {};
  return Fail(ErrorCode::kMalformed, "cursor " + std::to_string(cursor) +
                                         " is beyond the newest, " + std::to_string(newest));
}

}  // namespace

Result<MailboxPage> Mailboxes::Read(std::string_view participant_id, uint64_t after,
                                    size_t max_messages, size_t max_bytes) const {
  RETURN_IF_ERROR(CheckId(participant_id));
  MailboxPage page;
  ASSIGN_OR_RETURN(page.newest, cursors_.Newest(std::string(participant_id)));
  RETURN_IF_ERROR(CheckCursor(after, page.newest));
  if (after == page.newest) return page;
  size_t bytes = 0;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kMail, ParticipantPrefix(participant_id), MailKey(participant_id, after + 1),
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        const Result<uint64_t> cursor = ParseMailCursor(key);
        if (!cursor) return Database::Damaged(Family::kMail, key, cursor.error());
        if (*cursor > page.newest) return false;
        Result<std::string> jwe = DecodePacked(value);
        if (!jwe) return Database::Damaged(Family::kMail, key, jwe.error());
        bytes += jwe->size();
        if (!page.messages.empty() && bytes > max_bytes) return false;
        page.messages.push_back({*cursor, std::move(*jwe)});
        return page.messages.size() < max_messages;
      }));
  return page;
}

Status Mailboxes::Acknowledge(std::string_view participant_id, uint64_t cursor,
                              base::UnixTime at) {
  RETURN_IF_ERROR(CheckId(participant_id));
  const auto hold = locks_.Lock({participant_id});
  ASSIGN_OR_RETURN(const uint64_t newest, cursors_.Newest(std::string(participant_id)));
  RETURN_IF_ERROR(CheckCursor(cursor, newest));
  ASSIGN_OR_RETURN(const auto stored,
                   database_.Read<uint64_t>(Family::kBoxes, participant_id, DecodeNumber));
  const uint64_t acknowledged = stored.value_or(0);
  if (cursor <= acknowledged) return {};
  Batch batch(database_);
  batch.Put(Family::kBoxes, participant_id, EncodeNumber(cursor));
  batch.Put(Family::kAcks, AckKey(at, participant_id, cursor), EncodeNumber(acknowledged));
  return database_.Write(batch);
}

Result<size_t> Mailboxes::Purge(base::UnixTime before, size_t limit) {
  const auto hold = locks_.Lock({kPurgeLock});
  Batch batch(database_);
  size_t purged = 0;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kAcks, "", "", [&](std::string_view key, std::string_view value) -> Result<bool> {
        const Result<AckEntry> ack = ParseAckKey(key);
        if (!ack) return Database::Damaged(Family::kAcks, key, ack.error());
        if (ack->at >= before || purged >= limit) return false;
        const Result<uint64_t> from = DecodeNumber(value);
        if (!from) return Database::Damaged(Family::kAcks, key, from.error());
        ASSIGN_OR_RETURN(const size_t n, AddPurge(*ack, key, *from, limit - purged, batch));
        purged += n;
        return true;
      }));
  if (!batch.empty()) RETURN_IF_ERROR(database_.Write(batch));
  return purged;
}

Result<size_t> Mailboxes::AddPurge(const AckEntry& ack, std::string_view ack_key, uint64_t from,
                                   size_t limit, Batch& batch) const {
  size_t purged = 0;
  uint64_t done = from;
  bool complete = true;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kMail, ParticipantPrefix(ack.participant_id),
      MailKey(ack.participant_id, from + 1),
      [&](std::string_view key, std::string_view) -> Result<bool> {
        const Result<uint64_t> cursor = ParseMailCursor(key);
        if (!cursor) return Database::Damaged(Family::kMail, key, cursor.error());
        if (*cursor > ack.cursor) return false;
        if (purged == limit) {
          complete = false;
          return false;
        }
        batch.Delete(Family::kMail, key);
        done = *cursor;
        ++purged;
        return true;
      }));
  if (complete) {
    batch.Delete(Family::kAcks, ack_key);
  } else {
    batch.Put(Family::kAcks, ack_key, EncodeNumber(done));
  }
  return purged;
}

}  // namespace paygate::storage::rocksdb
