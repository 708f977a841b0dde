// For tests: the store over a RocksDB Env of their own (one that fails at the nth fsync).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/rocksdb/rocks_store.h"

namespace rocksdb {
class Env;
}

namespace paygate::storage::rocksdb {

// As OpenRocksStore; `env` must outlive the store.
base::Result<std::unique_ptr<Store>> OpenRocksStoreOn(::rocksdb::Env* env,
                                                      const std::string& directory,
                                                      const Holdings& holdings = {});

}  // namespace paygate::storage::rocksdb
