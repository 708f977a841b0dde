// What a CSBLK says, once it has been verified (protocol.md section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "participant/gateway_trust.h"
#include "protocol/values.h"

namespace paygate::participant {

struct CsblkView {
  std::string csblk_id;    // digest of its JWS
  std::string jws;         // as it goes into an authorisation, without the disclosure
  std::string disclosure;  // opens the seller's account
  std::string gateway_id, seller_id;
  int64_t issued = 0, expires = 0;  // by the gateway's clock
  protocol::Sblk sblk;              // goods, price, the one buyer who may pay (or empty)
  std::string account;              // that will be credited
  // The seller's signed promise inside it, verified; nullopt: he gave none.
  std::optional<protocol::UndertakingPayload> undertaking;
  std::string undertaking_id;  // its digest; empty without
};

// kSignatureInvalid, kCertificateInvalid: not certified by this gateway. kAccountMismatch: the
// account beside it is not the one that was certified. The undertaking is the seller's own or the
// CSBLK is refused (kBlockMismatch, and as above). An expired CSBLK verifies: look at
// `expires`.
base::Result<CsblkView> InspectCsblk(GatewayTrust& trust, std::string_view text);

}  // namespace paygate::participant
