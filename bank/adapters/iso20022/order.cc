// prepared = bytes "paygate-iso20022", u8 version (1), u8 return (0 or 1), bytes BIC,
//            bytes transaction id, bytes UETR, i64 deadline, bytes message  (base/codec.h)
#include "bank/adapters/iso20022/order.h"

#include "bank/adapters/iso20022/rules.h"
#include "base/codec.h"
#include "base/encoding.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kMagic = "paygate-iso20022";
constexpr uint8_t kVersion = 1;
constexpr int64_t kDay = 24 * 3600;

std::unexpected<base::Error> Bad(const char* what) {
  return Fail(ErrorCode::kInvalidArgument, what);
}

bool IsPaymentId(const std::string& id) {
  const auto bytes = base::Base64UrlDecode(id);
  return bytes && bytes->size() == 32;
}

base::Result<base::Money> AmountOf(int64_t amount, const std::string& currency, uint32_t digits) {
  const auto known = base::Currency::Parse(currency);
  if (!known) return Bad("the currency is not an ISO 4217 code");
  if (digits != static_cast<uint32_t>(known->fraction_digits()))
    return Bad("the currency has another number of fraction digits");
  const auto money = base::Money::Of(amount, *known);
  if (!money) return Bad("the amount is out of range");
  return *money;
}

base::Status CheckTimes(int64_t created, int64_t deadline) {
  if (created <= 0 || deadline < created) return Bad("the deadline is before the creation");
  // RjctTm is a time of day: it says the day only within 24 hours.
  if (deadline - created >= kDay) return Bad("the deadline is a day or more after the creation");
  return {};
}

std::string Encode(const Prepared& p) {
  base::Encoder out;
  out.Bytes(kMagic).U8(kVersion).U8(p.is_return ? 1 : 0).Bytes(p.bic).Bytes(p.transaction_id);
  out.Bytes(p.uetr).I64(p.deadline).Bytes(p.message);
  return out.Take();
}

}  // namespace

Original Prepared::original() const {
  // For both kinds the message's id is the transaction's.
  if (is_return)
    return {.message_id = transaction_id,
            .message_name = "pacs.004.001.10",
            .transaction_id = transaction_id};
  return {.message_id = transaction_id,
          .message_name = "pacs.008.001.08",
          .instruction_id = transaction_id,
          .end_to_end_id = transaction_id,
          .transaction_id = transaction_id,
          .uetr = uetr};
}

base::Result<std::string> PrepareTransfer(const Config& config, const TransferOrder& o) {
  if (!IsPaymentId(o.payment_id)) return Bad("the payment id must be 43 base64url characters");
  if (!IsIban(o.debtor)) return Bad("the debtor's account is not an IBAN");
  if (!IsIban(o.creditor)) return Bad("the creditor's account is not an IBAN");
  if (o.debtor == o.creditor) return Bad("debtor and creditor are one account");
  const BankRoute* debtor_bank = config.ForIban(o.debtor);
  const BankRoute* creditor_bank = config.ForIban(o.creditor);
  if (!debtor_bank) return Bad("no [[bank]] of the configuration has the debtor's account");
  if (!creditor_bank) return Bad("no [[bank]] of the configuration has the creditor's account");
  ASSIGN_OR_RETURN(const base::Money amount, AmountOf(o.amount, o.currency, o.fraction_digits));
  if (o.remittance.empty() || o.remittance.size() > 1024 || !base::IsUtf8(o.remittance))
    return Bad("the remittance text must be 1 to 1024 bytes of UTF-8");
  RETURN_IF_ERROR(CheckTimes(o.created, o.deadline));
  Prepared p{.bic = debtor_bank->bic,
             .transaction_id = TransactionIdOf(o.payment_id),
             .uetr = UetrOf(o.payment_id),
             .deadline = o.deadline * 1000};
  CreditTransfer transfer{.instruction_id = p.transaction_id,
                          .end_to_end_id = p.transaction_id,
                          .transaction_id = p.transaction_id,
                          .uetr = p.uetr,
                          .amount = amount,
                          .accepted = o.created * 1000,
                          .deadline = p.deadline,
                          .debtor_account = o.debtor,
                          .debtor_agent = debtor_bank->bic,
                          .creditor_account = o.creditor,
                          .creditor_agent = creditor_bank->bic,
                          .remittance = {"/PGID/" + o.payment_id}};
  for (std::string& line : RemittanceLines(o.remittance))
    transfer.remittance.push_back(std::move(line));
  p.message =
      Print({{.from = config.bic, .to = p.bic, .id = p.transaction_id, .created = o.created * 1000},
             std::move(transfer)});
  return Encode(p);
}

base::Result<std::string> PrepareReturn(const Config& config, const ReturnOrder& o) {
  if (o.refund_id.empty() || o.refund_id.size() > 64 || !IsPaymentId(o.payment_id))
    return Bad("the refund's or the payment's id is missing, or too long");
  const BankRoute* bank =
      config.ForBic(std::string_view(o.bank_reference).substr(0, o.bank_reference.find('/')));
  if (!bank) return Bad("the bank reference names no [[bank]] of the configuration");
  ASSIGN_OR_RETURN(const base::Money amount, AmountOf(o.amount, o.currency, o.fraction_digits));
  RETURN_IF_ERROR(CheckTimes(o.created, o.deadline));
  Prepared p{.is_return = true,
             .bic = bank->bic,
             .transaction_id = TransactionIdOf("refund " + o.refund_id),
             .deadline = o.deadline * 1000};
  const Prepared transfer{.transaction_id = TransactionIdOf(o.payment_id),
                          .uetr = UetrOf(o.payment_id)};
  p.message =
      Print({{.from = config.bic, .to = p.bic, .id = p.transaction_id, .created = o.created * 1000},
             PaymentReturn{.return_id = p.transaction_id,
                           .original = transfer.original(),
                           .amount = amount,
                           .deadline = p.deadline,
                           .refund_id = o.refund_id,
                           .reason = "CUST"}});
  return Encode(p);
}

base::Result<Prepared> ParsePrepared(std::string_view bytes) {
  base::Decoder in(bytes);
  if (in.Bytes() != kMagic || in.U8() != kVersion)
    return Fail(ErrorCode::kMalformed, "not prepared by this adapter");
  Prepared p;
  const uint8_t is_return = in.U8();
  p.is_return = is_return == 1;
  p.bic = in.Bytes();
  p.transaction_id = in.Bytes();
  p.uetr = in.Bytes();
  p.deadline = in.I64();
  p.message = in.Bytes();
  RETURN_IF_ERROR(in.Finish());
  if (is_return > 1 || p.transaction_id.empty() || p.message.empty())
    return Fail(ErrorCode::kMalformed, "not prepared by this adapter");
  return p;
}

std::string BankReference(std::string_view bic, std::string_view own) {
  return (std::string(bic) + "/" + std::string(own)).substr(0, kMaxIdCharacters);
}

}  // namespace paygate::bank::iso20022
