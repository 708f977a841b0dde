// The one place where an ErrorCode becomes what a participant sees (protocol.md section 9). Codes
// that are no business of theirs become `internal`. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace paygate::gateway::engine {

struct WireError {
  uint32_t status;
  std::string_view code;   // "handshake-expired"
  std::string_view title;
  uint32_t retry_after_s;  // 0: none
  // May this be a signed, final refusal of a message whose signature verified? False for what only
  // says "not now": the same message may succeed later.
  bool decides;
};

WireError ToWire(base::ErrorCode code);
// The other way, for a refusal that was stored; nullopt for an unknown name.
std::optional<WireError> WireErrorNamed(std::string_view code);

}  // namespace paygate::gateway::engine
