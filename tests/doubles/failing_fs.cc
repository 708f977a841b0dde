#include "tests/doubles/failing_fs.h"

namespace paygate::doubles {

using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;
using ::rocksdb::Slice;

class FailingLog final : public ::rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingLog(std::unique_ptr<::rocksdb::FSWritableFile> file, FailingFileSystem& fs)
      : FSWritableFileOwnerWrapper(std::move(file)), fs_(fs) {}

  IOStatus Append(const Slice& data, const IOOptions& o, IODebugContext* c) override {
    if (FailingFileSystem::Fails(fs_.appends_left_)) return IOStatus::IOError("append fails");
    return FSWritableFileOwnerWrapper::Append(data, o, c);
  }
  IOStatus Append(const Slice& data, const IOOptions& o,
                  const ::rocksdb::DataVerificationInfo& info, IODebugContext* c) override {
    if (FailingFileSystem::Fails(fs_.appends_left_)) return IOStatus::IOError("append fails");
    return FSWritableFileOwnerWrapper::Append(data, o, info, c);
  }
  IOStatus Sync(const IOOptions& o, IODebugContext* c) override {
    if (FailingFileSystem::Fails(fs_.fsyncs_left_)) return IOStatus::IOError("fsync fails");
    return FSWritableFileOwnerWrapper::Sync(o, c);
  }
  IOStatus Fsync(const IOOptions& o, IODebugContext* c) override { return Sync(o, c); }

 private:
  FailingFileSystem& fs_;
};

IOStatus FailingFileSystem::NewWritableFile(const std::string& name,
                                            const ::rocksdb::FileOptions& options,
                                            std::unique_ptr<::rocksdb::FSWritableFile>* file,
                                            IODebugContext* context) {
  const IOStatus s = FileSystemWrapper::NewWritableFile(name, options, file, context);
  if (s.ok() && name.ends_with(".log")) {
    *file = std::make_unique<FailingLog>(std::move(*file), *this);
  }
  return s;
}

}  // namespace paygate::doubles
