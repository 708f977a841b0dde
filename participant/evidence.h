// Evidence: the signed results a participant holds, each with all that is needed to verify it again
// against the root, offline and years later (protocol.md section 6, messages 4 and 5,
// and section 7).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "participant/disk.h"
#include "participant/gateway_trust.h"
#include "protocol/messages.h"

namespace paygate::participant {

// A payment's, the buyer's and the seller's; a refund's, the seller's and the buyer's.
// Of claims (claims.h): the buyer's own, the one that came to the seller, the seller's own answer,
// the gateway's decision.
enum class EvidenceKind : uint8_t {
  kReceipt, kConfirmation, kRefund, kRefundConfirmation,
  kClaim, kClaimReceived, kClaimAnswer, kClaimDecision,
};

struct Evidence {
  EvidenceKind kind = EvidenceKind::kReceipt;
  // Compact JWS of the gateway; of a claim that was received, the claim. Of one's own claim or
  // answer, the acknowledgement.
  std::string result;
  std::vector<std::string> chain;  // DER, of the certificate that signed it
  // Receipts, own claims and answers: what was sent, with what was signed. The receipt of a refund
  // on a claim: the decision. Others: empty.
  std::string body;
};

// A result that has been verified for participant `id`.
struct PaymentRecord {
  EvidenceKind kind = EvidenceKind::kReceipt;
  protocol::PaymentResultPayload payload;
  std::string csblk_id;
  std::string seller_id;  // as the CSBLK says; for a confirmation it is the participant himself
};

// The same of a refund (protocol.md section 7).
struct RefundRecord {
  EvidenceKind kind = EvidenceKind::kRefund;
  protocol::RefundResultPayload payload;
};

// Everything but who signed: `sub` is `id`; a receipt answers exactly the authorisation in `body`
// (payment_id is its digest; T, BBLK and CSBLK are its own); a confirmation is of a CSBLK that was
// issued to `id` and has its goods and price. kBlockMismatch, kNotYours, kMalformed.
base::Result<PaymentRecord> CheckResult(EvidenceKind kind, const std::string& payload_json,
                                        const std::string& body, const std::string& id,
                                        const std::string& gateway_id);
// Signature, chain and content of kept evidence.
base::Result<PaymentRecord> VerifyEvidence(const GatewayTrust& trust, const Evidence& evidence,
                                           const std::string& id);

// Durable. A final result is never replaced by a different one (kBlockMismatch: show both to the
// operator); a pending one is replaced by what follows it.
base::Status KeepEvidence(Disk& disk, const PaymentRecord& record, const Evidence& evidence);
// A document that is never followed by another, as file `id`; durable.
base::Status KeepDocument(Disk& disk, const Evidence& evidence, const std::string& id);
// Is this refund one of those that the gateway makes for a claim?
bool IsClaimRefund(const std::string& claim_id, const std::string& refund_id);
// A refund's receipt answers exactly the authorisation, or the decision on a claim, in `body`; a
// confirmation is final.
base::Result<RefundRecord> CheckRefund(EvidenceKind kind, const std::string& payload_json,
                                       const std::string& body, const std::string& id,
                                       const std::string& gateway_id);
base::Result<RefundRecord> VerifyRefund(const GatewayTrust& trust, const Evidence& evidence,
                                        const std::string& id);
base::Status KeepRefund(Disk& disk, const RefundRecord& record, const Evidence& evidence);
base::Result<std::optional<Evidence>> FindEvidence(Disk& disk, EvidenceKind kind,
                                                   const std::string& id);
base::Result<std::vector<Evidence>> ListEvidence(Disk& disk, EvidenceKind kind);

}  // namespace paygate::participant
