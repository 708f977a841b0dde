// What one order says here and in its bank's statement, and whether that is one thing. Pure.
// The table is in docs/operations/reconciliation.md.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "storage/payment.h"
#include "storage/reconciliation.h"

namespace paygate::gateway::engine {

enum class Difference : uint8_t {
  kNone,        // both agree, or neither knows anything
  kWaiting,     // not yet: the statement does not reach so far, or the bank is being asked
  kUnknownHere,
  kNotListed,
  kOpenHere,
  kFailedHere,
  kKindDiffers,
  kAmountDiffers,
  kReferenceDiffers,
};
std::string_view Name(Difference difference);  // "not-listed"
std::string_view Clue(Difference difference);  // what the operator is to do, in a sentence

struct Evidence {
  const std::optional<storage::Payment>& order;
  const std::optional<storage::ListedBooking>& booking;
  base::UnixTime since;           // unreconciled
  base::UnixTime complete_until;  // the statement, by the bank's clock
  base::UnixTime now;
  std::chrono::seconds clock_skew;
};
Difference Judge(const Evidence& evidence);

}  // namespace paygate::gateway::engine
