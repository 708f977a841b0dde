// Seller block certification, paper 6.2.3, protocol.md section 5.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

std::string SaleFile(const std::string& csblk_id) { return "sales/" + csblk_id + ".csblk"; }

base::Result<protocol::SellerChallengePayload> CheckChallenge(const Session& session,
                                                              const std::string& json,
                                                              const std::string& r1,
                                                              const protocol::Sblk& sblk) {
  ASSIGN_OR_RETURN(auto challenge, protocol::SellerChallengePayload::Parse(json));
  if (challenge.iss != session.trust->gateway_id() || challenge.sub != session.identity->id ||
      challenge.r1 != r1) {
    return Fail(ErrorCode::kNotYours, "the gateway's challenge answers another request");
  }
  if (!(challenge.sblk == sblk)) {
    return Fail(ErrorCode::kBlockMismatch, "the gateway changed the sale that was sent to it");
  }
  if (challenge.exp <= challenge.iat) {
    return Fail(ErrorCode::kMalformed, "the gateway's challenge has no time in it");
  }
  return challenge;
}

// By the gateway's time: the challenge's.
base::Result<std::string> SignUndertaking(Session& session,
                                          const protocol::SellerChallengePayload& challenge,
                                          const Undertaking& promise) {
  const protocol::UndertakingPayload payload{.iss = session.identity->id,
                                             .aud = challenge.iss,
                                             .iat = challenge.iat,
                                             .sblk_nonce = challenge.sblk.nonce,
                                             .terms = promise.terms,
                                             .deliver_by = promise.deliver_by,
                                             .claim_until = promise.claim_until};
  return session.Sign(protocol::kTypUndertaking, payload.Print());
}

base::Status CheckUndertaking(Session& session, const Undertaking& promise) {
  ASSIGN_OR_RETURN(const auto document, session.trust->Document());
  const int64_t expires = base::ToNumericDate(session.clock.Now()) +
                          document.limits.csblk_lifetime_s + document.limits.handshake_s;
  const int64_t least = std::chrono::seconds(protocol::kShortestClaimTime).count();
  if (promise.deliver_by <= expires) {
    return Fail(ErrorCode::kInvalidArgument,
                "the day by which you deliver must be after the offer expires, which is in " +
                    std::to_string(document.limits.csblk_lifetime_s / 3600) + " hours");
  }
  if (promise.claim_until - promise.deliver_by < least) {
    return Fail(ErrorCode::kInvalidArgument,
                "the buyer must have at least 14 days for a claim after you should have delivered");
  }
  return protocol::CheckLines(promise.terms);
}

// Message 3.
base::Result<JournalEntry> MakeConfirmation(Session& session,
                                            const protocol::SellerChallengePayload& challenge,
                                            const std::string& handshake,
                                            const protocol::Disclosure& account,
                                            const std::optional<Undertaking>& promise) {
  std::string undertaking;
  if (promise) {
    ASSIGN_OR_RETURN(undertaking, SignUndertaking(session, challenge, *promise));
  }
  const protocol::SellerConfirmationPayload payload{.iss = session.identity->id,
                                                    .aud = challenge.iss,
                                                    .r1 = challenge.r1,
                                                    .r2 = challenge.r2,
                                                    .sblk = challenge.sblk,
                                                    .undertaking = undertaking};
  ASSIGN_OR_RETURN(std::string jws,
                   session.Sign(protocol::kTypSellerConfirmation, payload.Print()));
  JournalEntry entry{.kind = MessageKind::kSale,
                     .subject = challenge.sblk.nonce,
                     .expires = challenge.exp,
                     .clock_offset = challenge.iat - base::ToNumericDate(session.clock.Now()),
                     .handshake = handshake};
  ASSIGN_OR_RETURN(entry.digest, protocol::DigestOfCompact(jws));
  entry.body =
      protocol::SellerConfirmationBody{.confirmation = jws,
                                       .seller_disclosure = account.text(),
                                       .seller_binding_disclosure = session.identity->binding}
          .Print();
  ASSIGN_OR_RETURN(entry.jwe,
                   session.Seal({.body = entry.body, .extra = {"handshake", handshake}}));
  return entry;
}

}  // namespace

base::Result<Sale> FinishSale(Session& session, const JournalEntry& entry,
                              std::string_view payload_json) {
  ASSIGN_OR_RETURN(auto body, protocol::SellerConfirmationBody::Parse(entry.body));
  ASSIGN_OR_RETURN(auto sent,
                   protocol::ParseJws(body.confirmation, protocol::kTypSellerConfirmation,
                                      protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto confirmation, protocol::SellerConfirmationPayload::Parse(sent.payload));
  ASSIGN_OR_RETURN(auto answer, protocol::CsblkBody::Parse(payload_json));
  ASSIGN_OR_RETURN(CsblkView view, InspectCsblk(*session.trust, answer.csblk));
  if (view.seller_id != session.identity->id || !(view.sblk == confirmation.sblk) ||
      view.disclosure != body.seller_disclosure) {
    return Fail(ErrorCode::kBlockMismatch, "the gateway certified another sale than was confirmed");
  }
  std::string undertaking_id;
  if (!confirmation.undertaking.empty()) {
    ASSIGN_OR_RETURN(undertaking_id, protocol::DigestOfCompact(confirmation.undertaking));
  }
  if (view.undertaking_id != undertaking_id) {
    return Fail(ErrorCode::kBlockMismatch, "the gateway certified another undertaking");
  }
  RETURN_IF_ERROR(session.disk.Replace(SaleFile(view.csblk_id), answer.csblk));
  return Sale{.csblk_id = view.csblk_id, .csblk = answer.csblk};
}

base::Result<Answer<Sale>> Sell(Session& session, const std::string& goods,
                                const base::Money& price, const std::string& buyer,
                                const std::optional<Undertaking>& undertaking) {
  RETURN_IF_ERROR(session.NeedIdentity());
  RETURN_IF_ERROR(protocol::CheckGoods(goods));
  if (!buyer.empty() && !protocol::IsNonce(buyer)) {
    return Fail(ErrorCode::kMalformed,
                "a participant's ID has 22 characters; this is none: " + buyer);
  }
  if (undertaking) RETURN_IF_ERROR(CheckUndertaking(session, *undertaking));
  ASSIGN_OR_RETURN(auto binding, protocol::Disclosure::Parse(session.identity->binding));
  ASSIGN_OR_RETURN(auto account, protocol::Disclosure::Make(binding.account()));
  const protocol::Sblk sblk{.nonce = protocol::NewNonce(),
                            .goods = goods,
                            .price = price,
                            .account_digest = account.Digest(),
                            .buyer = buyer};
  const std::string r1 = protocol::NewNonce();
  const protocol::SellerChallengeRequestBody first{
      .sblk = sblk, .certificate = session.identity->encryption_certificate};
  ASSIGN_OR_RETURN(auto answer, AskChallenge(session,
                                             {.path = "/v1/seller-blocks/challenge",
                                              .body = first.Print(),
                                              .extra = {"r1", r1}},
                                             protocol::kTypSellerChallenge));
  if (answer.refusal) return Answer<Sale>{.refusal = std::move(answer.refusal)};
  ASSIGN_OR_RETURN(auto challenge, CheckChallenge(session, answer.value->payload, r1, sblk));
  ASSIGN_OR_RETURN(JournalEntry entry,
                   MakeConfirmation(session, challenge, answer.value->handshake, account,
                                    undertaking));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<Sale>{.refusal = std::move(done.refusal), .value = std::move(done.sale)};
}

}  // namespace paygate::participant
