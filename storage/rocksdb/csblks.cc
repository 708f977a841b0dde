#include "storage/rocksdb/csblks.h"

#include "storage/rocksdb/records.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

Result<CsblkRecord> Csblks::Issue(CsblkRecord record) {
  for (const std::string* id :
       {&record.csblk_id, &record.confirmation_digest, &record.seller_id, &record.nonce}) {
    RETURN_IF_ERROR(CheckId(*id));
  }
  const std::string sale = PairOfIds(record.seller_id, record.nonce);
  const auto hold = locks_.Lock({record.confirmation_digest, sale, record.csblk_id});
  ASSIGN_OR_RETURN(const auto found,
                   database_.GetMany({{Family::kFates, record.confirmation_digest},
                                      {Family::kSales, sale},
                                      {Family::kCsblkStates, record.csblk_id}}));
  ASSIGN_OR_RETURN(const auto fate,
                   Database::Decoded<Fate>(Family::kFates, record.confirmation_digest, found[0],
                                           DecodeFate));
  if (fate && fate->kind == FateKind::kIssued) {
    ASSIGN_OR_RETURN(auto issued, Find(fate->reference));
    if (issued) return std::move(issued->record);
    return Database::Damaged(Family::kCsblks, fate->reference,
                             {ErrorCode::kMalformed, "it was issued and is not there"});
  }
  if (fate) return Fail(ErrorCode::kAlreadyExists, "the seller's confirmation was refused");
  if (found[1]) {
    return Fail(ErrorCode::kDuplicateSale, "the seller used this nonce for another sale");
  }
  if (found[2]) {
    return Fail(ErrorCode::kAlreadyExists, "a CSBLK with this ID was issued for another sale");
  }

  Batch batch(database_);
  batch.Put(Family::kFates, record.confirmation_digest,
            EncodeFate({FateKind::kIssued, record.csblk_id, record.issued_at}));
  batch.Put(Family::kSales, sale, EncodeBytes(record.csblk_id));
  batch.Put(Family::kCsblks, record.csblk_id, EncodeCsblk(record));
  batch.Put(Family::kCsblkStates, record.csblk_id,
            EncodeCsblkStatus({CsblkState::kPayable, {}, {}}));
  batch.Record({.kind = audit::EntryKind::kCsblkIssued,
                .at = record.issued_at,
                .values = {record.csblk_id, record.seller_id, record.confirmation_digest}});
  RETURN_IF_ERROR(database_.Write(batch));
  return record;
}

Result<std::optional<Csblk>> Csblks::Find(std::string_view csblk_id) const {
  const std::string id(csblk_id);
  ASSIGN_OR_RETURN(const auto found,
                   database_.GetMany({{Family::kCsblks, id}, {Family::kCsblkStates, id}}));
  ASSIGN_OR_RETURN(auto record, Database::Decoded<CsblkRecord>(
                                    Family::kCsblks, id, found[0],
                                    [&](std::string_view v) { return DecodeCsblk(id, v); }));
  ASSIGN_OR_RETURN(auto status, Database::Decoded<CsblkStatus>(Family::kCsblkStates, id, found[1],
                                                               DecodeCsblkStatus));
  if (record.has_value() != status.has_value()) {
    return Database::Damaged(Family::kCsblks, id,
                             {ErrorCode::kMalformed, "a record without a state, or the reverse"});
  }
  if (!record) return std::optional<Csblk>();
  return std::optional(Csblk{std::move(*record), status->state, std::move(status->payment_id)});
}

Result<std::optional<CsblkRecord>> Csblks::FindByConfirmation(
    std::string_view confirmation_digest) const {
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, confirmation_digest, DecodeFate));
  if (!fate || fate->kind != FateKind::kIssued) return std::optional<CsblkRecord>();
  ASSIGN_OR_RETURN(auto issued, Find(fate->reference));
  if (!issued) return std::optional<CsblkRecord>();
  return std::optional(std::move(issued->record));
}

Status Csblks::Cancel(std::string_view csblk_id, std::string_view seller_id, base::UnixTime at) {
  const auto hold = locks_.Lock({csblk_id});
  ASSIGN_OR_RETURN(const auto csblk, Find(csblk_id));
  if (!csblk) return Fail(ErrorCode::kNotFound, "the register has no such CSBLK");
  if (csblk->record.seller_id != seller_id) {
    return Fail(ErrorCode::kNotYours, "the CSBLK is another seller's");
  }
  switch (csblk->state) {
    case CsblkState::kPaid:
      return Fail(ErrorCode::kAlreadyPaid, "the CSBLK is paid");
    case CsblkState::kInFlight:
      return Fail(ErrorCode::kInFlight, "a payment of the CSBLK is under way");
    case CsblkState::kCancelled:
      return {};
    case CsblkState::kPayable:
      break;
  }
  Batch batch(database_);
  batch.Put(Family::kCsblkStates, csblk_id, EncodeCsblkStatus({CsblkState::kCancelled, {}, {}}));
  batch.Record({.kind = audit::EntryKind::kCsblkCancelled,
                .at = at,
                .values = {std::string(csblk_id), std::string(seller_id)}});
  return database_.Write(batch);
}

Status SignedRefusals::Record(std::string_view digest, std::string_view refusal_jws,
                              base::UnixTime at) {
  RETURN_IF_ERROR(CheckId(digest));
  const auto hold = locks_.Lock({digest});
  ASSIGN_OR_RETURN(const auto fate, database_.Read<Fate>(Family::kFates, digest, DecodeFate));
  // A registration that the bank was to confirm may still be refused, by the bank.
  if (fate && fate->kind != FateKind::kBegun) {
    return Fail(ErrorCode::kAlreadyExists, fate->kind == FateKind::kRefused
                                               ? "the message was refused already"
                                               : "the message was accepted already");
  }
  Batch batch(database_);
  batch.Put(Family::kFates, digest,
            EncodeFate({FateKind::kRefused, std::string(refusal_jws), at}));
  batch.Put(Family::kRefused, OpenKey(at, digest), EncodeBytes(""));
  return database_.Write(batch);
}

Result<std::optional<std::string>> SignedRefusals::Find(std::string_view digest) const {
  ASSIGN_OR_RETURN(auto fate, database_.Read<Fate>(Family::kFates, digest, DecodeFate));
  if (!fate || fate->kind != FateKind::kRefused) return std::optional<std::string>();
  return std::optional(std::move(fate->reference));
}

}  // namespace paygate::storage::rocksdb
