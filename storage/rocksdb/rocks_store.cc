// A store's directory:
//
//   VERSION   "paygate-store " number [" creating"] "\n"
//   db/       RocksDB
//
// VERSION is written first, with " creating", and completed when db/ is whole: a directory that
// says "creating" has never promised anything and may be begun again, while a missing db/ beside a
// complete VERSION is a loss and never silently replaced by an empty store. A store of an older
// number is read, and says ours before a row of ours is written, which an older program would
// misread.
#include "storage/rocksdb/rocks_store.h"

#include <rocksdb/env.h>

#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "storage/rocksdb/audit.h"
#include "storage/rocksdb/claims.h"
#include "storage/rocksdb/csblks.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/rocksdb/mail_cursors.h"
#include "storage/rocksdb/mailboxes.h"
#include "storage/rocksdb/open_on.h"
#include "storage/rocksdb/participants.h"
#include "storage/rocksdb/payments.h"
#include "storage/rocksdb/reconciliations.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

constexpr int kStoreVersion = 2;  // 1: compact serialisations lie as text
constexpr std::string_view kMagic = "paygate-store ";
constexpr std::string_view kCreating = " creating";

struct Version {
  int number = 0;
  bool creating = false;
};

std::string Print(const Version& v) {
  return std::string(kMagic) + std::to_string(v.number) +
         std::string(v.creating ? kCreating : "") + "\n";
}

Result<Version> ParseVersion(std::string_view text, const std::string& path) {
  Version v;
  const char* const end = text.data() + text.size();
  if (text.starts_with(kMagic)) {
    const auto [rest, error] = std::from_chars(text.data() + kMagic.size(), end, v.number);
    v.creating = std::string_view(rest, end).starts_with(kCreating);
    if (error == std::errc() && v.number > kStoreVersion) return v;  // what follows is theirs
    if (error == std::errc() && v.number >= 1 && text == Print(v)) return v;
  }
  return Fail(ErrorCode::kInvalidArgument, path + " is not the version record of a store");
}

// Reads the version record, or begins one in an empty directory.
Result<Version> ReadOrBegin(const std::string& directory, const std::string& path) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  std::error_code error;
  const bool empty = std::filesystem::is_empty(directory, error);
  if (error) return Fail(ErrorCode::kIo, directory + " cannot be read: " + error.message());
  if (empty) {
    const Version begun{kStoreVersion, true};
    const Status written = base::WriteNewFile(path, Print(begun));
    if (written) return begun;
    // Another process was quicker; RocksDB's lock decides between the two.
    if (written.error().code != ErrorCode::kAlreadyExists) return std::unexpected(written.error());
  }
  if (!std::filesystem::exists(path, error)) {
    return Fail(ErrorCode::kInvalidArgument,
                directory + " is neither empty nor a store (it has no VERSION): name another");
  }
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, 4096));
  ASSIGN_OR_RETURN(const Version version, ParseVersion(text, path));
  if (version.number > kStoreVersion) {
    return Fail(ErrorCode::kInvalidArgument,
                "the store in " + directory + " has version " + std::to_string(version.number) +
                    ", this program reads version " + std::to_string(kStoreVersion) +
                    ": start the newer program");
  }
  return version;
}

class RocksStore final : public Store {
 public:
  explicit RocksStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  Status Load() {
    RETURN_IF_ERROR(audit_.Load());
    return payments_.LoadOpen();
  }

  AuthorisationStore& authorisations() override { return payments_; }
  const AuthorisationReader& payments() const override { return payments_; }
  Refusals& refusals() override { return refusals_; }
  CsblkRegister& csblks() override { return csblks_; }
  Registrations& registrations() override { return participants_; }
  CertificateRegister& certificates() override { return participants_; }
  BankNotices& bank_notices() override { return participants_; }
  Reconciliation& reconciliation() override { return reconciliations_; }
  CertificateStatuses& statuses() override { return participants_; }
  Mailbox& mailbox() override { return mailboxes_; }
  Claims& claims() override { return claims_; }
  AuditLog& audit() override { return audit_; }
  bool Healthy() const override { return database_->Healthy(); }

 private:
  const std::unique_ptr<Database> database_;
  Audit audit_{*database_};
  KeyLocks locks_;
  MailCursors cursors_{*database_};
  Payments payments_{*database_, locks_, cursors_};
  SignedRefusals refusals_{*database_, locks_};
  Csblks csblks_{*database_, locks_};
  Participants participants_{*database_, locks_};
  Mailboxes mailboxes_{*database_, locks_, cursors_};
  ClaimRegister claims_{*database_, locks_, cursors_, payments_};
  Reconciliations reconciliations_{*database_};
};

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksStoreOn(::rocksdb::Env* env,
                                                const std::string& directory,
                                                const Holdings& holdings) {
  const std::string version_path = directory + "/VERSION";
  ASSIGN_OR_RETURN(const Version version, ReadOrBegin(directory, version_path));
  const std::string db_path = directory + "/db";
  std::error_code ignored;
  if (!version.creating && !std::filesystem::exists(db_path + "/CURRENT", ignored)) {
    return Fail(ErrorCode::kIo, db_path + " is gone or incomplete though VERSION says that the "
                                          "store was created: restore it, or mount the disk");
  }
  ASSIGN_OR_RETURN(auto database, Database::Open(env, db_path, version.creating, holdings));
  if (version.creating || version.number < kStoreVersion) {
    RETURN_IF_ERROR(base::ReplaceFile(version_path, Print({kStoreVersion, false})));
  }
  auto store = std::make_unique<RocksStore>(std::move(database));
  RETURN_IF_ERROR(store->Load());
  return store;
}

Result<std::unique_ptr<Store>> OpenRocksStore(const std::string& directory,
                                              const Holdings& holdings) {
  return OpenRocksStoreOn(::rocksdb::Env::Default(), directory, holdings);
}

}  // namespace paygate::storage::rocksdb
