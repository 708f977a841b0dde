#include "participant/csblk.h"

namespace paygate::participant {

using base::ErrorCode;
using base::Fail;

base::Result<CsblkView> InspectCsblk(GatewayTrust& trust, std::string_view text) {
  ASSIGN_OR_RETURN(auto parts, protocol::SdJwt::Parse(text));
  ASSIGN_OR_RETURN(Statement statement, trust.Verify(parts.jws, protocol::kTypCsblk));
  ASSIGN_OR_RETURN(auto payload, protocol::CsblkPayload::Parse(statement.jws.payload()));
  if (payload.iss != trust.gateway_id()) {
    return Fail(ErrorCode::kSignatureInvalid, "the CSBLK names another gateway than its signer");
  }
  if (payload.exp <= payload.iat) {
    return Fail(ErrorCode::kMalformed, "the CSBLK expires before it begins");
  }
  ASSIGN_OR_RETURN(auto disclosure, protocol::Disclosure::Parse(parts.disclosure));
  if (disclosure.Digest() != payload.sblk.account_digest) {
    return Fail(ErrorCode::kAccountMismatch,
                "the account beside the CSBLK is not the one that the gateway certified");
  }
  return CsblkView{.csblk_id = statement.jws.Digest(),
                   .jws = parts.jws,
                   .disclosure = parts.disclosure,
                   .gateway_id = payload.iss,
                   .seller_id = payload.sub,
                   .issued = payload.iat,
                   .expires = payload.exp,
                   .sblk = payload.sblk,
                   .account = disclosure.account()};
}

}  // namespace paygate::participant
