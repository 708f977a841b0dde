#include "storage/rocksdb/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <map>
#include <set>

#include "base/encoding.h"
#include "base/log.h"
#include "base/meter.h"
#include "storage/rocksdb/number_key.h"
#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

constexpr std::array<const char*, kFamilies> kFamilyNames = {
    "staged", "entries", "nodes", "subjects", "checkpoints", "signers", "accounts",
    "intents", "prepared",      "open",  "settlements",  "csblks", "csblk_states", "tries", "sales",
    "fates",   "registrations", "pairs", "certificates", "mail",   "boxes",        "acks",
    "standings", "cursors",
    "serials", "revocations", "crls",
    "refused", "begun", "refunds", "claims", "open_claims",
    "statements", "bookings", "unreconciled",
};

// Memory: at most the cache and the write buffers, whatever is stored (index and filter blocks live
// in the cache too, but for their top levels, a few KB for each open file).
constexpr size_t kFamilyWriteBufferBytes = 16u << 20;
constexpr size_t kAllWriteBuffersBytes = 96u << 20;
constexpr uint64_t kMaxWalBytes = 256u << 20;  // also bounds the time that Open needs to replay
// Some payments lie in one block, so that what they have in common is compressed once.
constexpr size_t kBlockBytes = 16u << 10;
// Index and filter of a file are read by parts of this size: IDs are random, so that a store much
// larger than the cache would otherwise read whole filters, of a megabyte, for a row each.
constexpr size_t kMetadataBlockBytes = 4u << 10;
constexpr double kBloomBitsPerKey = 10;  // 1 % of misses read a block for nothing
constexpr size_t kInfoLogBytes = 4u << 20;
constexpr size_t kInfoLogFiles = 4;

const char* NameOf(Family family) { return kFamilyNames[static_cast<size_t>(family)]; }

::rocksdb::DBOptions MakeDbOptions(::rocksdb::Env* env, bool create, const Holdings& holdings,
                                   ::rocksdb::WALRecoveryMode recovery) {
  ::rocksdb::DBOptions o;
  o.env = env;
  o.create_if_missing = create;
  o.paranoid_checks = true;
  // docs/decisions/0003: a torn tail is accepted, damage before it is not, so no recycled logs.
  o.wal_recovery_mode = recovery;
  o.recycle_log_file_num = 0;
  o.track_and_verify_wals_in_manifest = true;
  o.enable_pipelined_write = true;
  // Who waits for its group sleeps at once: spinning takes the core that would do the work.
  o.enable_write_thread_adaptive_yield = false;
  // One thread fills the memtables for its whole group, rather than waking each for its few rows.
  o.allow_concurrent_memtable_write = false;
  o.max_bgerror_resume_count = 0;  // after an error only a restart goes on
  o.db_write_buffer_size = kAllWriteBuffersBytes;
  o.max_total_wal_size = kMaxWalBytes;
  o.max_open_files = holdings.files;
  o.max_background_jobs = 2;
  o.bytes_per_sync = 1u << 20;
  o.info_log_level = ::rocksdb::InfoLogLevel::WARN_LEVEL;
  o.max_log_file_size = kInfoLogBytes;
  o.keep_log_file_num = kInfoLogFiles;
  return o;
}

::rocksdb::ColumnFamilyOptions MakeFamilyOptions(
    const std::shared_ptr<::rocksdb::Cache>& cache) {
  ::rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.index_type = ::rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kMetadataBlockBytes;
  table.format_version = 5;
  table.block_size = kBlockBytes;

  ::rocksdb::ColumnFamilyOptions o;
  o.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
  o.write_buffer_size = kFamilyWriteBufferBytes;
  o.compression = ::rocksdb::kLZ4Compression;
  o.bottommost_compression = ::rocksdb::kZSTD;
  o.level_compaction_dynamic_level_bytes = true;
  // Rows of open, prepared, mail, acks and begun come and go: files full of deletions are compacted
  // soon, so that neither Open's walk nor the disk keeps what is gone.
  o.table_properties_collector_factories.push_back(
      ::rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  return o;
}

// The families of the store in the directory: none in a new one, fewer than kFamilyNames in one of
// an older release. If they cannot be listed, to open it says why.
std::set<std::string> FamiliesIn(::rocksdb::Env* env, const std::string& directory) {
  ::rocksdb::DBOptions options;
  options.env = env;
  std::vector<std::string> names;
  (void)::rocksdb::DB::ListColumnFamilies(options, directory, &names);
  return {names.begin(), names.end()};
}

Status Unreadable(const ::rocksdb::Status& s) {
  return Fail(ErrorCode::kIo, "the store cannot be read: " + s.ToString());
}

std::unexpected<base::Error> OpenError(const std::string& directory, const ::rocksdb::Status& s) {
  const std::string where = "store in " + directory + ": ";
  if (s.ToString().find("lock") != std::string::npos && s.IsIOError()) {
    return Fail(ErrorCode::kAlreadyExists,
                where + "held by another process; stop that one first (" + s.ToString() + ")");
  }
  if (s.IsCorruption()) {
    return Fail(ErrorCode::kIo, where + "damaged, and nothing was changed; restore it from a copy, "
                                        "or see docs/formats/store.md, \"Damage\" (" +
                                    s.ToString() + ")");
  }
  return Fail(ErrorCode::kIo, where + s.ToString());
}

}  // namespace

void Batch::Put(Family family, std::string_view key, std::string_view value) {
  // Fails only for batches over 4 GiB; Write would then fail too.
  (void)batch_.Put(database_.Handle(family), ::rocksdb::Slice(key.data(), key.size()),
                   ::rocksdb::Slice(value.data(), value.size()));
}

void Batch::Delete(Family family, std::string_view key) {
  (void)batch_.Delete(database_.Handle(family), ::rocksdb::Slice(key.data(), key.size()));
}

Result<std::unique_ptr<Database>> Database::Open(::rocksdb::Env* env, const std::string& directory,
                                                 bool create, const Holdings& holdings) {
  const auto options = MakeFamilyOptions(::rocksdb::NewLRUCache(holdings.cache_bytes));
  const std::set<std::string> there = FamiliesIn(env, directory);
  std::vector<::rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(::rocksdb::kDefaultColumnFamilyName, options);
  std::vector<std::string> missing;
  for (const char* name : kFamilyNames) {
    if (there.contains(name)) {
      families.emplace_back(name, options);
    } else {
      missing.emplace_back(name);
    }
  }

  std::unique_ptr<Database> database(new Database());
  std::vector<::rocksdb::ColumnFamilyHandle*> handles;
  ::rocksdb::DB* db = nullptr;
  const auto open = [&](::rocksdb::WALRecoveryMode recovery) {
    return ::rocksdb::DB::Open(MakeDbOptions(env, create, holdings, recovery), directory, families,
                               &handles, &db);
  };
  // Strictly first, so that a log which ends in the middle of a record never passes in silence.
  auto s = open(::rocksdb::WALRecoveryMode::kAbsoluteConsistency);
  if (s.IsCorruption()) {
    const std::string why = s.ToString();
    s = open(::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
    if (s.ok()) {
      base::LogAlarm("store.log_torn",
                     {{"why", why},
                      {"do", "nothing after a crash or power failure: the write that was under way "
                             "was promised to nobody; after a clean stop, check the disk"}});
    }
  }
  if (!s.ok()) return OpenError(directory, s);
  database->db_.reset(db);
  database->default_ = handles[0];
  std::vector<::rocksdb::ColumnFamilyHandle*> made;
  // In one step: at each, RocksDB writes all its options anew and reads them.
  if (!missing.empty()) s = db->CreateColumnFamilies(options, missing, &made);
  handles.insert(handles.end(), made.begin(), made.end());
  std::map<std::string, ::rocksdb::ColumnFamilyHandle*> named;
  for (auto* handle : handles) named[handle->GetName()] = handle;
  for (size_t i = 0; i < kFamilies; ++i) database->handles_[i] = named[kFamilyNames[i]];
  if (!s.ok()) return OpenError(directory, s);
  ASSIGN_OR_RETURN(const Value last, database->LastKey(Family::kStaged, ""));
  if (last) {
    ASSIGN_OR_RETURN(const uint64_t ticket, ParseNumberKey(*last));
    database->staged_.StartAt(ticket + 1);
  }
  return database;
}

void Batch::Record(const audit::Entry& entry) {
  // Tickets only order those that wait; one whose write fails leaves a gap that nobody sees.
  tickets_.push_back(database_.staged_.Take());
  Put(Family::kStaged, NumberKey(tickets_.back()), EncodeBytes(PrintEntry(entry)));
}

Batch::~Batch() {
  for (const uint64_t ticket : tickets_) database_.staged_.GiveBack(ticket);
}

Database::~Database() {
  if (!db_) return;
  for (auto* handle : handles_) (void)db_->DestroyColumnFamilyHandle(handle);
  (void)db_->DestroyColumnFamilyHandle(default_);
  (void)db_->Close();
}

Status Database::Write(Batch& batch) {
  if (!healthy_) {
    return Fail(ErrorCode::kStoreUnavailable,
                "an earlier write failed: the store takes no more until restart");
  }
  ::rocksdb::WriteOptions options;
  options.sync = true;
  const base::MeterTimer timer(base::Meter::kStore);
  const auto s = db_->Write(options, &batch.batch_);
  if (s.ok()) return {};
  if (healthy_.exchange(false)) {
    base::LogAlarm("store.write_failed", {{"error", s.ToString()},
                                          {"do", "mend the disk, then restart the engine"}});
  }
  return Fail(ErrorCode::kStoreUnavailable,
              "a write failed: the store takes no more until restart: " + s.ToString());
}

Result<Database::Value> Database::Get(Family family, std::string_view key) const {
  std::string value;
  const auto s = db_->Get(::rocksdb::ReadOptions(), Handle(family),
                          ::rocksdb::Slice(key.data(), key.size()), &value);
  if (s.IsNotFound()) return Value();
  if (!s.ok()) return std::unexpected(Unreadable(s).error());
  return Value(std::move(value));
}

Result<std::vector<Database::Value>> Database::GetMany(std::initializer_list<Key> keys) const {
  std::vector<::rocksdb::ColumnFamilyHandle*> handles;
  std::vector<::rocksdb::Slice> slices;
  for (const Key& key : keys) {
    handles.push_back(Handle(key.family));
    slices.emplace_back(key.key);
  }
  std::vector<std::string> found;
  const auto statuses = db_->MultiGet(::rocksdb::ReadOptions(), handles, slices, &found);
  std::vector<Value> values(found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    RETURN_IF_ERROR(statuses[i].ok() ? Status() : Unreadable(statuses[i]));
    values[i] = std::move(found[i]);
  }
  return values;
}

Status Database::ForEach(Family family, std::string_view prefix, std::string_view first,
                         const Visitor& visit) const {
  const std::unique_ptr<::rocksdb::Iterator> it(
      db_->NewIterator(::rocksdb::ReadOptions(), Handle(family)));
  for (it->Seek(::rocksdb::Slice(first.data(), first.size())); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    if (!key.starts_with(prefix)) break;
    ASSIGN_OR_RETURN(const bool more, visit(key, it->value().ToStringView()));
    if (!more) break;
  }
  if (!it->status().ok()) return Unreadable(it->status());
  return {};
}

Result<Database::Value> Database::LastKey(Family family, std::string_view prefix) const {
  const std::unique_ptr<::rocksdb::Iterator> it(
      db_->NewIterator(::rocksdb::ReadOptions(), Handle(family)));
  // Longer than the rest of any key that we make, and greater.
  const std::string beyond = std::string(prefix) + std::string(16, '\xff');
  it->SeekForPrev(beyond);
  if (!it->status().ok()) return std::unexpected(Unreadable(it->status()).error());
  if (!it->Valid() || !it->key().starts_with(::rocksdb::Slice(prefix.data(), prefix.size()))) {
    return Value();
  }
  return Value(it->key().ToString());
}

Status Database::CompactForTest() {
  for (auto* handle : handles_) {
    const auto s = db_->CompactRange(::rocksdb::CompactRangeOptions(), handle, nullptr, nullptr);
    if (!s.ok()) return Unreadable(s);
  }
  return {};
}

std::unexpected<base::Error> Database::Damaged(Family family, std::string_view key,
                                               const base::Error& why) {
  return Fail(ErrorCode::kIo, std::string("the store's record ") + NameOf(family) + "/" +
                                  base::HexEncode(key) + " (hex) is damaged: " + why.message);
}

}  // namespace paygate::storage::rocksdb
