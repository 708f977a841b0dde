#include "participant/claims.h"

#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

// The gateway's acknowledgement of a message of one's own, which is in the evidence's body.
base::Result<std::string> Acknowledged(const GatewayTrust& trust, const Evidence& evidence,
                                       const std::string& id, std::string_view member,
                                       std::string_view typ, std::string& digest) {
  ASSIGN_OR_RETURN(const auto own, protocol::ParseSingle(evidence.body, member));
  ASSIGN_OR_RETURN(const auto sent, protocol::ParseJws(own, typ, protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const auto claimed, protocol::ParseJws(evidence.result, protocol::kTypDone,
                                                          protocol::KeyName::kX5t));
  ASSIGN_OR_RETURN(const auto when, protocol::DonePayload::Parse(claimed.payload));
  ASSIGN_OR_RETURN(const auto verified,
                   trust.VerifyKept(evidence.result, protocol::kTypDone, evidence.chain,
                                    base::FromNumericDate(when.iat)));
  ASSIGN_OR_RETURN(const auto done, protocol::DonePayload::Parse(verified.payload()));
  digest = sent.Digest();
  if (done.iss != trust.gateway_id() || done.sub != id || done.request != digest) {
    return Fail(ErrorCode::kNotYours, "the gateway acknowledged another message");
  }
  return sent.payload;
}

base::Result<ClaimRecord> VerifyDecision(const GatewayTrust& trust, const Evidence& evidence,
                                         const std::string& id) {
  ASSIGN_OR_RETURN(const auto parsed,
                   protocol::ParseJws(evidence.result, protocol::kTypRefundDecision,
                                      protocol::KeyName::kX5t));
  ASSIGN_OR_RETURN(const auto claimed, protocol::RefundDecisionPayload::Parse(parsed.payload));
  ASSIGN_OR_RETURN(const auto verified,
                   trust.VerifyKept(evidence.result, protocol::kTypRefundDecision, evidence.chain,
                                    base::FromNumericDate(claimed.iat)));
  ASSIGN_OR_RETURN(auto said, protocol::RefundDecisionPayload::Parse(verified.payload()));
  if (said.iss != trust.gateway_id() || said.sub != id) {
    return Fail(ErrorCode::kNotYours, "the gateway's decision is for another participant");
  }
  return ClaimRecord{.kind = evidence.kind,
                     .claim_id = said.claim,
                     .payment_id = said.payment_id,
                     .at = said.iat,
                     .text = std::move(said.reason),
                     .from = std::move(said.iss),
                     .decision = said.decision,
                     .grounds = said.grounds};
}

base::Result<ClaimRecord> VerifyReceived(const GatewayTrust& trust, const Evidence& evidence) {
  ASSIGN_OR_RETURN(const auto parsed, protocol::ParseJws(evidence.result, protocol::kTypRefundClaim,
                                                         protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const auto claimed, protocol::RefundClaimPayload::Parse(parsed.payload));
  ASSIGN_OR_RETURN(const auto verified,
                   trust.VerifyParticipantKept(evidence.result, protocol::kTypRefundClaim,
                                               claimed.iss, evidence.chain,
                                               base::FromNumericDate(claimed.iat)));
  ASSIGN_OR_RETURN(auto said, protocol::RefundClaimPayload::Parse(verified.payload()));
  if (said.aud != trust.gateway_id()) {
    return Fail(ErrorCode::kNotYours, "the claim was made to another gateway");
  }
  return ClaimRecord{.kind = evidence.kind,
                     .claim_id = verified.Digest(),
                     .payment_id = std::move(said.payment_id),
                     .at = said.iat,
                     .text = std::move(said.statement),
                     .from = std::move(said.iss)};
}

}  // namespace

base::Result<ClaimRecord> VerifyClaim(const GatewayTrust& trust, const Evidence& evidence,
                                      const std::string& id) {
  std::string digest;
  switch (evidence.kind) {
    case EvidenceKind::kClaim: {
      ASSIGN_OR_RETURN(const std::string own, Acknowledged(trust, evidence, id, "claim",
                                                           protocol::kTypRefundClaim, digest));
      ASSIGN_OR_RETURN(auto said, protocol::RefundClaimPayload::Parse(own));
      return ClaimRecord{.kind = evidence.kind,
                         .claim_id = digest,
                         .payment_id = std::move(said.payment_id),
                         .at = said.iat,
                         .text = std::move(said.statement),
                         .from = std::move(said.iss)};
    }
    case EvidenceKind::kClaimAnswer: {
      ASSIGN_OR_RETURN(const std::string own, Acknowledged(trust, evidence, id, "answer",
                                                           protocol::kTypRefundAnswer, digest));
      ASSIGN_OR_RETURN(auto said, protocol::RefundAnswerPayload::Parse(own));
      return ClaimRecord{.kind = evidence.kind,
                         .claim_id = std::move(said.claim),
                         .payment_id = {},
                         .at = said.iat,
                         .text = std::move(said.evidence),
                         .from = std::move(said.iss)};
    }
    case EvidenceKind::kClaimReceived:
      return VerifyReceived(trust, evidence);
    case EvidenceKind::kClaimDecision:
      return VerifyDecision(trust, evidence, id);
    default:
      return Fail(ErrorCode::kInvalidArgument, "no document about a claim");
  }
}

base::Result<ClaimRecord> FinishClaim(Session& session, const JournalEntry& entry,
                                      std::string_view payload) {
  ASSIGN_OR_RETURN(auto done, session.OpenDone(entry, payload));
  const bool claim = entry.kind == MessageKind::kClaim;
  const Evidence evidence{.kind = claim ? EvidenceKind::kClaim : EvidenceKind::kClaimAnswer,
                          .result = std::move(done.jws),
                          .chain = std::move(done.chain),
                          .body = entry.body};
  ASSIGN_OR_RETURN(auto record, VerifyClaim(*session.trust, evidence, session.identity->id));
  RETURN_IF_ERROR(KeepDocument(session.disk, evidence, record.claim_id));
  return record;
}

base::Result<ClaimRecord> TakeClaim(Session& session, const std::string& jws) {
  ASSIGN_OR_RETURN(const auto parsed, protocol::ParseJws(jws, protocol::kTypRefundClaim,
                                                         protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const auto said, protocol::RefundClaimPayload::Parse(parsed.payload));
  ASSIGN_OR_RETURN(auto chain,
                   session.trust->ParticipantChain(parsed, base::FromNumericDate(said.iat),
                                                   session.identity->chain));
  const Evidence evidence{
      .kind = EvidenceKind::kClaimReceived, .result = jws, .chain = std::move(chain), .body = {}};
  ASSIGN_OR_RETURN(auto record, VerifyClaim(*session.trust, evidence, session.identity->id));
  ASSIGN_OR_RETURN(const auto paid, FindEvidence(session.disk, EvidenceKind::kConfirmation,
                                                 record.payment_id));
  if (!paid) return Fail(ErrorCode::kNotYours, "a claim on a payment that is not known here");
  RETURN_IF_ERROR(KeepDocument(session.disk, evidence, record.claim_id));
  return record;
}

base::Result<ClaimRecord> TakeDecision(Session& session, const std::string& jws) {
  ASSIGN_OR_RETURN(auto statement, session.trust->Verify(jws, protocol::kTypRefundDecision));
  const Evidence evidence{.kind = EvidenceKind::kClaimDecision,
                          .result = statement.jws.Compact(),
                          .chain = std::move(statement.chain),
                          .body = {}};
  ASSIGN_OR_RETURN(auto record, VerifyClaim(*session.trust, evidence, session.identity->id));
  ASSIGN_OR_RETURN(const auto made,
                   FindEvidence(session.disk, EvidenceKind::kClaim, record.claim_id));
  ASSIGN_OR_RETURN(const auto received,
                   FindEvidence(session.disk, EvidenceKind::kClaimReceived, record.claim_id));
  if (!made && !received) return Fail(ErrorCode::kNotYours, "a decision on an unknown claim");
  ASSIGN_OR_RETURN(const auto before,
                   FindEvidence(session.disk, EvidenceKind::kClaimDecision, record.claim_id));
  if (before) {
    ASSIGN_OR_RETURN(const auto held,
                     VerifyClaim(*session.trust, *before, session.identity->id));
    if (held.decision != record.decision) {
      return Fail(ErrorCode::kBlockMismatch,
                  "the gateway has signed two different decisions on one claim; tell its operator");
    }
    return record;  // another try of the same
  }
  RETURN_IF_ERROR(KeepDocument(session.disk, evidence, record.claim_id));
  return record;
}

namespace {

// Sends an earlier one of the same that is still out instead; then a new one.
base::Result<Answer<ClaimRecord>> SendOnce(Session& session, MessageKind kind,
                                           const std::string& subject, std::string_view typ,
                                           std::string_view member, const std::string& payload) {
  ASSIGN_OR_RETURN(auto open, session.journal.Find(kind, subject));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (!before.lapsed) {
      return Answer<ClaimRecord>{.refusal = std::move(before.refusal),
                                 .value = std::move(before.claim)};
    }
  }
  ASSIGN_OR_RETURN(JournalEntry entry, session.MakeEntry(kind, typ, member, payload));
  entry.subject = subject;
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<ClaimRecord>{.refusal = std::move(done.refusal), .value = std::move(done.claim)};
}

}  // namespace

base::Result<Answer<ClaimRecord>> Claim(Session& session, const std::string& payment_id,
                                        const std::string& statement) {
  RETURN_IF_ERROR(session.NeedIdentity());
  RETURN_IF_ERROR(protocol::CheckLines(statement));
  if (!protocol::IsDigest(payment_id)) {
    return Fail(ErrorCode::kMalformed,
                "the ID of a payment has 43 characters; this is none: " + payment_id);
  }
  const protocol::RefundClaimPayload payload{.iss = session.identity->id,
                                             .aud = session.identity->gateway_id,
                                             .iat = base::ToNumericDate(session.clock.Now()),
                                             .nonce = protocol::NewNonce(),
                                             .payment_id = payment_id,
                                             .statement = statement};
  return SendOnce(session, MessageKind::kClaim, payment_id, protocol::kTypRefundClaim, "claim",
                  payload.Print());
}

base::Result<Answer<ClaimRecord>> AnswerClaim(Session& session, const std::string& claim_id,
                                              const std::string& evidence) {
  RETURN_IF_ERROR(session.NeedIdentity());
  RETURN_IF_ERROR(protocol::CheckLines(evidence));
  if (!protocol::IsDigest(claim_id)) {
    return Fail(ErrorCode::kMalformed,
                "the ID of a claim has 43 characters; this is none: " + claim_id);
  }
  const protocol::RefundAnswerPayload payload{.iss = session.identity->id,
                                              .aud = session.identity->gateway_id,
                                              .iat = base::ToNumericDate(session.clock.Now()),
                                              .nonce = protocol::NewNonce(),
                                              .claim = claim_id,
                                              .evidence = evidence};
  return SendOnce(session, MessageKind::kAnswer, claim_id, protocol::kTypRefundAnswer, "answer",
                  payload.Print());
}

base::Result<std::optional<std::string>> DecisionOn(Session& session,
                                                    const std::string& refund_id) {
  ASSIGN_OR_RETURN(const auto decisions, ListEvidence(session.disk, EvidenceKind::kClaimDecision));
  for (const Evidence& evidence : decisions) {
    ASSIGN_OR_RETURN(const auto record,
                     VerifyClaim(*session.trust, evidence, session.identity->id));
    if (record.decision == protocol::ClaimDecision::kRefund &&
        IsClaimRefund(record.claim_id, refund_id)) {
      return std::optional(protocol::PrintSingle("refund_decision", evidence.result));
    }
  }
  return std::optional<std::string>();
}

}  // namespace paygate::participant
