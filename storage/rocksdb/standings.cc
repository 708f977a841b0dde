// What the operator and the bank say of a participant: the rest of participants.h.
#include "storage/rocksdb/participants.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

Result<std::optional<Standing>> Participants::FindStanding(std::string_view participant_id) const {
  return database_.Read<Standing>(Family::kStandings, participant_id, DecodeStanding);
}

Result<std::optional<HeldState>> Participants::FindHold(std::string_view participant_id) const {
  ASSIGN_OR_RETURN(auto standing, FindStanding(participant_id));
  if (!standing || standing->kind != StandingKind::kHeld) return std::optional<HeldState>();
  return std::optional(HeldState{.note = std::move(standing->note), .since = standing->at});
}

Status Participants::Hold(std::string_view participant_id, std::string_view note,
                          base::UnixTime at) {
  const auto hold = locks_.Lock({participant_id});
  ASSIGN_OR_RETURN(const auto pairs, Pairs(participant_id));
  if (pairs.empty()) return Fail(ErrorCode::kNotFound, "no such participant");
  ASSIGN_OR_RETURN(const auto before, FindHold(participant_id));
  Batch batch(database_);
  batch.Put(Family::kStandings, participant_id,
            EncodeStanding({.kind = StandingKind::kHeld,
                            .note = std::string(note),
                            .at = before ? before->since : at}));
  batch.Record({.kind = audit::EntryKind::kHeld,
                .at = at,
                .values = {std::string(participant_id)}});
  return WriteChange(batch);
}

Status Participants::Release(std::string_view participant_id, base::UnixTime at) {
  const auto hold = locks_.Lock({participant_id});
  ASSIGN_OR_RETURN(const auto pairs, Pairs(participant_id));
  if (pairs.empty()) return Fail(ErrorCode::kNotFound, "no such participant");
  Batch batch(database_);
  batch.Delete(Family::kStandings, participant_id);
  batch.Record({.kind = audit::EntryKind::kReleased,
                .at = at,
                .values = {std::string(participant_id)}});
  return WriteChange(batch);
}

Result<std::string> Participants::Cursor(std::string_view adapter) const {
  ASSIGN_OR_RETURN(auto cursor,
                   database_.Read<std::string>(Family::kCursors, adapter, DecodeBytes));
  return cursor.value_or("");
}

Result<bool> Participants::Apply(std::string_view adapter, const BankNotice& notice,
                                 base::UnixTime at) {
  RETURN_IF_ERROR(CheckId(adapter));
  RETURN_IF_ERROR(CheckId(notice.participant_id));
  if (notice.reason == RevocationReason::kNone) {
    return Fail(ErrorCode::kInvalidArgument, "a revocation needs a reason");
  }
  const auto hold = locks_.Lock({notice.participant_id});
  ASSIGN_OR_RETURN(auto pairs, Pairs(notice.participant_id));
  Batch batch(database_);
  AddRevocation(pairs, notice.reason, at, batch);
  if (pairs.empty()) {
    ASSIGN_OR_RETURN(const auto before, FindStanding(notice.participant_id));
    if (!before) {
      batch.Put(Family::kStandings, notice.participant_id,
                EncodeStanding(
                    {.kind = StandingKind::kRevoked, .reason = notice.reason, .at = at}));
    }
  }
  const bool news = !batch.empty();
  if (news) RecordRevocation(notice.participant_id, notice.reason, "bank", "", at, batch);
  batch.Put(Family::kCursors, adapter, EncodeBytes(notice.cursor));
  const Status written = WriteChange(batch);
  Revoked();
  RETURN_IF_ERROR(written);
  return news;
}

}  // namespace paygate::storage::rocksdb
