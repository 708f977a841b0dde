#include "participant/csblk.h"

namespace paygate::participant {

using base::ErrorCode;
using base::Fail;

namespace {

// Signed by the seller, under a certificate that was good when the CSBLK was made, of this sale.
base::Status TakeUndertaking(GatewayTrust& trust, const protocol::CsblkPayload& sale,
                             const std::vector<std::string>& chain, CsblkView& view) {
  if (sale.undertaking.empty()) return {};
  const base::UnixTime at = base::FromNumericDate(sale.iat);
  ASSIGN_OR_RETURN(const auto jws, protocol::ParseJws(sale.undertaking, protocol::kTypUndertaking,
                                                      protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const auto signers,
                   trust.ParticipantChain(jws, at, {chain.begin() + 1, chain.end()}));
  ASSIGN_OR_RETURN(const auto verified,
                   trust.VerifyParticipantKept(sale.undertaking, protocol::kTypUndertaking,
                                               sale.sub, signers, at));
  ASSIGN_OR_RETURN(auto payload, protocol::UndertakingPayload::Parse(verified.payload()));
  RETURN_IF_ERROR(payload.CheckFits(sale.sub, sale.iss, sale.sblk, sale.exp));
  view.undertaking = std::move(payload);
  view.undertaking_id = verified.Digest();
  return {};
}

}  // namespace

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
  CsblkView view{.csblk_id = statement.jws.Digest(),
                 .jws = parts.jws,
                 .disclosure = parts.disclosure,
                 .gateway_id = payload.iss,
                 .seller_id = payload.sub,
                 .issued = payload.iat,
                 .expires = payload.exp,
                 .sblk = payload.sblk,
                 .account = disclosure.account(),
                 .undertaking = {},
                 .undertaking_id = {}};
  RETURN_IF_ERROR(TakeUndertaking(trust, payload, statement.chain, view));
  return view;
}

}  // namespace paygate::participant
