// Where the time of a payment goes: the engine's meters over the measured seconds, beside what the
// tester saw of the same requests. Pure.
#pragma once

#include <optional>
#include <string>

#include "tools/load/result.h"

namespace paygate::load {

// `from`, `to`: what `paygatectl status --json` said at both ends, `payments`: completed between
// them. {"per_payment_ms":{"front",…},"token_operations":{…},"durable_writes"}; nullopt: an engine
// without meters, or no payment.
std::optional<Json> WhereOf(const std::string& from, const std::string& to, const Stats& stats,
                            uint64_t payments);

}  // namespace paygate::load
