// The reasons of a revocation, as the store keeps them and as RFC 5280 numbers them.
#pragma once

#include "protocol/crl.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

constexpr protocol::CrlReason ToCrlReason(storage::RevocationReason reason) {
  switch (reason) {
    case storage::RevocationReason::kKeyCompromise:
      return protocol::CrlReason::kKeyCompromise;
    case storage::RevocationReason::kCessationOfOperation:
      return protocol::CrlReason::kCessationOfOperation;
    case storage::RevocationReason::kSuperseded:
      return protocol::CrlReason::kSuperseded;
    case storage::RevocationReason::kNone:
      break;
  }
  return protocol::CrlReason::kUnspecified;
}

}  // namespace paygate::gateway::engine
