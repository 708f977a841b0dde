#include "base/result.h"

namespace paygate::base {

std::string_view Name(ErrorCode code) {
  // No default: a code added to the list without a name does not compile (-Wswitch).
  switch (code) {
    case ErrorCode::kMalformed: return "malformed";
    case ErrorCode::kUnsupportedAlgorithm: return "unsupported-algorithm";
    case ErrorCode::kDecryptionFailed: return "decryption-failed";
    case ErrorCode::kClockSkew: return "clock-skew";
    case ErrorCode::kCertificateInvalid: return "certificate-invalid";
    case ErrorCode::kCertificateRevoked: return "certificate-revoked";
    case ErrorCode::kSignatureInvalid: return "signature-invalid";
    case ErrorCode::kEnrolmentRefused: return "enrolment-refused";
    case ErrorCode::kAccountRefused: return "account-refused";
    case ErrorCode::kNotYours: return "not-yours";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kMethodNotAllowed: return "method-not-allowed";
    case ErrorCode::kHandshakeExpired: return "handshake-expired";
    case ErrorCode::kCsblkExpired: return "csblk-expired";
    case ErrorCode::kCsblkUnknown: return "csblk-unknown";
    case ErrorCode::kCsblkCancelled: return "csblk-cancelled";
    case ErrorCode::kAlreadyPaid: return "already-paid";
    case ErrorCode::kInFlight: return "in-flight";
    case ErrorCode::kDuplicateSale: return "duplicate-sale";
    case ErrorCode::kRefundExceedsPayment: return "refund-exceeds-payment";
    case ErrorCode::kClaimClosed: return "claim-closed";
    case ErrorCode::kPayloadTooLarge: return "payload-too-large";
    case ErrorCode::kUnsupportedMediaType: return "unsupported-media-type";
    case ErrorCode::kBlockMismatch: return "block-mismatch";
    case ErrorCode::kAccountMismatch: return "account-mismatch";
    case ErrorCode::kSameAccount: return "same-account";
    case ErrorCode::kUnsupportedCurrency: return "unsupported-currency";
    case ErrorCode::kRateLimited: return "rate-limited";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kDraining: return "draining";
    case ErrorCode::kTokenUnavailable: return "token-unavailable";
    case ErrorCode::kBankUnavailable: return "bank-unavailable";
    case ErrorCode::kStoreUnavailable: return "store-unavailable";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kAlreadyExists: return "already-exists";
    case ErrorCode::kPermissionDenied: return "permission-denied";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";  // a byte from outside that is no code of ours
}

std::string Error::ToString() const {
  std::string text(Name(code));
  if (!message.empty()) text.append(": ").append(message);
  return text;
}

}  // namespace paygate::base
