#include "storage/rocksdb/reconciliations.h"

#include "storage/rocksdb/fields.h"

namespace paygate::storage::rocksdb {

using base::Result;
using base::Status;

std::string EncodeBooking(const ListedBooking& b) {
  return Begin()
      .U8(b.is_return ? 1 : 0)
      .I64(b.minor_units)
      .Bytes(b.currency)
      .Bytes(b.bank_reference)
      .I64(base::ToNumericDate(b.booked))
      .I64(base::ToNumericDate(b.listed))
      .Take();
}

Result<ListedBooking> DecodeBooking(std::string_view id, std::string_view value) {
  Fields in(value);
  ListedBooking b{.id = std::string(id)};
  b.is_return = in.Choice(1) == 1;
  b.minor_units = in.I64();
  b.currency = in.String();
  b.bank_reference = in.String();
  b.booked = in.Time();
  b.listed = in.Time();
  RETURN_IF_ERROR(in.Done());
  return b;
}

std::string EncodePosition(const StatementPosition& p) {
  return Begin().Bytes(p.cursor).I64(base::ToNumericDate(p.complete_until)).Take();
}

Result<StatementPosition> DecodePosition(std::string_view value) {
  Fields in(value);
  StatementPosition p{.cursor = in.String(), .complete_until = in.Time()};
  RETURN_IF_ERROR(in.Done());
  return p;
}

std::string EncodeSince(base::UnixTime since) {
  return Begin().I64(base::ToNumericDate(since)).Take();
}

Result<base::UnixTime> DecodeSince(std::string_view value) {
  Fields in(value);
  const base::UnixTime since = in.Time();
  RETURN_IF_ERROR(in.Done());
  return since;
}

namespace {

// The first key after `after`.
std::string Behind(std::string_view after) {
  return after.empty() ? "" : std::string(after) + std::string(1, '\0');
}

}  // namespace

Result<StatementPosition> Reconciliations::Position(std::string_view adapter) const {
  ASSIGN_OR_RETURN(auto position, database_.Read<StatementPosition>(Family::kStatements, adapter,
                                                                    DecodePosition));
  return std::move(position).value_or(StatementPosition());
}

Result<std::optional<ListedBooking>> Reconciliations::FindBooking(std::string_view id) const {
  return database_.Read<ListedBooking>(Family::kBookings, id, [&](std::string_view value) {
    return DecodeBooking(id, value);
  });
}

Result<std::vector<Unreconciled>> Reconciliations::ListUnreconciled(std::string_view after,
                                                                    size_t limit) const {
  std::vector<Unreconciled> list;
  RETURN_IF_ERROR(database_.ForEach(
      Family::kUnreconciled, "", Behind(after),
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        const auto since = DecodeSince(value);
        if (!since) return Database::Damaged(Family::kUnreconciled, key, since.error());
        list.push_back({std::string(key), *since});
        return list.size() < limit;
      }));
  return list;
}

Result<std::vector<std::string>> Reconciliations::ListSettled(std::string_view after,
                                                              size_t limit) const {
  std::vector<std::string> list;
  RETURN_IF_ERROR(database_.ForEach(Family::kSettlements, "", Behind(after),
                                    [&](std::string_view key, std::string_view) -> Result<bool> {
                                      list.emplace_back(key);
                                      return list.size() < limit;
                                    }));
  return list;
}

Status Reconciliations::Write(const ReconciliationChanges& changes) {
  Batch batch(database_);
  for (const std::string& id : changes.unlisted) batch.Delete(Family::kBookings, id);
  for (const ListedBooking& booking : changes.listed) {
    RETURN_IF_ERROR(CheckId(booking.id));
    batch.Put(Family::kBookings, booking.id, EncodeBooking(booking));
  }
  for (const std::string& id : changes.agreed) batch.Delete(Family::kUnreconciled, id);
  for (const std::string& id : changes.disputed) {
    ASSIGN_OR_RETURN(const auto before, database_.Get(Family::kUnreconciled, id));
    if (!before) batch.Put(Family::kUnreconciled, id, EncodeSince(changes.at));
  }
  if (changes.position) {
    RETURN_IF_ERROR(CheckId(changes.adapter));
    batch.Put(Family::kStatements, changes.adapter, EncodePosition(*changes.position));
  }
  return batch.empty() ? Status() : database_.Write(batch);
}

}  // namespace paygate::storage::rocksdb
