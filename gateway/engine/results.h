// Messages 4 and 5 of a payment (paper 6.2.4): what the receipt and the confirmation say. A final
// result can only be made from a Settlement, that is, from the bank's word on a durable intent.
#pragma once

#include <string>

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

}  // namespace paygate::gateway::engine
