// prepared = bytes "paygate-embedded-transfer", u8 version (1), bytes payment id, bytes debtor,
//            bytes creditor, i64 minor units, bytes currency, u32 fraction digits,
//            bytes remittance, i64 deadline, i64 created       (grammar of base/codec.h)
#include "bank/adapters/embedded/transfer.h"

#include "base/codec.h"
#include "base/encoding.h"
#include "base/money.h"

namespace paygate::bank::embedded {
namespace {

constexpr std::string_view kMagic = "paygate-embedded-transfer";
constexpr uint8_t kVersion = 1;

base::Status Check(const TransferOrder& o) {
  const auto bad = [](const char* what) {
    return base::Fail(base::ErrorCode::kInvalidArgument, what);
  };
  const auto id = base::Base64UrlDecode(o.payment_id);
  if (!id || id->size() != 32) return bad("the payment id must be 43 base64url characters");
  for (const std::string* account : {&o.debtor, &o.creditor})
    if (account->empty() || account->size() > 34 || account->find(':') != std::string::npos)
      return bad("an account number must have 1 to 34 characters");
  if (o.debtor == o.creditor) return bad("debtor and creditor are one account");
  const auto currency = base::Currency::Parse(o.currency);
  if (!currency) return bad("the currency is not an ISO 4217 code");
  if (o.fraction_digits != static_cast<uint32_t>(currency->fraction_digits()))
    return bad("the currency has another number of fraction digits");
  if (!base::Money::Of(o.amount, *currency)) return bad("the amount is out of range");
  if (o.remittance.empty() || o.remittance.size() > 1024 || !base::IsUtf8(o.remittance))
    return bad("the remittance text must be 1 to 1024 bytes of UTF-8");
  if (o.created <= 0 || o.deadline < o.created) return bad("the deadline is before the creation");
  return {};
}

}  // namespace

base::Result<std::string> PrepareOrder(const TransferOrder& o) {
  RETURN_IF_ERROR(Check(o));
  base::Encoder out;
  out.Bytes(kMagic).U8(kVersion).Bytes(o.payment_id).Bytes(o.debtor).Bytes(o.creditor);
  out.I64(o.amount).Bytes(o.currency).U32(o.fraction_digits).Bytes(o.remittance);
  out.I64(o.deadline).I64(o.created);
  return out.Take();
}

base::Result<TransferOrder> ParsePrepared(std::string_view prepared) {
  base::Decoder in(prepared);
  if (in.Bytes() != kMagic || in.U8() != kVersion)
    return base::Fail(base::ErrorCode::kMalformed, "not prepared by this adapter");
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
  RETURN_IF_ERROR(in.Finish());
  if (!Check(o)) return base::Fail(base::ErrorCode::kMalformed, "not prepared by this adapter");
  return o;
}

}  // namespace paygate::bank::embedded
