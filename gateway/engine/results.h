// Messages 4 and 5 of a payment (paper 6.2.4), and the same of a refund: what the receipt and the
// confirmation say. A final
// result can only be made from a Settlement, that is, from the bank's word on a durable intent.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "protocol/messages.h"
#include "storage/payment.h"

namespace paygate::gateway::engine {

struct ResultPayloads {
  protocol::PaymentResultPayload receipt;       // to the buyer
  protocol::PaymentResultPayload confirmation;  // to the seller, without the reason
};

base::Result<ResultPayloads> FinalResults(const std::string& gateway_id,
                                          const storage::Settlement& settlement);
base::Result<protocol::PaymentResultPayload> PendingResult(const std::string& gateway_id,
                                                           const storage::Intent& intent,
                                                           base::UnixTime now);

// protocol.md section 7. `refunds`: all of the payment, as the store has them; a final result also
// needs the outcome of this one in them.
struct RefundResultPayloads {
  protocol::RefundResultPayload receipt;       // to the seller
  protocol::RefundResultPayload confirmation;  // to the buyer
};
base::Result<RefundResultPayloads> FinalRefundResults(const std::string& gateway_id,
                                                      const storage::Settlement& settlement,
                                                      const std::vector<storage::Refund>& refunds);
base::Result<protocol::RefundResultPayload> PendingRefundResult(
    const std::string& gateway_id, const storage::Intent& refund,
    const std::vector<storage::Refund>& refunds, base::UnixTime now);

}  // namespace paygate::gateway::engine
