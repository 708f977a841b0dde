// A RocksDB file system whose write-ahead log fails when a test says so: the nth append or fsync
// from now, and every one after it (a disk that broke stays broken), until Mend(). Reads always
// work. Thread-safe.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace paygate::doubles {

class FailingFileSystem final : public ::rocksdb::FileSystemWrapper {
 public:
  FailingFileSystem() : FileSystemWrapper(::rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FailingFileSystem"; }

  void FailFsync(int64_t nth) { fsyncs_left_ = nth; }
  void FailAppend(int64_t nth) { appends_left_ = nth; }
  void Mend() { fsyncs_left_ = appends_left_ = kNever; }

  ::rocksdb::IOStatus NewWritableFile(const std::string& name,
                                      const ::rocksdb::FileOptions& options,
                                      std::unique_ptr<::rocksdb::FSWritableFile>* file,
                                      ::rocksdb::IODebugContext* context) override;

 private:
  friend class FailingLog;
  static constexpr int64_t kNever = INT64_MAX;
  static bool Fails(std::atomic<int64_t>& left) { return left != kNever && --left <= 0; }

  std::atomic<int64_t> fsyncs_left_ = kNever, appends_left_ = kNever;
};

}  // namespace paygate::doubles
