// record = u8 kind, i64 time, bytes bank, transaction, uetr, content, reason, currency, debtor,
//          creditor, original, code, text (each `bytes`), i64 amount, i64 due, u8 postings,
//          posting…
// posting = bytes account, i64 amount, i64 balance after        (grammar of base/codec.h)
#include "tools/banksim/record.h"

#include "base/codec.h"

namespace paygate::banksim {

std::string EncodeRecord(const Record& r) {
  base::Encoder out;
  out.U8(static_cast<uint8_t>(r.kind)).I64(r.time);
  for (const std::string* field :
       {&r.bank, &r.transaction, &r.uetr, &r.content, &r.reason, &r.currency, &r.debtor,
        &r.creditor, &r.original, &r.code, &r.text})
    out.Bytes(*field);
  out.I64(r.amount).I64(r.due).U8(static_cast<uint8_t>(r.postings.size()));
  for (const Posting& p : r.postings) out.Bytes(p.account).I64(p.amount).I64(p.balance_after);
  return out.Take();
}

base::Result<Record> DecodeRecord(std::string_view bytes) {
  base::Decoder in(bytes);
  Record r;
  const uint8_t kind = in.U8();
  r.kind = static_cast<RecordKind>(kind);
  r.time = in.I64();
  for (std::string* field : {&r.bank, &r.transaction, &r.uetr, &r.content, &r.reason, &r.currency,
                             &r.debtor, &r.creditor, &r.original, &r.code, &r.text})
    *field = in.Bytes();
  r.amount = in.I64();
  r.due = in.I64();
  const uint8_t postings = in.U8();
  if (kind < 1 || kind > 12 || postings > 4)
    return base::Fail(base::ErrorCode::kMalformed, "a record of a kind that this release lacks");
  for (uint8_t i = 0; i < postings; ++i) {
    Posting p;
    p.account = in.Bytes();
    p.amount = in.I64();
    p.balance_after = in.I64();
    r.postings.push_back(std::move(p));
  }
  RETURN_IF_ERROR(in.Finish());
  return r;
}

}  // namespace paygate::banksim
