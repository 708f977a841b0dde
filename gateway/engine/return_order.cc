#include "gateway/engine/return_order.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;

base::Result<ReturnOrder> PrepareReturn(const ReturnParts& p, const std::string& refund_id,
                                        const storage::Payment& payment,
                                        const base::Money& amount) {
  if (p.payments.OpenCount() >= kMaxOpenIntents) {
    return Fail(ErrorCode::kBankUnavailable, "too many payments wait for the bank");
  }
  const auto capabilities = p.bank.GetCapabilities();
  if (!capabilities || !capabilities->returns) {
    return Fail(ErrorCode::kBankUnavailable, "the bank can give nothing back now");
  }
  const base::UnixTime now = p.clock.Now(), deadline = now + p.limits.bank_deadline;
  ASSIGN_OR_RETURN(
      std::string prepared,
      p.bank.PrepareReturn({.refund_id = refund_id,
                            .payment_id = payment.intent.payment_id(),
                            .bank_reference = payment.settlement->outcome().bank_reference,
                            .amount = amount,
                            .deadline = deadline,
                            .created = now}));
  ASSIGN_OR_RETURN(Sealed sealed, p.storage_keys.Seal(refund_id, prepared));
  return ReturnOrder{.prepared = std::move(prepared),
                     .sealed = std::move(sealed),
                     .created = now,
                     .deadline = deadline};
}

}  // namespace paygate::gateway::engine
