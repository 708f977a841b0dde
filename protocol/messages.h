// The messages of protocol.md as structs: one Parse and one Print each, strict as rule 2 says.
//
// Names: XPayload is the JWS payload of `typ` kTypX; XBody is the JSON inside a JWE. A JWS inside a
// body is carried as its compact string. Parse checks the form of every value (nonces, IDs,
// digests, prices, goods), never signatures, times or anything that needs a key. All errors are
// kMalformed, but kUnsupportedCurrency for a price in one that nobody knows. Pure; thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "protocol/values.h"

namespace paygate::protocol {

constexpr std::string_view kTypGateway = "p2p-gateway+jws";
constexpr std::string_view kTypRegistration = "p2p-registration+jws";
constexpr std::string_view kTypRegistered = "p2p-registered+jws";
constexpr std::string_view kTypRenewal = "p2p-renewal+jws";
constexpr std::string_view kTypRenewalProof = "p2p-renewal-proof+jws";
constexpr std::string_view kTypSellerChallenge = "p2p-seller-challenge+jws";
constexpr std::string_view kTypSellerConfirmation = "p2p-seller-confirmation+jws";
constexpr std::string_view kTypCsblk = "p2p-csblk+sd-jwt";
constexpr std::string_view kTypRevocation = "p2p-revocation+jws";
constexpr std::string_view kTypCancellation = "p2p-cancellation+jws";
constexpr std::string_view kTypBuyerChallenge = "p2p-buyer-challenge+jws";
constexpr std::string_view kTypPaymentAuthorisation = "p2p-payment-authorisation+jws";
constexpr std::string_view kTypReceipt = "p2p-receipt+jws";
constexpr std::string_view kTypPaymentConfirmation = "p2p-payment-confirmation+jws";
constexpr std::string_view kTypRefundChallenge = "p2p-refund-challenge+jws";
constexpr std::string_view kTypRefundAuthorisation = "p2p-refund-authorisation+jws";
constexpr std::string_view kTypRefundReceipt = "p2p-refund-receipt+jws";
constexpr std::string_view kTypRefundConfirmation = "p2p-refund-confirmation+jws";
constexpr std::string_view kTypUndertaking = "p2p-undertaking+jws";
constexpr std::string_view kTypRefundClaim = "p2p-refund-claim+jws";
constexpr std::string_view kTypRefundAnswer = "p2p-refund-answer+jws";
constexpr std::string_view kTypRefundDecision = "p2p-refund-decision+jws";
constexpr std::string_view kTypMailbox = "p2p-mailbox+jws";
constexpr std::string_view kTypDone = "p2p-done+jws";
constexpr std::string_view kTypRefusal = "p2p-refusal+jws";

constexpr int64_t kMaxNumericDate = 253402300799;  // the last second of the year 9999
constexpr size_t kMaxEnrolmentCodeBytes = 256;

#define PAYGATE_MESSAGE(T)                                     \
  static base::Result<T> Parse(std::string_view json);         \
  std::string Print() const

// ---- Section 3: GET /v1/gateway ----
struct GatewayPayload {
  std::string id;
  int64_t version = 1, iat = 0, exp = 0;
  std::vector<std::vector<std::string>> signature, encryption;  // chains of DER, preferred first
  std::vector<std::string> signature_algorithms;
  // "signature_forms":["jws","mjws"]; left out where there is only the one that everyone takes.
  bool batch_signatures = false;
  struct Limits {
    int64_t request_bytes = 0, clock_skew_s = 0, handshake_s = 0, csblk_lifetime_s = 0;
    std::vector<std::string> currencies;
  } limits;
  PAYGATE_MESSAGE(GatewayPayload);  // the one Parse that ignores unknown members
};

// ---- Section 4: registration (paper 6.2.2) ----
struct RegistrationPayload {
  std::string aud;
  int64_t iat = 0;
  std::string nonce;
  std::string signature_jwk, encryption_jwk;  // JSON of the keys
  std::string disclosure;
  base::SecretBytes enrolment_code;
  PAYGATE_MESSAGE(RegistrationPayload);
};
struct RegisteredPayload {
  std::string iss, sub;
  int64_t iat = 0;
  std::string request, nonce;
  std::string signature_certificate, encryption_certificate;  // DER, as everywhere in structs
  std::vector<std::string> chain;
  std::string gateway_signature, gateway_encryption;
  PAYGATE_MESSAGE(RegisteredPayload);
};

struct RenewalPayload {
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce;
  std::string signature_jwk, encryption_jwk;  // JSON of the new keys
  std::string disclosure;                     // opens the present accountBinding
  std::string proof;                          // a RenewalProofPayload, by the new signature key
  PAYGATE_MESSAGE(RenewalPayload);
};
struct RenewalProofPayload {
  std::string iss, aud, nonce;  // all as in the renewal
  PAYGATE_MESSAGE(RenewalProofPayload);
};

enum class RevocationReason : uint8_t { kKeyCompromise, kCessationOfOperation, kSuperseded };
std::string_view Name(RevocationReason reason);  // "keyCompromise" …
struct RevocationPayload {
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce;
  RevocationReason reason = RevocationReason::kKeyCompromise;
  PAYGATE_MESSAGE(RevocationPayload);
};

// ---- Section 5: seller block certification (paper 6.2.3) ----
struct SellerChallengeRequestBody {  // message 1; r1 is in the JWE header
  Sblk sblk;
  std::string certificate;  // Cert_PS, DER ("x5c":[…])
  PAYGATE_MESSAGE(SellerChallengeRequestBody);
};
struct SellerChallengePayload {  // message 2
  std::string iss, sub;
  int64_t iat = 0, exp = 0;
  std::string r1, r2;
  Sblk sblk;
  PAYGATE_MESSAGE(SellerChallengePayload);
};
struct ChallengeBody {  // message 2 of sections 5 and 6
  std::string challenge, handshake;
  PAYGATE_MESSAGE(ChallengeBody);
};
struct SellerConfirmationPayload {  // message 3
  std::string iss, aud, r1, r2;
  Sblk sblk;
  std::string undertaking;  // compact JWS of an UndertakingPayload; empty: absent
  PAYGATE_MESSAGE(SellerConfirmationPayload);
};
struct SellerConfirmationBody {
  std::string confirmation;
  std::string seller_disclosure, seller_binding_disclosure;
  PAYGATE_MESSAGE(SellerConfirmationBody);
};
struct CsblkPayload {  // message 4
  std::string iss, sub;
  int64_t iat = 0, exp = 0;
  Sblk sblk;
  std::string undertaking;  // as deposited with message 3; empty: absent
  PAYGATE_MESSAGE(CsblkPayload);
};
struct CsblkBody {
  std::string csblk;  // <JWS>~<disclosure>~
  PAYGATE_MESSAGE(CsblkBody);
};
struct CancellationPayload {
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce, csblk_id;
  PAYGATE_MESSAGE(CancellationPayload);
};

// <JWS>~<disclosure>~ taken apart and put together (RFC 9901, one disclosure).
struct SdJwt {
  std::string jws;
  std::string disclosure;
  static base::Result<SdJwt> Parse(std::string_view text);
  std::string Print() const;
};

// ---- Section 6: payment (paper 6.2.4) ----
struct BuyerChallengeRequestBody {  // message 1; r3 is in the JWE header
  Bblk bblk;
  std::string certificate;  // Cert_PB, DER
  PAYGATE_MESSAGE(BuyerChallengeRequestBody);
};
struct BuyerChallengePayload {  // message 2
  std::string iss, sub;
  int64_t iat = 0, exp = 0;
  std::string r3, r4;
  Bblk bblk;
  PAYGATE_MESSAGE(BuyerChallengePayload);
};
struct PaymentAuthorisationPayload {  // message 3
  std::string iss, aud, r3, r4;
  int64_t iat = 0;  // T
  Bblk bblk;
  std::string csblk;  // the CSBLK's JWS, no disclosure
  PAYGATE_MESSAGE(PaymentAuthorisationPayload);
};
struct PaymentAuthorisationBody {
  std::string authorisation;
  std::string buyer_disclosure, buyer_binding_disclosure, seller_disclosure;
  PAYGATE_MESSAGE(PaymentAuthorisationBody);
};
enum class PaymentResult : uint8_t { kCompleted, kFailed, kPending };
std::string_view Name(PaymentResult result);
struct PaymentResultPayload {  // messages 4 (receipt) and 5 (confirmation, without reason)
  std::string iss, sub;
  int64_t iat = 0, authorised_at = 0;
  PaymentResult result = PaymentResult::kPending;
  std::string reason;          // empty: absent; never in a confirmation
  std::string payment_id;
  std::string bank_reference;  // empty: absent
  Bblk bblk;
  std::string csblk;
  PAYGATE_MESSAGE(PaymentResultPayload);
  // Message 5: the same, but final and without a reason (which is not the seller's business).
  static base::Result<PaymentResultPayload> ParseConfirmation(std::string_view json);
};

// ---- Section 7: refunds (paper 7.4) ----
struct RefundBlock {  // "refund"
  std::string payment_id;
  base::Money amount;
  std::string nonce;

  static base::Result<RefundBlock> Parse(JsonObject object);
  std::string Print() const;
  friend bool operator==(const RefundBlock&, const RefundBlock&) = default;
};
struct RefundChallengeRequestBody {  // r5 is in the JWE header
  RefundBlock refund;
  std::string certificate;  // Cert_PS, DER
  PAYGATE_MESSAGE(RefundChallengeRequestBody);
};
struct RefundChallengePayload {
  std::string iss, sub;
  int64_t iat = 0, exp = 0;
  std::string r5, r6;
  RefundBlock refund;
  PAYGATE_MESSAGE(RefundChallengePayload);
};
struct RefundAuthorisationPayload {
  std::string iss, aud, r5, r6;
  int64_t iat = 0;
  RefundBlock refund;
  PAYGATE_MESSAGE(RefundAuthorisationPayload);
};
struct RefundResultPayload {  // refund receipt (to the seller) and refund confirmation (buyer)
  std::string iss, sub;
  int64_t iat = 0;
  PaymentResult result = PaymentResult::kPending;
  std::string refund_id, payment_id;
  base::Money amount;
  std::optional<base::Money> refunded_total;  // absent: nothing; if completed, this one included
  PAYGATE_MESSAGE(RefundResultPayload);
};

// ---- Section 7: undertakings and claims ----
constexpr std::chrono::days kShortestClaimTime{14};  // between deliver_by and claim_until
struct UndertakingPayload {  // the seller's promise to repay, kept inside the CSBLK
  std::string iss, aud;
  int64_t iat = 0;
  std::string sblk_nonce;
  std::string terms;
  int64_t deliver_by = 0, claim_until = 0;  // T1, T2
  PAYGATE_MESSAGE(UndertakingPayload);
  // Is it of this sale, by its seller to its gateway, and in time for a CSBLK that expires at
  // `csblk_exp`? kBlockMismatch, kMalformed.
  base::Status CheckFits(const std::string& seller_id, const std::string& gateway_id,
                         const Sblk& sblk, int64_t csblk_exp) const;
};
struct RefundClaimPayload {  // by the buyer
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce, payment_id;
  std::string statement;
  PAYGATE_MESSAGE(RefundClaimPayload);
};
struct RefundAnswerPayload {  // by the seller
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce, claim;  // digest of the claim
  std::string evidence;
  PAYGATE_MESSAGE(RefundAnswerPayload);
};
enum class ClaimDecision : uint8_t { kRefund, kReject };
std::string_view Name(ClaimDecision decision);  // "refund" "reject"
enum class ClaimGrounds : uint8_t { kUnanswered, kOperator };
std::string_view Name(ClaimGrounds grounds);  // "unanswered" "operator"
struct RefundDecisionPayload {  // by the gateway, one to each side (docs/decisions/0020)
  std::string iss, sub;
  int64_t iat = 0;
  std::string claim, payment_id;
  ClaimDecision decision = ClaimDecision::kReject;
  ClaimGrounds grounds = ClaimGrounds::kOperator;
  std::string reason;  // the operator's; empty: absent, if unanswered only
  PAYGATE_MESSAGE(RefundDecisionPayload);
};
// The refund_id of what the gateway gives back for a claim; another for each try (1, 2, …).
std::string ClaimRefundId(std::string_view claim, uint32_t attempt);

// ---- Section 8: mailbox ----
constexpr int64_t kMaxMailboxWait = 30;  // seconds
constexpr size_t kMaxMailboxMessages = 50;
struct MailboxPayload {
  std::string iss, aud;
  int64_t iat = 0;
  std::string nonce;
  int64_t after = 0, wait = 0;
  std::optional<int64_t> ack;
  PAYGATE_MESSAGE(MailboxPayload);
};
struct MailboxBody {
  int64_t newest = 0;
  struct Message {
    int64_t cursor = 0;
    std::string jwe;
  };
  std::vector<Message> messages;
  PAYGATE_MESSAGE(MailboxBody);
};

// ---- Section 9: answers without a result, and errors ----
struct DonePayload {
  std::string iss, sub;
  int64_t iat = 0;
  std::string request;
  PAYGATE_MESSAGE(DonePayload);
};
struct RefusalPayload {
  std::string iss, sub;
  int64_t iat = 0;
  std::string request, code;
  std::string payment_id;  // with already-paid, to the buyer who paid; else empty
  PAYGATE_MESSAGE(RefusalPayload);
};
struct Problem {  // RFC 9457
  std::string code;  // "handshake-expired"; on the wire urn:p2p-gateway:error:<code>
  std::string title;
  int64_t status = 0;
  std::string instance;
  PAYGATE_MESSAGE(Problem);
};

// A JWE body whose one member is a compact JWS: {"registration":…}, {"registered":…},
// {"renewal":…}, {"confirmation":…}, {"receipt":…}, {"request":…}, {"cancellation":…}, {"done":…},
// {"refusal":…}, {"authorisation":…}, {"refund_confirmation":…}, {"claim":…}, {"answer":…},
// {"refund_claim":…}, {"refund_decision":…}.
std::string PrintSingle(std::string_view member, std::string_view jws);
struct Single {
  std::string member, jws;
};
base::Result<Single> ParseSingle(std::string_view json);  // any one member
base::Result<std::string> ParseSingle(std::string_view json, std::string_view member);

#undef PAYGATE_MESSAGE

}  // namespace paygate::protocol
