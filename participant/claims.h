// Undertakings and claims, from both sides (protocol.md section 7).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "participant/evidence.h"
#include "participant/gateway_trust.h"
#include "protocol/messages.h"

namespace paygate::participant {

// What a seller promises beside an offer: to repay on a claim between the two times.
struct Undertaking {
  std::string terms;
  int64_t deliver_by = 0, claim_until = 0;  // NumericDate
};

// A document about a claim that is held here and verifies: one's own with the gateway's
// acknowledgement, the other side's or the gateway's with what proves it.
struct ClaimRecord {
  EvidenceKind kind = EvidenceKind::kClaim;  // kClaim, kClaimReceived, kClaimAnswer, kClaimDecision
  std::string claim_id;
  std::string payment_id;  // empty in an answer
  int64_t at = 0;          // when it was signed
  std::string text;        // statement, evidence or reason; may be empty in a decision
  std::string from;        // who says it
  protocol::ClaimDecision decision = protocol::ClaimDecision::kReject;       // of a decision
  protocol::ClaimGrounds grounds = protocol::ClaimGrounds::kOperator;        // the same
};

// Signature, chain and content of a kept document, offline.
base::Result<ClaimRecord> VerifyClaim(const GatewayTrust& trust, const Evidence& evidence,
                                      const std::string& id);

}  // namespace paygate::participant
