// One RocksDB with our families and options, and the two rules that everything above relies on:
// a Write is one atomic batch, fsynced before it returns, and seen by readers only then; and after
// the first write that fails there is no other until the program is restarted (reads go on).
//
// Internal to this folder and its tests: RocksDB's types appear here. Thread-safe.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/entry.h"
#include "base/result.h"
#include "storage/rocksdb/rocks_store.h"
#include "storage/rocksdb/tickets.h"

namespace paygate::storage::rocksdb {

// The grammar of each is at the top of records.cc, of the first line's at the top of audit.cc. The
// order is that of kFamilyNames.
enum class Family : uint8_t {
  kStaged, kEntries, kNodes, kSubjects, kCheckpoints, kSigners, kAccounts,
  kIntents, kPrepared, kOpen, kSettlements, kCsblks, kCsblkStates, kTries, kSales, kFates,
  kRegistrations, kPairs, kCertificates, kMail, kBoxes, kAcks, kStandings, kCursors,
  kSerials, kRevocations, kCrls, kRefused, kBegun, kRefunds, kClaims, kOpenClaims,
  kStatements, kBookings, kUnreconciled,
};
constexpr size_t kFamilies = static_cast<size_t>(Family::kUnreconciled) + 1;

class Database;

// Changes that become durable together.
class Batch {
 public:
  explicit Batch(Database& database) : database_(database) {}
  ~Batch();
  Batch(const Batch&) = delete;
  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  // An entry of the audit log (storage/audit_log.h), which waits there for its number.
  void Record(const audit::Entry& entry);
  bool empty() const { return batch_.Count() == 0; }

 private:
  friend class Database;
  Database& database_;
  ::rocksdb::WriteBatch batch_;
  std::vector<uint64_t> tickets_;
};

class Database {
 public:
  struct Key {
    Family family;
    std::string key;
  };
  using Value = std::optional<std::string>;

  // `env` is RocksDB's own, or a test's; it must outlive the Database.
  static base::Result<std::unique_ptr<Database>> Open(::rocksdb::Env* env,
                                                      const std::string& directory, bool create,
                                                      const Holdings& holdings = {});
  ~Database();
  Database(const Database&) = delete;

  // kStoreUnavailable, with the cause, for this and every later write once one has failed.
  base::Status Write(Batch& batch);
  bool Healthy() const { return healthy_; }

  base::Result<Value> Get(Family family, std::string_view key) const;
  // All from one state of the store.
  base::Result<std::vector<Value>> GetMany(std::initializer_list<Key> keys) const;
  // Rows whose keys begin with `prefix`, from `first` on, in order, until `visit` says false.
  using Visitor = std::function<base::Result<bool>(std::string_view key, std::string_view value)>;
  base::Status ForEach(Family family, std::string_view prefix, std::string_view first,
                       const Visitor& visit) const;
  // Of the rows that Batch::Record makes, by their keys' numbers.
  Tickets& staged() { return staged_; }
  // The greatest key that begins with `prefix`.
  base::Result<Value> LastKey(Family family, std::string_view prefix) const;

  // Reads a value and decodes it; a value that does not decode is damage (kIo).
  template <typename T, typename Decode>
  base::Result<std::optional<T>> Read(Family family, std::string_view key, Decode decode) const {
    ASSIGN_OR_RETURN(const Value value, Get(family, key));
    return Decoded<T>(family, key, value, decode);
  }
  template <typename T, typename Decode>
  static base::Result<std::optional<T>> Decoded(Family family, std::string_view key,
                                                const Value& value, Decode decode) {
    if (!value) return std::optional<T>();
    base::Result<T> decoded = decode(*value);
    if (!decoded) return Damaged(family, key, decoded.error());
    return std::optional<T>(std::move(*decoded));
  }
  static std::unexpected<base::Error> Damaged(Family family, std::string_view key,
                                              const base::Error& why);

  base::Status CompactForTest();  // everything into fresh SST files

 private:
  friend class Batch;
  Database() = default;
  ::rocksdb::ColumnFamilyHandle* Handle(Family family) const {
    return handles_[static_cast<size_t>(family)];
  }

  std::unique_ptr<::rocksdb::DB> db_;
  ::rocksdb::ColumnFamilyHandle* default_ = nullptr;
  std::array<::rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
  std::atomic<bool> healthy_ = true;
  Tickets staged_;
};

}  // namespace paygate::storage::rocksdb
