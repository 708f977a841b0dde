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

}  // namespace paygate::gateway::engine
