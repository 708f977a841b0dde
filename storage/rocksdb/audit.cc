// family        key                       value (version byte, then)
// staged        be64 ticket               bytes: an entry's line, durable and not numbered yet
// entries       be64 number               bytes: the line
// nodes         level: u8, be64 index     bytes: the hash of a perfect subtree, level 1 and above
// subjects      part subject, be64 number bytes: empty
// checkpoints   be64 size                 bytes: the signed note
// signers       x5t#S256                  bytes: a certificate's DER
// accounts      payment_id                bytes: IntentRecord::sealed_accounts, if there are any
#include "storage/rocksdb/audit.h"

#include <algorithm>

#include "base/crypto.h"
#include "storage/rocksdb/number_key.h"
#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

// The number at the end of a key of ours.
Result<uint64_t> NumberIn(Family family, std::string_view key) {
  const Result<uint64_t> number = ParseNumberKey(key.substr(key.size() - std::min<size_t>(
                                                                             key.size(), 8)));
  if (!number) return Database::Damaged(family, key, number.error());
  return number;
}

std::string NodeKey(uint8_t level, uint64_t index) {
  return std::string(1, static_cast<char>(level)) + NumberKey(index);
}

}  // namespace

Status Audit::Load() {
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto last, database_.LastKey(Family::kEntries, ""));
  if (!last) return {};
  ASSIGN_OR_RETURN(const uint64_t number, NumberIn(Family::kEntries, *last));
  ASSIGN_OR_RETURN(frontier_, audit::Frontier::Resume(number + 1, Reader()));
  return {};
}

Status Audit::Append(const audit::Entry& entry) {
  Batch batch(database_);
  batch.Record(entry);
  return database_.Write(batch);
}

Result<size_t> Audit::Number(size_t limit) {
  base::MutexLock lock(mutex_);
  audit::Frontier frontier = frontier_;
  Batch batch(database_);
  // Before the walk, which sees every row of an older ticket.
  uint64_t whole_to = database_.staged().Oldest();
  const auto take = [&](std::string_view key, std::string_view value) -> Result<bool> {
    const Result<std::string> line = DecodeBytes(value);
    if (!line) return Database::Damaged(Family::kStaged, key, line.error());
    const Result<audit::Entry> entry = audit::ParseEntry(*line);
    if (!entry) return Database::Damaged(Family::kStaged, key, entry.error());
    const std::string number = NumberKey(frontier.size());
    batch.Delete(Family::kStaged, key);
    batch.Put(Family::kEntries, number, value);
    if (!entry->subject().empty()) {
      batch.Put(Family::kSubjects, ParticipantPrefix(entry->subject()) + number, EncodeBytes(""));
    }
    for (const audit::Node& node : frontier.Append(audit::HashLeaf(*line))) {
      if (node.level == 0) continue;  // hashed again from its entry
      batch.Put(Family::kNodes, NodeKey(node.level, node.index), EncodeBytes(node.hash));
    }
    if (--limit > 0) return true;
    ASSIGN_OR_RETURN(const uint64_t ticket, ParseNumberKey(key));
    whole_to = std::min(whole_to, ticket + 1);
    return false;
  };
  RETURN_IF_ERROR(database_.ForEach(Family::kStaged, "", NumberKey(staged_from_), take));
  const size_t numbered = frontier.size() - frontier_.size();
  if (numbered > 0) RETURN_IF_ERROR(database_.Write(batch));
  frontier_ = std::move(frontier);
  staged_from_ = whole_to;
  return numbered;
}

TreeHead Audit::Head() const {
  base::MutexLock lock(mutex_);
  return {frontier_.size(), frontier_.Root()};
}

Status Audit::ForEach(uint64_t first, const Visitor& visit) const {
  return database_.ForEach(
      Family::kEntries, "", NumberKey(first),
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        ASSIGN_OR_RETURN(const uint64_t number, NumberIn(Family::kEntries, key));
        const Result<std::string> line = DecodeBytes(value);
        if (!line) return Database::Damaged(Family::kEntries, key, line.error());
        return visit(number, *line);
      });
}

Result<std::vector<uint64_t>> Audit::About(std::string_view subject) const {
  RETURN_IF_ERROR(CheckId(subject));
  std::vector<uint64_t> numbers;
  const std::string prefix = ParticipantPrefix(subject);
  RETURN_IF_ERROR(database_.ForEach(Family::kSubjects, prefix, prefix,
                                    [&](std::string_view key, std::string_view) -> Result<bool> {
                                      ASSIGN_OR_RETURN(const uint64_t number,
                                                       NumberIn(Family::kSubjects, key));
                                      numbers.push_back(number);
                                      return true;
                                    }));
  return numbers;
}

audit::NodeReader Audit::Reader() const {
  return [this](uint8_t level, uint64_t index) -> Result<audit::Hash> {
    const Family family = level == 0 ? Family::kEntries : Family::kNodes;
    const std::string key = level == 0 ? NumberKey(index) : NodeKey(level, index);
    ASSIGN_OR_RETURN(auto bytes, database_.Read<std::string>(family, key, DecodeBytes));
    if (!bytes) {
      return Database::Damaged(family, key,
                               {ErrorCode::kMalformed, "the audit log needs it, and it is gone"});
    }
    return level == 0 ? audit::HashLeaf(*bytes) : std::move(*bytes);
  };
}

Result<std::vector<audit::Hash>> Audit::InclusionProof(uint64_t number, uint64_t size) const {
  if (size > Head().size) return Fail(ErrorCode::kInvalidArgument, "the log has fewer entries");
  return audit::InclusionProof(number, size, Reader());
}

Status Audit::KeepCheckpoint(const KeptCheckpoint& checkpoint,
                             const std::vector<std::string>& chain) {
  Batch batch(database_);
  batch.Put(Family::kCheckpoints, NumberKey(checkpoint.size), EncodeBytes(checkpoint.note));
  for (const std::string& der : chain) {
    batch.Put(Family::kSigners, base::Sha256Base64Url(der), EncodeBytes(der));
  }
  return database_.Write(batch);
}

Result<std::optional<KeptCheckpoint>> Audit::LatestCheckpoint() const {
  ASSIGN_OR_RETURN(const auto last, database_.LastKey(Family::kCheckpoints, ""));
  if (!last) return std::optional<KeptCheckpoint>();
  ASSIGN_OR_RETURN(const uint64_t size, NumberIn(Family::kCheckpoints, *last));
  ASSIGN_OR_RETURN(auto note,
                   database_.Read<std::string>(Family::kCheckpoints, *last, DecodeBytes));
  return std::optional(KeptCheckpoint{size, note.value_or("")});
}

Result<std::vector<KeptCheckpoint>> Audit::Checkpoints(uint64_t after, size_t limit) const {
  std::vector<KeptCheckpoint> found;
  const auto take = [&](std::string_view key, std::string_view value) -> Result<bool> {
    ASSIGN_OR_RETURN(const uint64_t size, NumberIn(Family::kCheckpoints, key));
    Result<std::string> note = DecodeBytes(value);
    if (!note) return Database::Damaged(Family::kCheckpoints, key, note.error());
    found.push_back({size, std::move(*note)});
    return found.size() < limit;
  };
  RETURN_IF_ERROR(database_.ForEach(Family::kCheckpoints, "", NumberKey(after + 1), take));
  return found;
}

Result<std::vector<std::string>> Audit::SigningCertificates() const {
  std::vector<std::string> found;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kSigners, "", "", [&](std::string_view key, std::string_view value) -> Result<bool> {
        Result<std::string> der = DecodeBytes(value);
        if (!der) return Database::Damaged(Family::kSigners, key, der.error());
        found.push_back(std::move(*der));
        return true;
      }));
  return found;
}

}  // namespace paygate::storage::rocksdb
