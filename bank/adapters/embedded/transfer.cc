// prepared = transfer | return                                 (grammar of base/codec.h)
// return   = bytes "paygate-embedded-return", u8 version (1), bytes refund id, bytes payment id,
//            bytes bank reference, i64 minor units, bytes currency, u32 fraction digits,
//            i64 deadline, i64 created
// transfer = bytes "paygate-embedded-transfer", u8 version (1), bytes payment id, bytes debtor,
//            bytes creditor, i64 minor units, bytes currency, u32 fraction digits,
//            bytes remittance, i64 deadline, i64 created
#include "bank/adapters/embedded/transfer.h"

#include "base/codec.h"
#include "base/encoding.h"
#include "base/money.h"

namespace paygate::bank::embedded {
namespace {

constexpr std::string_view kMagic = "paygate-embedded-transfer";
constexpr std::string_view kReturnMagic = "paygate-embedded-return";
constexpr uint8_t kVersion = 1;

std::unexpected<base::Error> Bad(const char* what) {
  return base::Fail(base::ErrorCode::kInvalidArgument, what);
}

bool IsPaymentId(const std::string& text) {
  const auto id = base::Base64UrlDecode(text);
  return id && id->size() == 32;
}

base::Status CheckParties(const TransferOrder& o) {
  for (const std::string* account : {&o.debtor, &o.creditor})
    if (account->empty() || account->size() > 34 || account->find(':') != std::string::npos)
      return Bad("an account number must have 1 to 34 characters");
  if (o.debtor == o.creditor) return Bad("debtor and creditor are one account");
  if (o.remittance.empty() || o.remittance.size() > 1024 || !base::IsUtf8(o.remittance))
    return Bad("the remittance text must be 1 to 1024 bytes of UTF-8");
  return {};
}

base::Status CheckReturn(const TransferOrder& o) {
  if (!IsPaymentId(o.returns)) return Bad("a return must name a payment");
  if (o.bank_reference.empty() || o.bank_reference.size() > 35)
    return Bad("a bank reference must have 1 to 35 characters");
  return {};
}

base::Status Check(const TransferOrder& o) {
  if (!IsPaymentId(o.payment_id)) return Bad("the id must be 43 base64url characters");
  RETURN_IF_ERROR(o.returns.empty() ? CheckParties(o) : CheckReturn(o));
  const auto currency = base::Currency::Parse(o.currency);
  if (!currency) return Bad("the currency is not an ISO 4217 code");
  if (o.fraction_digits != static_cast<uint32_t>(currency->fraction_digits()))
    return Bad("the currency has another number of fraction digits");
  if (!base::Money::Of(o.amount, *currency)) return Bad("the amount is out of range");
  if (o.created <= 0 || o.deadline < o.created) return Bad("the deadline is before the creation");
  return {};
}

TransferOrder ReadReturn(base::Decoder& in) {
  TransferOrder o;
  o.payment_id = in.Bytes();
  o.returns = in.Bytes();
  o.bank_reference = in.Bytes();
  o.amount = in.I64();
  o.currency = in.Bytes();
  o.fraction_digits = in.U32();
  o.deadline = in.I64();
  o.created = in.I64();
  return o;
}

TransferOrder ReadTransfer(base::Decoder& in) {
  TransferOrder o;
  o.payment_id = in.Bytes();
  o.debtor = in.Bytes();
  o.creditor = in.Bytes();
  o.amount = in.I64();
  o.currency = in.Bytes();
  o.fraction_digits = in.U32();
  o.remittance = in.Bytes();
  o.deadline = in.I64();
  o.created = in.I64();
  return o;
}

}  // namespace

base::Result<std::string> PrepareOrder(const TransferOrder& o) {
  RETURN_IF_ERROR(Check(o));
  base::Encoder out;
  if (!o.returns.empty()) {
    out.Bytes(kReturnMagic).U8(kVersion).Bytes(o.payment_id).Bytes(o.returns);
    out.Bytes(o.bank_reference).I64(o.amount).Bytes(o.currency).U32(o.fraction_digits);
    return out.I64(o.deadline).I64(o.created).Take();
  }
  out.Bytes(kMagic).U8(kVersion).Bytes(o.payment_id).Bytes(o.debtor).Bytes(o.creditor);
  out.I64(o.amount).Bytes(o.currency).U32(o.fraction_digits).Bytes(o.remittance);
  return out.I64(o.deadline).I64(o.created).Take();
}

base::Result<TransferOrder> ParsePrepared(std::string_view prepared) {
  const auto foreign = [] {
    return base::Fail(base::ErrorCode::kMalformed, "not prepared by this adapter");
  };
  base::Decoder in(prepared);
  const std::string_view magic = in.Bytes();
  if ((magic != kMagic && magic != kReturnMagic) || in.U8() != kVersion) return foreign();
  TransferOrder o = magic == kReturnMagic ? ReadReturn(in) : ReadTransfer(in);
  RETURN_IF_ERROR(in.Finish());
  if (!Check(o) || (magic == kReturnMagic) == o.returns.empty()) return foreign();
  return o;
}

}  // namespace paygate::bank::embedded
