// Store over an embedded RocksDB in one directory, held by one process.
//
// Open creates the store if the directory is empty; refuses a store written by a newer program
// (kInvalidArgument, with both versions) and one that is held by another process.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

base::Result<std::unique_ptr<Store>> OpenRocksStore(const std::string& directory);

}  // namespace paygate::storage::rocksdb
