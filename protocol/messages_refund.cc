// protocol.md section 7: refunds by the seller.
#include "protocol/internal/message_reader.h"
#include "protocol/messages.h"

namespace paygate::protocol {

base::Result<RefundBlock> RefundBlock::Parse(JsonObject object) {
  MessageReader r(std::move(object));
  ASSIGN_OR_RETURN(const base::Money amount, ParsePrice(r.object().TakeObject("amount")));
  RefundBlock block{
      .payment_id = r.Digest("payment_id"), .amount = amount, .nonce = r.Nonce("nonce")};
  RETURN_IF_ERROR(r.Finish());
  return block;
}

std::string RefundBlock::Print() const {
  return JsonWriter()
      .String("payment_id", payment_id)
      .Raw("amount", PrintPrice(amount))
      .String("nonce", nonce)
      .Take();
}

base::Result<RefundChallengeRequestBody> RefundChallengeRequestBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(RefundBlock refund, RefundBlock::Parse(r.object().TakeObject("refund")));
  RefundChallengeRequestBody m{.refund = std::move(refund), .certificate = r.OneCertificate()};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundChallengeRequestBody::Print() const {
  return JsonWriter()
      .Raw("refund", refund.Print())
      .Strings("x5c", EncodeCertificates({certificate}))
      .Take();
}

base::Result<RefundChallengePayload> RefundChallengePayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(RefundBlock refund, RefundBlock::Parse(r.object().TakeObject("refund")));
  RefundChallengePayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .exp = r.Time("exp"),
      .r5 = r.Nonce("r5"),
      .r6 = r.Nonce("r6"),
      .refund = std::move(refund),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundChallengePayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("sub", sub)
      .Integer("iat", iat)
      .Integer("exp", exp)
      .String("r5", r5)
      .String("r6", r6)
      .Raw("refund", refund.Print())
      .Take();
}

base::Result<RefundAuthorisationPayload> RefundAuthorisationPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(RefundBlock refund, RefundBlock::Parse(r.object().TakeObject("refund")));
  RefundAuthorisationPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .r5 = r.Nonce("r5"),
      .r6 = r.Nonce("r6"),
      .iat = r.Time("iat"),
      .refund = std::move(refund),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundAuthorisationPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .String("r5", r5)
      .String("r6", r6)
      .Integer("iat", iat)
      .Raw("refund", refund.Print())
      .Take();
}

base::Result<RefundResultPayload> RefundResultPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(const base::Money amount, ParsePrice(r.object().TakeObject("amount")));
  std::optional<base::Money> total;
  if (r.object().Has("refunded_total")) {
    ASSIGN_OR_RETURN(total, ParsePrice(r.object().TakeObject("refunded_total")));
  }
  RefundResultPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .result = TakeResult(r),
      .refund_id = r.Digest("refund_id"),
      .payment_id = r.Digest("payment_id"),
      .amount = amount,
      .refunded_total = total,
  };
  const bool fits = !total || (total->currency() == amount.currency() &&
                               (m.result != PaymentResult::kCompleted ||
                                total->minor_units() >= amount.minor_units()));
  if (!fits || (m.result == PaymentResult::kCompleted && !total)) {
    r.Fail("refunded_total", "does not fit the amount");
  }
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefundResultPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("sub", sub).Integer("iat", iat);
  writer.String("result", Name(result)).String("refund_id", refund_id);
  writer.String("payment_id", payment_id).Raw("amount", PrintPrice(amount));
  if (refunded_total) writer.Raw("refunded_total", PrintPrice(*refunded_total));
  return writer.Take();
}

}  // namespace paygate::protocol
