// Mailboxes (protocol.md section 8). Messages come in by Payments::Settle; here they are read,
// acknowledged and, long after, deleted.
#pragma once

#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/rocksdb/mail_cursors.h"
#include "storage/rocksdb/records.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

class Mailboxes final : public Mailbox {
 public:
  Mailboxes(Database& database, KeyLocks& locks, MailCursors& cursors)
      : database_(database), locks_(locks), cursors_(cursors) {}

  base::Result<MailboxPage> Read(std::string_view participant_id, uint64_t after,
                                 size_t max_messages, size_t max_bytes) const override;
  base::Status Acknowledge(std::string_view participant_id, uint64_t cursor,
                           base::UnixTime at) override;
  base::Result<size_t> Purge(base::UnixTime before, size_t limit) override;

 private:
  // Adds the deletion of at most `limit` messages of one acknowledgement; returns how many.
  base::Result<size_t> AddPurge(const AckEntry& ack, std::string_view ack_key, uint64_t from,
                                size_t limit, Batch& batch) const;

  Database& database_;
  KeyLocks& locks_;
  MailCursors& cursors_;
};

}  // namespace paygate::storage::rocksdb
