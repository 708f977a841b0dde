// Journal: an append-only file of blocks of records, each block durable before Append returns.
//
// Open replays every block in order and then holds the file alone (flock). A torn last block, which
// nobody was answered for, is cut off; any other damage is refused (kIo) and the file left alone.
// After a failed write or fsync every further Append fails until the file is opened again, because
// nobody knows what is on the disk. Replay alone reads without a lock while another process writes.
// Not thread-safe: one writer thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::bank::embedded {

constexpr uint32_t kMaxBlockBytes = 4u << 20;

class Journal {
 public:
  using Visitor = std::function<base::Status(std::string_view record)>;
  struct Replayed {
    uint64_t good_bytes = 0;  // up to the end of the last whole block
    uint64_t torn_bytes = 0;  // after it
    std::string chain;        // checksum of the last whole block
  };

  // Makes the file if there is none.
  static base::Result<std::unique_ptr<Journal>> Open(const std::string& path, const Visitor& visit);
  ~Journal();
  Journal(const Journal&) = delete;

  // One block, one write, one fdatasync. The records together are at most kMaxBlockBytes.
  base::Status Append(const std::vector<std::string>& records);
  uint64_t torn_bytes() const { return torn_bytes_; }

  // Read only: what the file holds now.
  static base::Result<Replayed> Replay(const std::string& path, const Visitor& visit);

 private:
  Journal(int fd, const Replayed& replayed);

  const int fd_;
  const uint64_t torn_bytes_;
  std::string chain_;
  bool broken_ = false;
};

}  // namespace paygate::bank::embedded
