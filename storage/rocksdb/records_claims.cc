// The record of a claim. The grammar is at the top of records.cc.
#include "storage/rocksdb/fields.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::ToNumericDate;

std::string EncodeClaim(const Claim& c) {
  base::Encoder e = Begin();
  e.Bytes(c.claim_id)
      .Bytes(c.buyer_id)
      .Bytes(c.seller_id)
      .Bytes(c.jws)
      .I64(ToNumericDate(c.filed_at))
      .I64(ToNumericDate(c.answer_by))
      .U8(static_cast<uint8_t>(c.state))
      .I64(ToNumericDate(c.due))
      .Bytes(c.answer)
      .I64(ToNumericDate(c.answered_at))
      .U32(c.attempts)
      .Bytes(c.refund_id)
      .U8(c.order.has_value());
  if (c.order) {
    e.U8(c.order->refund)
        .U8(c.order->by_operator)
        .Bytes(c.order->reason)
        .I64(ToNumericDate(c.order->at))
        .Bytes(c.order->to_buyer)
        .Bytes(c.order->to_seller);
  }
  return e.Take();
}

Result<Claim> DecodeClaim(std::string_view payment_id, std::string_view value) {
  Fields f(value);
  Claim c{.payment_id = std::string(payment_id),
          .claim_id = f.String(),
          .buyer_id = f.String(),
          .seller_id = f.String(),
          .jws = f.String(),
          .filed_at = f.Time(),
          .answer_by = f.Time()};
  c.state = static_cast<ClaimState>(f.Choice(static_cast<uint8_t>(ClaimState::kStuck)));
  c.due = f.Time();
  c.answer = f.String();
  c.answered_at = f.Time();
  c.attempts = f.U32();
  c.refund_id = f.String();
  if (f.Choice(1) == 1) {
    ClaimOrder order;
    order.refund = f.Choice(1) == 1;
    order.by_operator = f.Choice(1) == 1;
    order.reason = f.String();
    order.at = f.Time();
    order.to_buyer = f.String();
    order.to_seller = f.String();
    c.order = std::move(order);
  }
  RETURN_IF_ERROR(f.Done());
  if (c.refund_id.empty() != (c.attempts == 0)) {
    return Fail(ErrorCode::kMalformed, "a claim's refunds do not fit");
  }
  return c;
}

}  // namespace paygate::storage::rocksdb
