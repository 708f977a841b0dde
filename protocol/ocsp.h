// The Online Certificate Status Protocol (RFC 6960) as a responder speaks it that is the issuing CA
// itself: reads requests, builds responses signed by the CA. Pure (time is an argument);
// thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"
#include "protocol/crl.h"

namespace paygate::protocol {

constexpr size_t kMaxOcspRequestBytes = 4096;
constexpr size_t kMaxOcspCertificates = 16;  // in one request
constexpr size_t kMaxOcspNonceBytes = 130;  // the extension's value (RFC 9654: 128 octets of nonce)

// Which certificate is meant: its issuer by hashes of name and key, and its serial.
struct OcspCertId {
  std::string der;  // as it came: the answer repeats it, and it serves as a key
  std::string serial;  // raw octets; empty if it is no positive number of 20 octets at most
  std::string hash;    // "SHA1" or "SHA256"; empty: another
  std::string issuer_name_hash, issuer_key_hash;

  bool IssuedBy(const Certificate& ca) const;
};

struct OcspRequest {
  std::vector<OcspCertId> certificates;
  std::string nonce;  // the extension's value as it came; empty: none
};

// kMalformed for anything but one whole request within the bounds. A signature on it is not looked
// at: who asks does not matter.
base::Result<OcspRequest> ParseOcspRequest(std::string_view der);

struct OcspStatus {
  bool revoked = false;
  base::UnixTime revoked_at{};
  CrlReason reason = CrlReason::kUnspecified;
  bool operator==(const OcspStatus&) const = default;
};
struct OcspSingle {
  std::string_view cert_id;  // OcspCertId::der
  OcspStatus status;
};
struct OcspTemplate {
  base::UnixTime this_update, next_update;
  std::span<const OcspSingle> certificates;
  std::string_view nonce;  // OcspRequest::nonce; empty: none
};
// A successful OCSPResponse, DER. kInvalidArgument if the key is not the CA's; as the Signer.
base::Result<std::string> BuildOcspResponse(const OcspTemplate& what, const Certificate& ca,
                                            hsm::Signer& ca_key);

// The name of a certificate in a question (SHA-256), as ParseOcspRequest would return it.
// kInvalidArgument if `issuer` did not issue it.
base::Result<OcspCertId> OcspCertIdOf(const Certificate& subject, const Certificate& issuer);

// What an answer says of the certificates that it names.
struct OcspResponse {
  base::UnixTime this_update{}, next_update{};
  struct Single {
    OcspCertId id;
    OcspStatus status;
  };
  std::vector<Single> certificates;
};
// Exactly one of BuildOcspResponse's answers, without a nonce, signed by this CA: there is one
// spelling. kMalformed, kSignatureInvalid.
base::Result<OcspResponse> VerifyOcspResponse(std::string_view der, const Certificate& ca);

// RFC 6960 section 4.2.1: an answer without signature.
enum class OcspError : uint8_t {
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kUnauthorized = 6,  // of RFC 5019, section 2.2.3: not known here
};
std::string PrintOcspError(OcspError error);

}  // namespace paygate::protocol
