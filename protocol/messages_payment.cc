// protocol.md section 6: payment (paper 6.2.4).
#include "base/encoding.h"
#include "protocol/internal/message_reader.h"
#include "protocol/messages.h"

namespace paygate::protocol {
namespace {

constexpr size_t kMaxReasonBytes = 256;
constexpr size_t kMaxBankReferenceBytes = 256;

}  // namespace

PaymentResult TakeResult(MessageReader& reader) {
  const std::string text = reader.object().TakeString("result");
  for (PaymentResult result :
       {PaymentResult::kCompleted, PaymentResult::kFailed, PaymentResult::kPending}) {
    if (text == Name(result)) return result;
  }
  reader.Fail("result", "none of completed, failed, pending");
  return PaymentResult::kPending;
}

base::Result<BuyerChallengeRequestBody> BuyerChallengeRequestBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Bblk bblk, r.TakeBblk());
  BuyerChallengeRequestBody m{.bblk = std::move(bblk), .certificate = r.OneCertificate()};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string BuyerChallengeRequestBody::Print() const {
  return JsonWriter()
      .Raw("bblk", bblk.Print())
      .Strings("x5c", EncodeCertificates({certificate}))
      .Take();
}

base::Result<BuyerChallengePayload> BuyerChallengePayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Bblk bblk, r.TakeBblk());
  BuyerChallengePayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .exp = r.Time("exp"),
      .r3 = r.Nonce("r3"),
      .r4 = r.Nonce("r4"),
      .bblk = std::move(bblk),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string BuyerChallengePayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("sub", sub)
      .Integer("iat", iat)
      .Integer("exp", exp)
      .String("r3", r3)
      .String("r4", r4)
      .Raw("bblk", bblk.Print())
      .Take();
}

base::Result<PaymentAuthorisationPayload> PaymentAuthorisationPayload::Parse(
    std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Bblk bblk, r.TakeBblk());
  PaymentAuthorisationPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .r3 = r.Nonce("r3"),
      .r4 = r.Nonce("r4"),
      .iat = r.Time("iat"),
      .bblk = std::move(bblk),
      .csblk = r.Jws("csblk"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string PaymentAuthorisationPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .String("r3", r3)
      .String("r4", r4)
      .Integer("iat", iat)
      .Raw("bblk", bblk.Print())
      .String("csblk", csblk)
      .Take();
}

base::Result<PaymentAuthorisationBody> PaymentAuthorisationBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MessageReader disclosures(r.object().TakeObject("disclosures"));
  PaymentAuthorisationBody m{
      .authorisation = r.Jws("authorisation"),
      .buyer_disclosure = disclosures.DisclosureText("buyer"),
      .buyer_binding_disclosure = disclosures.DisclosureText("buyer_binding"),
      .seller_disclosure = disclosures.DisclosureText("seller"),
  };
  RETURN_IF_ERROR(disclosures.Finish());
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string PaymentAuthorisationBody::Print() const {
  const std::string disclosures = JsonWriter()
                                      .String("buyer", buyer_disclosure)
                                      .String("buyer_binding", buyer_binding_disclosure)
                                      .String("seller", seller_disclosure)
                                      .Take();
  return JsonWriter().String("authorisation", authorisation).Raw("disclosures", disclosures).Take();
}

std::string_view Name(PaymentResult result) {
  switch (result) {
    case PaymentResult::kCompleted:
      return "completed";
    case PaymentResult::kFailed:
      return "failed";
    case PaymentResult::kPending:
      return "pending";
  }
  return "pending";
}

base::Result<PaymentResultPayload> PaymentResultPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Bblk bblk, r.TakeBblk());
  PaymentResultPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .authorised_at = r.Time("authorised_at"),
      .result = TakeResult(r),
      .reason = r.OptionalText("reason", kMaxReasonBytes),
      .payment_id = r.Digest("payment_id"),
      .bank_reference = r.OptionalText("bank_reference", kMaxBankReferenceBytes),
      .bblk = std::move(bblk),
      .csblk = r.Jws("csblk"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

base::Result<PaymentResultPayload> PaymentResultPayload::ParseConfirmation(std::string_view json) {
  ASSIGN_OR_RETURN(PaymentResultPayload m, Parse(json));
  if (!m.reason.empty() || m.result == PaymentResult::kPending) {
    return base::Fail(base::ErrorCode::kMalformed,
                      "a payment confirmation is final and says no reason");
  }
  return m;
}

std::string PaymentResultPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("sub", sub).Integer("iat", iat);
  writer.Integer("authorised_at", authorised_at).String("result", Name(result));
  if (!reason.empty()) writer.String("reason", reason);
  writer.String("payment_id", payment_id);
  if (!bank_reference.empty()) writer.String("bank_reference", bank_reference);
  return writer.Raw("bblk", bblk.Print()).String("csblk", csblk).Take();
}

}  // namespace paygate::protocol
