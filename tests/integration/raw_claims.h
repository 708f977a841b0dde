// Undertakings, claims and answers of a RawParticipant (protocol.md section 7), step by step.
#pragma once

#include <string>

#include "protocol/jws.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {

constexpr int64_t kOneDay = 24 * 3600;

// Claims between `deliver_by` and 14 days later.
inline protocol::UndertakingPayload NewUndertaking(const RawParticipant& seller,
                                                   const protocol::Sblk& sblk,
                                                   int64_t deliver_by) {
  return {.iss = seller.id,
          .aud = seller.gateway_id,
          .iat = seller.Now(),
          .sblk_nonce = sblk.nonce,
          .terms = "Delivered to your door,\nor your money back",
          .deliver_by = deliver_by,
          .claim_until = deliver_by + 14 * kOneDay};
}
inline std::string UndertakingJws(const RawParticipant& signer,
                                  const protocol::UndertakingPayload& payload) {
  return signer.Sign(protocol::kTypUndertaking, payload.Print());
}
// Message 3 with it, whatever it is.
inline Said ConfirmWith(RawParticipant& seller, const protocol::Sblk& sblk,
                        const std::string& undertaking) {
  const auto challenge = seller.AskSeller(sblk);
  const protocol::SellerConfirmationPayload payload{.iss = seller.id,
                                                    .aud = seller.gateway_id,
                                                    .r1 = challenge.nonce,
                                                    .r2 = challenge.gateway_nonce,
                                                    .sblk = sblk,
                                                    .undertaking = undertaking};
  return seller.SendConfirmation(seller.Sign(protocol::kTypSellerConfirmation, payload.Print()),
                                 challenge.handshake);
}
// All of section 5, honestly, with a promise.
inline protocol::SdJwt SellPromising(RawParticipant& seller, std::string_view amount,
                                     int64_t deliver_by) {
  const protocol::Sblk sblk = seller.NewSblk("A thing", amount);
  const Said said =
      ConfirmWith(seller, sblk, UndertakingJws(seller, NewUndertaking(seller, sblk, deliver_by)));
  if (said.status != 201) throw std::runtime_error("sale: " + said.code);
  return Must(protocol::SdJwt::Parse(Must(protocol::CsblkBody::Parse(said.payload)).csblk));
}

inline std::string ClaimJws(const RawParticipant& buyer, const std::string& payment_id) {
  const protocol::RefundClaimPayload payload{.iss = buyer.id,
                                             .aud = buyer.gateway_id,
                                             .iat = buyer.Now(),
                                             .nonce = protocol::NewNonce(),
                                             .payment_id = payment_id,
                                             .statement = "Nothing has come.\nNothing at all."};
  return buyer.Sign(protocol::kTypRefundClaim, payload.Print());
}
inline Said SendClaim(RawParticipant& sender, const std::string& jws) {
  return sender.Post("/v1/refund-claims", sender.Seal(protocol::PrintSingle("claim", jws)));
}
inline std::string AnswerJws(const RawParticipant& seller, const std::string& claim_id) {
  const protocol::RefundAnswerPayload payload{.iss = seller.id,
                                              .aud = seller.gateway_id,
                                              .iat = seller.Now(),
                                              .nonce = protocol::NewNonce(),
                                              .claim = claim_id,
                                              .evidence = "Signed for, parcel 4711"};
  return seller.Sign(protocol::kTypRefundAnswer, payload.Print());
}
inline Said SendAnswer(RawParticipant& sender, const std::string& jws) {
  return sender.Post("/v1/refund-claims/answer",
                     sender.Seal(protocol::PrintSingle("answer", jws)));
}

// The decisions in a mailbox, verified, oldest first.
inline std::vector<protocol::RefundDecisionPayload> DecisionsFor(RawParticipant& participant) {
  std::vector<protocol::RefundDecisionPayload> found;
  for (const auto& message : participant.Mailbox()) {
    if (message.member != "refund_decision") continue;
    found.push_back(Must(protocol::RefundDecisionPayload::Parse(
        participant.Verified(message.jws, protocol::kTypRefundDecision))));
  }
  return found;
}

}  // namespace paygate::integration
