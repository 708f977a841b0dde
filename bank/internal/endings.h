// How a request to the bank host ended: with a reply, or without one; and what that says to whoever
// asked. Pure. For the bank client alone.
#pragma once

#include <string>
#include <variant>

#include "bank/frames.h"

namespace paygate::bank {

enum class Ending { kNotSent, kLost, kBusy };
using End = std::variant<Ending, Reply>;

Answer ToAnswer(RequestKind kind, End end);
Verification ToVerification(End end);
Notices ToNotices(End end);
StatementPage ToStatement(End end);
// kOverloaded, kBankUnavailable; kInvalidArgument: the adapter refuses, for good.
base::Result<std::string> ToPrepared(End end);

}  // namespace paygate::bank
