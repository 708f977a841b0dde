#include "gateway/engine/results.h"

#include <algorithm>

#include "protocol/jws.h"

namespace paygate::gateway::engine {

using base::Result;
using protocol::PaymentResult;
using protocol::PaymentResultPayload;

namespace {

constexpr size_t kMaxBankText = 256;  // bytes

// What an adapter says is outside text: with bytes that no reader takes, the receipt would be lost
// to the buyer for ever. The store keeps it as it came.
std::string Readable(const std::string& text) {
  const bool ascii = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  return ascii && text.size() <= kMaxBankText ? text : std::string();
}

}  // namespace

Result<PaymentResultPayload> PendingResult(const std::string& gateway_id,
                                           const storage::Intent& intent, base::UnixTime now) {
  // The authorisation was verified before it was recorded; blocks and CSBLK are taken from it, so
  // that a result says exactly what the buyer signed.
  ASSIGN_OR_RETURN(auto jws,
                   protocol::ParseJws(intent.record().authorisation,
                                      protocol::kTypPaymentAuthorisation, protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto authorised, protocol::PaymentAuthorisationPayload::Parse(jws.payload));
  return PaymentResultPayload{.iss = gateway_id,
                              .sub = intent.record().buyer_id,
                              .iat = base::ToNumericDate(now),
                              .authorised_at = authorised.iat,
                              .result = PaymentResult::kPending,
                              .payment_id = intent.payment_id(),
                              .bblk = std::move(authorised.bblk),
                              .csblk = std::move(authorised.csblk)};
}

Result<ResultPayloads> FinalResults(const std::string& gateway_id,
                                    const storage::Settlement& settlement) {
  const storage::FinalOutcome& outcome = settlement.outcome();
  ASSIGN_OR_RETURN(auto receipt,
                   PendingResult(gateway_id, settlement.intent(), settlement.settled_at()));
  receipt.result = outcome.completed ? PaymentResult::kCompleted : PaymentResult::kFailed;
  receipt.bank_reference = Readable(outcome.bank_reference);
  PaymentResultPayload confirmation = receipt;
  confirmation.sub = settlement.intent().record().seller_id;
  // Why a buyer's bank refused is not the seller's business.
  receipt.reason = Readable(outcome.reason);
  return ResultPayloads{.receipt = std::move(receipt), .confirmation = std::move(confirmation)};
}

Result<protocol::RefundResultPayload> PendingRefundResult(
    const std::string& gateway_id, const storage::Intent& refund,
    const std::vector<storage::Refund>& refunds, base::UnixTime now) {
  const storage::IntentRecord& intent = refund.record();
  int64_t back = 0;
  for (const storage::Refund& each : refunds) {
    if (each.state == storage::RefundState::kCompleted) back += each.amount;
  }
  protocol::RefundResultPayload result{.iss = gateway_id,
                                       .sub = intent.seller_id,
                                       .iat = base::ToNumericDate(now),
                                       .result = PaymentResult::kPending,
                                       .refund_id = intent.payment_id,
                                       .payment_id = intent.refund_of,
                                       .amount = intent.amount,
                                       .refunded_total = {}};
  if (back > 0) {
    ASSIGN_OR_RETURN(result.refunded_total, base::Money::Of(back, intent.amount.currency()));
  }
  return result;
}

Result<RefundResultPayloads> FinalRefundResults(const std::string& gateway_id,
                                                const storage::Settlement& settlement,
                                                const std::vector<storage::Refund>& refunds) {
  const storage::IntentRecord& intent = settlement.intent().record();
  ASSIGN_OR_RETURN(auto receipt, PendingRefundResult(gateway_id, settlement.intent(), {},
                                                     settlement.settled_at()));
  const auto own = std::ranges::find(refunds, intent.payment_id, &storage::Refund::refund_id);
  if (own == refunds.end() || own->state == storage::RefundState::kOpen) {
    return base::Fail(base::ErrorCode::kInternal, "a refund's outcome is not in the store");
  }
  receipt.result = settlement.outcome().completed ? PaymentResult::kCompleted
                                                  : PaymentResult::kFailed;
  if (own->refunded_total > 0) {
    ASSIGN_OR_RETURN(receipt.refunded_total,
                     base::Money::Of(own->refunded_total, intent.amount.currency()));
  }
  RefundResultPayloads results{.receipt = receipt, .confirmation = receipt};
  results.confirmation.sub = intent.buyer_id;
  return results;
}

}  // namespace paygate::gateway::engine
