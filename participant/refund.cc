// Refunds, protocol.md section 7: the seller's authorisation, and both sides' results.
#include <algorithm>

#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::PaymentResult;

base::Result<protocol::RefundChallengePayload> CheckChallenge(
    const Session& session, const std::string& json, const std::string& r5,
    const protocol::RefundBlock& refund) {
  ASSIGN_OR_RETURN(auto challenge, protocol::RefundChallengePayload::Parse(json));
  if (challenge.iss != session.trust->gateway_id() || challenge.sub != session.identity->id ||
      challenge.r5 != r5) {
    return Fail(ErrorCode::kNotYours, "the gateway's challenge answers another request");
  }
  if (!(challenge.refund == refund)) {
    return Fail(ErrorCode::kBlockMismatch, "the gateway changed the refund that was sent to it");
  }
  if (challenge.exp <= challenge.iat) {
    return Fail(ErrorCode::kMalformed, "the gateway's challenge has no time in it");
  }
  return challenge;
}

base::Result<JournalEntry> MakeAuthorisation(Session& session,
                                             const protocol::RefundChallengePayload& challenge,
                                             const std::string& handshake) {
  const protocol::RefundAuthorisationPayload payload{.iss = session.identity->id,
                                                     .aud = challenge.iss,
                                                     .r5 = challenge.r5,
                                                     .r6 = challenge.r6,
                                                     .iat = challenge.iat,
                                                     .refund = challenge.refund};
  ASSIGN_OR_RETURN(std::string jws,
                   session.Sign(protocol::kTypRefundAuthorisation, payload.Print()));
  JournalEntry entry{.kind = MessageKind::kRefund,
                     .subject = challenge.refund.payment_id,
                     .expires = challenge.exp,
                     .clock_offset = challenge.iat - base::ToNumericDate(session.clock.Now()),
                     .handshake = handshake,
                     .body = protocol::PrintSingle("authorisation", jws)};
  ASSIGN_OR_RETURN(entry.digest, protocol::DigestOfCompact(jws));
  ASSIGN_OR_RETURN(entry.jwe,
                   session.Seal({.body = entry.body, .extra = {"handshake", handshake}}));
  return entry;
}

// What a seller's receipt from the mailbox must answer: still out, or answered "pending".
base::Result<std::string> BodyOf(Session& session, const std::string& refund_id) {
  ASSIGN_OR_RETURN(auto open, session.journal.Open());
  for (const JournalEntry& entry : open) {
    if (entry.kind == MessageKind::kRefund && entry.digest == refund_id) return entry.body;
  }
  ASSIGN_OR_RETURN(auto kept, FindEvidence(session.disk, EvidenceKind::kRefund, refund_id));
  if (kept) return kept->body;
  ASSIGN_OR_RETURN(auto decided, DecisionOn(session, refund_id));
  if (decided) return std::move(*decided);
  return Fail(ErrorCode::kNotYours, "a receipt for a refund that was not made from here");
}

// A buyer believes a refund of a payment that he made, and of no more than he paid.
base::Status CheckPaid(Session& session, const protocol::RefundResultPayload& refund) {
  ASSIGN_OR_RETURN(auto kept,
                   FindEvidence(session.disk, EvidenceKind::kReceipt, refund.payment_id));
  if (!kept) return Fail(ErrorCode::kNotYours, "a refund of a payment that was not made from here");
  ASSIGN_OR_RETURN(auto paid, VerifyEvidence(*session.trust, *kept, session.identity->id));
  const base::Money& price = paid.payload.bblk.price;
  const base::Money& back = refund.refunded_total ? *refund.refunded_total : refund.amount;
  if (paid.payload.result != PaymentResult::kCompleted || back.currency() != price.currency() ||
      refund.amount.minor_units() > price.minor_units() ||
      back.minor_units() > price.minor_units()) {
    return Fail(ErrorCode::kBlockMismatch, "a refund of more than was paid");
  }
  return {};
}

}  // namespace

base::Result<RefundRecord> FinishRefund(Session& session, const JournalEntry& entry,
                                        std::string_view payload_json) {
  ASSIGN_OR_RETURN(auto statement,
                   session.OpenSingle(payload_json, "receipt", protocol::kTypRefundReceipt));
  ASSIGN_OR_RETURN(auto record,
                   CheckRefund(EvidenceKind::kRefund, statement.jws.payload(), entry.body,
                               session.identity->id, session.trust->gateway_id()));
  RETURN_IF_ERROR(KeepRefund(session.disk, record,
                             {.kind = EvidenceKind::kRefund,
                              .result = statement.jws.Compact(),
                              .chain = statement.chain,
                              .body = entry.body}));
  return record;
}

base::Result<RefundRecord> TakeRefundResult(Session& session, EvidenceKind kind,
                                            const std::string& jws) {
  const bool receipt = kind == EvidenceKind::kRefund;
  ASSIGN_OR_RETURN(auto statement,
                   session.trust->Verify(jws, receipt ? protocol::kTypRefundReceipt
                                                      : protocol::kTypRefundConfirmation));
  Evidence evidence{.kind = kind, .result = statement.jws.Compact(), .chain = statement.chain};
  ASSIGN_OR_RETURN(auto claimed, protocol::RefundResultPayload::Parse(statement.jws.payload()));
  if (receipt) {
    ASSIGN_OR_RETURN(evidence.body, BodyOf(session, claimed.refund_id));
  } else {
    RETURN_IF_ERROR(CheckPaid(session, claimed));
  }
  ASSIGN_OR_RETURN(auto record, CheckRefund(kind, statement.jws.payload(), evidence.body,
                                            session.identity->id, session.trust->gateway_id()));
  RETURN_IF_ERROR(KeepRefund(session.disk, record, evidence));
  if (receipt && record.payload.result != PaymentResult::kPending) {
    RETURN_IF_ERROR(session.journal.Close(record.payload.refund_id));
  }
  return record;
}

base::Result<base::Money> Refundable(Session& session, const std::string& payment_id) {
  RETURN_IF_ERROR(session.NeedIdentity());
  ASSIGN_OR_RETURN(auto kept, FindEvidence(session.disk, EvidenceKind::kConfirmation, payment_id));
  if (!kept) {
    return Fail(ErrorCode::kNotFound, "no confirmation of payment " + payment_id +
                                          " is held here; read the mailbox, or name the amount");
  }
  ASSIGN_OR_RETURN(auto paid, VerifyEvidence(*session.trust, *kept, session.identity->id));
  ASSIGN_OR_RETURN(auto refunds, ListEvidence(session.disk, EvidenceKind::kRefund));
  int64_t back = 0;
  for (const Evidence& evidence : refunds) {
    ASSIGN_OR_RETURN(auto refund, VerifyRefund(*session.trust, evidence, session.identity->id));
    if (refund.payload.payment_id != payment_id || !refund.payload.refunded_total) continue;
    back = std::max(back, refund.payload.refunded_total->minor_units());
  }
  const base::Money& price = paid.payload.bblk.price;
  if (paid.payload.result != PaymentResult::kCompleted || back >= price.minor_units()) {
    return Fail(ErrorCode::kNotFound, "nothing is left to refund of payment " + payment_id);
  }
  return base::Money::Of(price.minor_units() - back, price.currency());
}

base::Result<Answer<RefundRecord>> Refund(Session& session, const std::string& payment_id,
                                          const base::Money& amount) {
  RETURN_IF_ERROR(session.NeedIdentity());
  if (!protocol::IsDigest(payment_id)) {
    return Fail(ErrorCode::kMalformed,
                "the ID of a payment has 43 characters; this is none: " + payment_id);
  }
  ASSIGN_OR_RETURN(auto open, session.journal.Find(MessageKind::kRefund, payment_id));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (!before.lapsed) {
      return Answer<RefundRecord>{.refusal = std::move(before.refusal),
                                  .value = std::move(before.refund)};
    }
  }
  const protocol::RefundBlock refund{
      .payment_id = payment_id, .amount = amount, .nonce = protocol::NewNonce()};
  const std::string r5 = protocol::NewNonce();
  const protocol::RefundChallengeRequestBody first{
      .refund = refund, .certificate = session.identity->encryption_certificate};
  ASSIGN_OR_RETURN(
      auto answer,
      AskChallenge(session,
                   {.path = "/v1/refunds/challenge", .body = first.Print(), .extra = {"r5", r5}},
                   protocol::kTypRefundChallenge));
  if (answer.refusal) return Answer<RefundRecord>{.refusal = std::move(answer.refusal)};
  ASSIGN_OR_RETURN(auto challenge, CheckChallenge(session, answer.value->payload, r5, refund));
  ASSIGN_OR_RETURN(JournalEntry entry,
                   MakeAuthorisation(session, challenge, answer.value->handshake));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<RefundRecord>{.refusal = std::move(done.refusal), .value = std::move(done.refund)};
}

}  // namespace paygate::participant
