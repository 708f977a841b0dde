// refund, and how a refund's result is told.
#include <cstdio>

#include "protocol/json.h"
#include "protocol/values.h"
#include "tools/wallet/wallet.h"
#include "tools/wallet/words.h"

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;
using participant::EvidenceKind;
using participant::RefundRecord;
using protocol::PaymentResult;

// Named, or all that is left.
base::Result<base::Money> AmountOf(const Options& options, participant::Client& client) {
  if (options.amount.empty()) return client.Refundable(options.payment_id);
  auto amount = base::Money::Parse(options.amount, options.currency);
  if (amount) return amount;
  return Fail(ErrorCode::kInvalidArgument,
              "no amount: " + amount.error().message + " (as in: 12.50 GBP)");
}

}  // namespace

std::string RefundInWords(const RefundRecord& record) {
  const auto& p = record.payload;
  const bool seller = record.kind == EvidenceKind::kRefund;
  std::string text = seller ? "Refund to the buyer, " : "Refund to you, ";
  text += OutcomeInWords(p.result, "the money is irrevocably back at the buyer's bank");
  text += Line("Amount", p.amount.ToString());
  text += Line("In all", p.refunded_total ? p.refunded_total->ToString() + " refunded" : "nothing");
  text += Line("Signed", FormatTime(p.iat) + " by gateway " + p.iss);
  text += Line("Payment", p.payment_id);
  text += Line("Refund", p.refund_id);
  return text;
}

std::string RefundAsJson(const RefundRecord& record) {
  const auto& p = record.payload;
  protocol::JsonWriter json;
  json.String("status", protocol::Name(p.result))
      .String("kind", record.kind == EvidenceKind::kRefund ? "refund" : "refund-confirmation")
      .String("refund_id", p.refund_id)
      .String("payment_id", p.payment_id)
      .Raw("amount", protocol::PrintPrice(p.amount));
  if (p.refunded_total) json.Raw("refunded_total", protocol::PrintPrice(*p.refunded_total));
  return json.Integer("signed_at", p.iat).Take();
}

int ReportRefund(const Options& options, const RefundRecord& record) {
  const std::string text = options.json ? RefundAsJson(record) + "\n" : RefundInWords(record);
  std::printf("%s", text.c_str());
  switch (record.payload.result) {
    case PaymentResult::kCompleted:
      return kDone;
    case PaymentResult::kFailed:
      return kRefused;
    case PaymentResult::kPending:
      return kUndecided;
  }
  return kNotVerified;
}

namespace {

int Refund(const Options& options, Wallet& w) {
  const auto agreed = [&]() -> base::Result<base::Money> {
    ASSIGN_OR_RETURN(const base::Money amount, AmountOf(options, w.client()));
    if (options.yes) return amount;
    ASSIGN_OR_RETURN(const bool yes, AskYesNo("Give back " + amount.ToString() + " of payment " +
                                              options.payment_id + "?"));
    if (!yes) return Fail(ErrorCode::kInvalidArgument, "not refunded: you did not say yes");
    return amount;
  };
  const auto amount = agreed();
  if (!amount) return ReportError(options, amount.error(), 0);
  auto answer = w.client().Refund(options.payment_id, *amount);
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return ReportRefund(options, *answer->value);
}

}  // namespace

int RunRefund(const Options& options) {
  // An earlier try of a refund of this payment that was still out is this refund.
  return RunOnce(options, participant::MessageKind::kRefund, options.payment_id,
                 [&](Wallet& w) { return Refund(options, w); });
}

}  // namespace paygate::wallet
