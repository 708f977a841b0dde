// journal = "PGBANK01", block…
// block   = u32 length of body, 4 bytes header check, body, 16 bytes checksum    (little-endian)
// body    = (u32 length, record)…
//
// Checksums are chained: with `prev` the checksum of the block before (16 zero bytes for the
// first),
//   header check = first  4 bytes of SHA-256("h" || prev || length)
//   checksum     = first 16 bytes of SHA-256("b" || prev || length || body)
// so that a block cannot be damaged, left out or moved unseen. The header has a check of its own so
// that a damaged length is not taken for a torn tail: cutting there would lose what came after.
//
// Torn, and cut off at open, is only a tail that no answered block can look like: fewer bytes than
// the header or its length says, or nothing but zeros from a header or a checksum to the end (a
// file system that made the file longer before it wrote the data).
#include "bank/adapters/embedded/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/file.h"

namespace paygate::bank::embedded {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kMagic = "PGBANK01";
constexpr size_t kHeaderBytes = 8;
constexpr size_t kChecksumBytes = 16;
constexpr size_t kMaxJournalBytes = size_t{4} << 30;

std::string U32(uint32_t v) { return base::Encoder().U32(v).Take(); }

std::string HeaderCheck(const std::string& prev, uint32_t length) {
  return base::Sha256("h" + prev + U32(length)).substr(0, 4);
}

std::string Checksum(const std::string& prev, std::string_view body) {
  std::string all = "b" + prev + U32(static_cast<uint32_t>(body.size()));
  all += body;
  return base::Sha256(all).substr(0, kChecksumBytes);
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::unexpected<base::Error> Damaged(const std::string& path, uint64_t at) {
  return Fail(ErrorCode::kIo, "the ledger " + path + " is damaged at byte " + std::to_string(at) +
                                  "; nothing was changed; restore it from a copy");
}

base::Status VisitBody(std::string_view body, const Journal::Visitor& visit) {
  base::Decoder in(body);
  while (in.ok() && !in.rest().empty()) {
    const std::string_view record = in.Bytes();
    if (in.ok()) RETURN_IF_ERROR(visit(record));
  }
  return in.Finish();
}

base::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Fail(ErrorCode::kIo, std::string("write: ") + strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

base::Result<Journal::Replayed> Journal::Replay(const std::string& path, const Visitor& visit) {
  ASSIGN_OR_RETURN(const std::string file, base::ReadFile(path, kMaxJournalBytes));
  if (file.size() < kMagic.size() &&
      kMagic.starts_with(file))  // made, but not yet written: as good as empty
    return Replayed{.torn_bytes = file.size(), .chain = std::string(kChecksumBytes, '\0')};
  if (!file.starts_with(kMagic))
    return Fail(ErrorCode::kIo,
                path + " is not a ledger of the embedded bank (or of another release)");
  std::string_view rest(file);
  rest.remove_prefix(kMagic.size());
  Replayed r{.good_bytes = kMagic.size(), .chain = std::string(kChecksumBytes, '\0')};
  while (!rest.empty()) {
    if (rest.size() < kHeaderBytes || AllZero(rest)) break;
    const uint32_t length = base::Decoder(rest.substr(0, 4)).U32();
    if (length > kMaxBlockBytes || rest.substr(4, 4) != HeaderCheck(r.chain, length))
      return Damaged(path, r.good_bytes);
    const size_t whole = kHeaderBytes + length + kChecksumBytes;
    if (rest.size() < whole) break;
    const std::string_view body = rest.substr(kHeaderBytes, length);
    const std::string_view checksum = rest.substr(kHeaderBytes + length, kChecksumBytes);
    if (rest.size() == whole && AllZero(checksum)) break;
    const std::string expected = Checksum(r.chain, body);
    if (checksum != expected) return Damaged(path, r.good_bytes);
    if (auto visited = VisitBody(body, visit); !visited)
      return Fail(ErrorCode::kIo, "the ledger " + path + ", block at byte " +
                                      std::to_string(r.good_bytes) + ": " +
                                      visited.error().message);
    r.chain = expected;
    r.good_bytes += whole;
    rest.remove_prefix(whole);
  }
  r.torn_bytes = rest.size();
  return r;
}

Journal::Journal(int fd, const Replayed& replayed)
    : fd_(fd), torn_bytes_(replayed.torn_bytes), chain_(replayed.chain) {}

Journal::~Journal() { close(fd_); }

base::Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path,
                                                     const Visitor& visit) {
  if (access(path.c_str(), F_OK) != 0)
    if (auto made = base::WriteNewFile(path, kMagic);
        !made && made.error().code != ErrorCode::kAlreadyExists)
      return std::unexpected(std::move(made).error());
  const int fd = open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (fd < 0)
    return Fail(ErrorCode::kIo, "cannot open the ledger " + path + ": " + strerror(errno));
  std::unique_ptr<Journal> closer(new Journal(fd, {}));  // closes fd on every way out
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return Fail(ErrorCode::kAlreadyExists,
                "the ledger " + path + " is in use by another process; stop that one first");
  ASSIGN_OR_RETURN(const Replayed replayed, Replay(path, visit));
  if (replayed.torn_bytes > 0 &&
      (ftruncate(fd, static_cast<off_t>(replayed.good_bytes)) != 0 || fsync(fd) != 0))
    return Fail(ErrorCode::kIo, "cannot cut the torn tail of " + path + ": " + strerror(errno));
  if (replayed.good_bytes == 0) RETURN_IF_ERROR(WriteAll(fd, kMagic));
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);  // shares the lock
  if (own < 0) return Fail(ErrorCode::kIo, std::string("dup: ") + strerror(errno));
  return std::unique_ptr<Journal>(new Journal(own, replayed));
}

base::Status Journal::Append(const std::vector<std::string>& records) {
  if (broken_) return Fail(ErrorCode::kStoreUnavailable, "an earlier write failed; restart");
  base::Encoder body_encoder;
  for (const std::string& record : records) body_encoder.Bytes(record);
  const std::string body = body_encoder.Take();
  if (body.size() > kMaxBlockBytes) return Fail(ErrorCode::kPayloadTooLarge, "block too large");
  const auto length = static_cast<uint32_t>(body.size());
  const std::string checksum = Checksum(chain_, body);
  broken_ = true;  // until proven whole
  RETURN_IF_ERROR(WriteAll(fd_, U32(length) + HeaderCheck(chain_, length) + body + checksum));
  if (fdatasync(fd_) != 0)
    return Fail(ErrorCode::kIo, std::string("fdatasync: ") + strerror(errno));
  broken_ = false;
  chain_ = checksum;
  return {};
}

}  // namespace paygate::bank::embedded
