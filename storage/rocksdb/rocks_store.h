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

// What a store may hold while it is open.
struct Holdings {
  size_t cache_bytes = 64u << 20;  // of rows that were read, and of what finds them
  // Of some 64 MB each. In a store of more, a lookup may have to open a file and close another.
  int files = 512;
};

base::Result<std::unique_ptr<Store>> OpenRocksStore(const std::string& directory,
                                                    const Holdings& holdings = {});

}  // namespace paygate::storage::rocksdb
