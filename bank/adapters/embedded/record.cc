// record = u8 kind, i64 time, bytes currency, bytes account, bytes transaction, bytes content,
//          bytes reason, bytes registration, bytes participant, bytes code,
//          u8 number of postings (0 or 2), posting…, and with kind 11: bytes returns
// posting = bytes account, i64 amount, i64 balance after        (grammar of base/codec.h)
#include "bank/adapters/embedded/record.h"

#include "base/codec.h"

namespace paygate::bank::embedded {

std::string EncodeRecord(const Record& r) {
  base::Encoder out;
  out.U8(static_cast<uint8_t>(r.kind)).I64(r.time).Bytes(r.currency).Bytes(r.account);
  out.Bytes(r.transaction).Bytes(r.content).Bytes(r.reason);
  out.Bytes(r.registration).Bytes(r.participant).Bytes(r.code);
  out.U8(static_cast<uint8_t>(r.postings.size()));
  for (const Posting& p : r.postings) out.Bytes(p.account).I64(p.amount).I64(p.balance_after);
  if (r.kind == RecordKind::kReturned) out.Bytes(r.returns);
  return out.Take();
}

base::Result<Record> DecodeRecord(std::string_view bytes) {
  base::Decoder in(bytes);
  Record r;
  const uint8_t kind = in.U8();
  r.kind = static_cast<RecordKind>(kind);
  r.time = in.I64();
  for (std::string* field : {&r.currency, &r.account, &r.transaction, &r.content, &r.reason,
                             &r.registration, &r.participant, &r.code})
    *field = in.Bytes();
  const uint8_t postings = in.U8();
  if (kind < 1 || kind > 11 || (postings != 0 && postings != 2))
    return base::Fail(base::ErrorCode::kMalformed, "a record of a kind that this release lacks");
  for (uint8_t i = 0; i < postings; ++i) {
    Posting p;
    p.account = in.Bytes();
    p.amount = in.I64();
    p.balance_after = in.I64();
    r.postings.push_back(std::move(p));
  }
  if (r.kind == RecordKind::kReturned) r.returns = in.Bytes();
  RETURN_IF_ERROR(in.Finish());
  return r;
}

}  // namespace paygate::bank::embedded
