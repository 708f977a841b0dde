#include "gateway/engine/wire_error.h"

#include <array>
#include <utility>

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using Row = std::pair<ErrorCode, WireError>;

constexpr uint32_t kSoon = 1;   // seconds; a queue that is full now
constexpr uint32_t kLater = 5;  // a part that has to come back

constexpr WireError kInternal = {500, "internal", "Internal error", 0, false};

constexpr std::array kTable = {
    Row{ErrorCode::kMalformed, {400, "malformed", "Malformed message", 0, true}},
    Row{ErrorCode::kUnsupportedAlgorithm,
        {400, "unsupported-algorithm", "Algorithm not supported", 0, true}},
    Row{ErrorCode::kDecryptionFailed, {400, "decryption-failed", "Decryption failed", 0, true}},
    Row{ErrorCode::kClockSkew, {400, "clock-skew", "Time outside the allowed skew", 0, true}},
    Row{ErrorCode::kCertificateInvalid,
        {403, "certificate-invalid", "Certificate not valid here", 0, true}},
    Row{ErrorCode::kCertificateRevoked,
        {403, "certificate-revoked", "Certificate revoked", 0, true}},
    Row{ErrorCode::kSignatureInvalid, {403, "signature-invalid", "Signature not valid", 0, true}},
    Row{ErrorCode::kEnrolmentRefused,
        {403, "enrolment-refused", "The bank refused the enrolment", 0, true}},
    Row{ErrorCode::kAccountRefused,
        {403, "account-refused", "The bank refused the account", 0, true}},
    Row{ErrorCode::kNotYours, {403, "not-yours", "Belongs to someone else", 0, true}},
    Row{ErrorCode::kNotFound, {404, "not-found", "Not found", 0, true}},
    Row{ErrorCode::kMethodNotAllowed, {405, "method-not-allowed", "Method not allowed", 0, false}},
    Row{ErrorCode::kHandshakeExpired, {409, "handshake-expired", "Handshake expired", 0, false}},
    Row{ErrorCode::kCsblkExpired, {409, "csblk-expired", "CSBLK expired", 0, true}},
    Row{ErrorCode::kCsblkUnknown, {409, "csblk-unknown", "CSBLK was never issued", 0, true}},
    Row{ErrorCode::kCsblkCancelled, {409, "csblk-cancelled", "CSBLK cancelled", 0, true}},
    Row{ErrorCode::kAlreadyPaid, {409, "already-paid", "CSBLK already paid", 0, true}},
    Row{ErrorCode::kInFlight, {409, "in-flight", "Another payment of the CSBLK is open", 0, true}},
    Row{ErrorCode::kDuplicateSale,
        {409, "duplicate-sale", "Nonce already used for a sale", 0, true}},
    Row{ErrorCode::kRefundExceedsPayment,
        {409, "refund-exceeds-payment", "More than is left of the payment", 0, true}},
    Row{ErrorCode::kClaimClosed,
        {409, "claim-closed", "No claim can be made or answered", 0, true}},
    Row{ErrorCode::kPayloadTooLarge, {413, "payload-too-large", "Message too large", 0, false}},
    Row{ErrorCode::kUnsupportedMediaType,
        {415, "unsupported-media-type", "Content type not supported", 0, false}},
    Row{ErrorCode::kBlockMismatch, {422, "block-mismatch", "BBLK and CSBLK differ", 0, true}},
    Row{ErrorCode::kAccountMismatch,
        {422, "account-mismatch", "A disclosure does not open its digest", 0, true}},
    Row{ErrorCode::kSameAccount,
        {422, "same-account", "Buyer and seller account are one", 0, true}},
    Row{ErrorCode::kUnsupportedCurrency,
        {422, "unsupported-currency", "Currency not supported", 0, true}},
    Row{ErrorCode::kRateLimited, {429, "rate-limited", "Too many requests", kSoon, false}},
    Row{ErrorCode::kOverloaded, {503, "overloaded", "Overloaded", kSoon, false}},
    Row{ErrorCode::kDraining, {503, "draining", "Shutting down", kLater, false}},
    Row{ErrorCode::kTokenUnavailable,
        {503, "token-unavailable", "Signing is not available", kLater, false}},
    Row{ErrorCode::kTimeout, {503, "token-unavailable", "Signing is not available", kLater, false}},
    Row{ErrorCode::kBankUnavailable,
        {503, "bank-unavailable", "The bank is not available", kLater, false}},
    Row{ErrorCode::kStoreUnavailable,
        {503, "store-unavailable", "The store is not available", kLater, false}},
    Row{ErrorCode::kIo, {503, "store-unavailable", "The store is not available", kLater, false}},
};

}  // namespace

WireError ToWire(ErrorCode code) {
  for (const auto& [from, to] : kTable) {
    if (from == code) return to;
  }
  return kInternal;
}

std::optional<WireError> WireErrorNamed(std::string_view code) {
  for (const auto& [from, to] : kTable) {
    if (to.code == code) return to;
  }
  return std::nullopt;
}

}  // namespace paygate::gateway::engine
