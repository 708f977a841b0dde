// The register of CSBLKs and the signed refusals (protocol.md sections 5 and 9). A message's fate
// is one record, so that refused and issued exclude each other whoever asks first.
#pragma once

#include <optional>
#include <string>

#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

class Csblks final : public CsblkRegister {
 public:
  Csblks(Database& database, KeyLocks& locks) : database_(database), locks_(locks) {}
  base::Result<CsblkRecord> Issue(CsblkRecord record) override;
  base::Result<std::optional<Csblk>> Find(std::string_view csblk_id) const override;
  base::Result<std::optional<CsblkRecord>> FindByConfirmation(
      std::string_view confirmation_digest) const override;
  base::Status Cancel(std::string_view csblk_id, std::string_view seller_id,
                      base::UnixTime at) override;

 private:
  Database& database_;
  KeyLocks& locks_;
};

class SignedRefusals final : public Refusals {
 public:
  SignedRefusals(Database& database, KeyLocks& locks) : database_(database), locks_(locks) {}
  base::Status Record(std::string_view digest, std::string_view refusal_jws,
                      base::UnixTime at) override;
  base::Result<std::optional<std::string>> Find(std::string_view digest) const override;
  base::Result<size_t> Purge(base::UnixTime before, size_t limit) override;

 private:
  Database& database_;
  KeyLocks& locks_;
};

}  // namespace paygate::storage::rocksdb
