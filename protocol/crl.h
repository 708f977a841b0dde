// Certificate revocation lists (RFC 5280 section 5): complete ones and deltas, signed by the
// issuing CA whose certificates they list. Pure (time is an argument); thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"

namespace paygate::protocol {

enum class CrlReason : uint8_t {  // RFC 5280 section 5.3.1
  kUnspecified = 0,  // says nothing, so that it is left out
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,  // in a delta alone
  kPrivilegeWithdrawn = 9,
};

// Appends one revokedCertificates entry. `serial`: raw octets, as Certificate::serial_hex names
// them.
void AppendCrlEntry(std::string& entries, std::string_view serial, base::UnixTime revoked_at,
                    CrlReason reason);

struct CrlTemplate {
  uint64_t number;                      // greater with every list of this CA
  std::optional<uint64_t> base_number;  // a delta to that complete list
  base::UnixTime this_update, next_update;
  std::string_view entries;             // made by AppendCrlEntry; empty: nothing is revoked
  std::string delta_url;                // freshestCRL of a complete list; empty: none
};

// DER. kInvalidArgument if the key is not the CA's; otherwise as the Signer.
base::Result<std::string> BuildCrl(const CrlTemplate& what, const Certificate& ca,
                                   hsm::Signer& ca_key);

// The DER of a list in a file, PEM or DER, after a look at whether it is one and `ca` signed it.
// kCertificateInvalid with what is wrong.
base::Result<std::string> ReadCrl(std::string_view pem_or_der, const Certificate& ca);

// What a list says: as of when, and who is on it.
struct CrlContents {
  base::UnixTime this_update{};
  struct Entry {
    std::string serial_hex;
    base::UnixTime revoked_at{};
  };
  std::vector<Entry> entries;
};
// Of a list in DER, complete, signed by this CA and spelled in the one way. kCertificateInvalid.
base::Result<CrlContents> VerifyCrl(std::string_view der, const Certificate& ca);

}  // namespace paygate::protocol
