// Payment, paper 6.2.4, protocol.md section 6.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::PaymentResult;

base::Result<protocol::BuyerChallengePayload> CheckChallenge(const Session& session,
                                                             const std::string& json,
                                                             const std::string& r3,
                                                             const protocol::Bblk& bblk,
                                                             const CsblkView& csblk) {
  ASSIGN_OR_RETURN(auto challenge, protocol::BuyerChallengePayload::Parse(json));
  if (challenge.iss != session.trust->gateway_id() || challenge.sub != session.identity->id ||
      challenge.r3 != r3) {
    return Fail(ErrorCode::kNotYours, "the gateway's challenge answers another request");
  }
  if (!(challenge.bblk == bblk)) {
    return Fail(ErrorCode::kBlockMismatch, "the gateway changed the payment that was sent to it");
  }
  if (challenge.exp <= challenge.iat) {
    return Fail(ErrorCode::kMalformed, "the gateway's challenge has no time in it");
  }
  // By the gateway's clock, which is fresh because r3 is: ours may be wrong.
  if (csblk.expires <= challenge.iat) {
    return Fail(ErrorCode::kCsblkExpired, "the offer has expired; ask the seller for a new CSBLK");
  }
  return challenge;
}

base::Status MayPay(const Session& session, const CsblkView& csblk) {
  if (!csblk.sblk.buyer.empty() && csblk.sblk.buyer != session.identity->id) {
    return Fail(ErrorCode::kNotYours, "the seller made this CSBLK for another buyer");
  }
  if (csblk.seller_id == session.identity->id) {
    return Fail(ErrorCode::kSameAccount, "this CSBLK is your own: you would pay yourself");
  }
  ASSIGN_OR_RETURN(auto receipts, ListEvidence(session.disk, EvidenceKind::kReceipt));
  for (const Evidence& evidence : receipts) {
    auto record = VerifyEvidence(*session.trust, evidence, session.identity->id);
    if (record && record->csblk_id == csblk.csblk_id &&
        record->payload.result == PaymentResult::kCompleted) {
      return Fail(ErrorCode::kAlreadyPaid,
                  "you have paid this already: receipt " + record->payload.payment_id);
    }
  }
  return {};
}

// Message 3.
base::Result<JournalEntry> MakeAuthorisation(Session& session,
                                             const protocol::BuyerChallengePayload& challenge,
                                             const std::string& handshake, const CsblkView& csblk,
                                             const protocol::Disclosure& account) {
  const protocol::PaymentAuthorisationPayload payload{.iss = session.identity->id,
                                                      .aud = challenge.iss,
                                                      .r3 = challenge.r3,
                                                      .r4 = challenge.r4,
                                                      .iat = challenge.iat,
                                                      .bblk = challenge.bblk,
                                                      .csblk = csblk.jws};
  ASSIGN_OR_RETURN(std::string jws,
                   session.Sign(protocol::kTypPaymentAuthorisation, payload.Print()));
  JournalEntry entry{.kind = MessageKind::kPayment,
                     .subject = csblk.csblk_id,
                     .expires = challenge.exp,
                     .clock_offset = challenge.iat - base::ToNumericDate(session.clock.Now()),
                     .handshake = handshake};
  ASSIGN_OR_RETURN(entry.digest, protocol::DigestOfCompact(jws));
  entry.body =
      protocol::PaymentAuthorisationBody{.authorisation = jws,
                                         .buyer_disclosure = account.text(),
                                         .buyer_binding_disclosure = session.identity->binding,
                                         .seller_disclosure = csblk.disclosure}
          .Print();
  ASSIGN_OR_RETURN(entry.jwe,
                   session.Seal({.body = entry.body, .extra = {"handshake", handshake}}));
  return entry;
}

}  // namespace

base::Result<PaymentRecord> FinishPayment(Session& session, const JournalEntry& entry,
                                          std::string_view payload_json) {
  ASSIGN_OR_RETURN(auto statement,
                   session.OpenSingle(payload_json, "receipt", protocol::kTypReceipt));
  ASSIGN_OR_RETURN(auto record,
                   CheckResult(EvidenceKind::kReceipt, statement.jws.payload(), entry.body,
                               session.identity->id, session.trust->gateway_id()));
  RETURN_IF_ERROR(KeepEvidence(session.disk, record,
                               {.kind = EvidenceKind::kReceipt,
                                .result = statement.jws.Compact(),
                                .chain = statement.chain,
                                .body = entry.body}));
  return record;
}

base::Result<Answer<PaymentRecord>> Pay(Session& session, const CsblkView& given) {
  RETURN_IF_ERROR(session.NeedIdentity());
  // What the caller holds may be old or altered: only what verifies now is paid.
  const std::string text =
      protocol::SdJwt{.jws = given.jws, .disclosure = given.disclosure}.Print();
  ASSIGN_OR_RETURN(const CsblkView csblk, InspectCsblk(*session.trust, text));
  ASSIGN_OR_RETURN(auto open, session.journal.Find(MessageKind::kPayment, csblk.csblk_id));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (!before.lapsed) {
      return Answer<PaymentRecord>{.refusal = std::move(before.refusal),
                                   .value = std::move(before.payment)};
    }
  }
  RETURN_IF_ERROR(MayPay(session, csblk));
  ASSIGN_OR_RETURN(auto binding, protocol::Disclosure::Parse(session.identity->binding));
  ASSIGN_OR_RETURN(auto account, protocol::Disclosure::Make(binding.account()));
  const protocol::Bblk bblk{
      .goods = csblk.sblk.goods, .price = csblk.sblk.price, .account_digest = account.Digest()};
  const std::string r3 = protocol::NewNonce();
  const protocol::BuyerChallengeRequestBody first{
      .bblk = bblk, .certificate = session.identity->encryption_certificate};
  ASSIGN_OR_RETURN(
      auto answer,
      AskChallenge(session,
                   {.path = "/v1/payments/challenge", .body = first.Print(), .extra = {"r3", r3}},
                   protocol::kTypBuyerChallenge));
  if (answer.refusal) return Answer<PaymentRecord>{.refusal = std::move(answer.refusal)};
  ASSIGN_OR_RETURN(auto challenge, CheckChallenge(session, answer.value->payload, r3, bblk, csblk));
  ASSIGN_OR_RETURN(JournalEntry entry,
                   MakeAuthorisation(session, challenge, answer.value->handshake, csblk, account));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<PaymentRecord>{.refusal = std::move(done.refusal),
                               .value = std::move(done.payment)};
}

}  // namespace paygate::participant
