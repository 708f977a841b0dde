// Result<T>: a value or an Error, for everything that can fail. No exception crosses a room.
//
// An Error is a code, which decides what happens next, and a sentence for the operator's log.
// The sentence never holds an account number, a PIN, an enrolment code or key material, and is
// never sent to a participant: gateway/engine/wire_error.cc alone maps codes to the wire.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace paygate::base {

enum class ErrorCode : uint8_t {
  // What a participant can cause (protocol.md, section 9; same names).
  kMalformed,
  kUnsupportedAlgorithm,
  kDecryptionFailed,
  kClockSkew,
  kCertificateInvalid,
  kCertificateRevoked,
  kSignatureInvalid,
  kEnrolmentRefused,
  kAccountRefused,
  kNotYours,
  kNotFound,
  kMethodNotAllowed,
  kHandshakeExpired,
  kCsblkExpired,
  kCsblkUnknown,
  kCsblkCancelled,
  kAlreadyPaid,
  kInFlight,
  kDuplicateSale,
  kRefundExceedsPayment,
  kClaimClosed,
  kPayloadTooLarge,
  kUnsupportedMediaType,
  kBlockMismatch,
  kAccountMismatch,
  kSameAccount,
  kUnsupportedCurrency,
  kRateLimited,
  // What a part of the gateway can suffer.
  kOverloaded,         // a bound was reached; try later
  kDraining,           // shutting down
  kTokenUnavailable,   // no token process answered in time
  kBankUnavailable,
  kStoreUnavailable,   // a write or fsync failed: no write until restart
  kTimeout,
  kClosed,             // the other end of a connection is gone
  // What an operator or programmer can cause.
  kInvalidArgument,
  kAlreadyExists,
  kPermissionDenied,
  kIo,
  kInternal,
};

// The code's name as the wire spells it ("certificate-invalid").
std::string_view Name(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // "certificate-invalid: not issued by the gateway's issuing CA"
  std::string ToString() const;
};

// A class rather than an alias, because only a class can be [[nodiscard]] (std::expected is not).
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};
using Status = Result<void>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace paygate::base

#define PAYGATE_CONCAT_(a, b) a##b
#define PAYGATE_CONCAT(a, b) PAYGATE_CONCAT_(a, b)

// Leaves the function with the error of `expr` (a Status or Result), if it has one.
#define RETURN_IF_ERROR(expr)                                               \
  do {                                                                      \
    if (auto paygate_status_ = (expr); !paygate_status_)                    \
      return std::unexpected(std::move(paygate_status_).error());           \
  } while (false)

// ASSIGN_OR_RETURN(auto x, F()): x is F's value, or the function returns F's error.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_(PAYGATE_CONCAT(paygate_result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(result, lhs, expr)                         \
  auto result = (expr);                                              \
  if (!result) return std::unexpected(std::move(result).error());    \
  lhs = std::move(*result)
