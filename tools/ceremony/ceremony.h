// Ceremony: makes a gateway's keys in its tokens and the certificates over them.
//
// Guarantee: nothing is ever overwritten: an existing file or key label stops the ceremony before
// it makes anything. Every private key but the front's TLS key is generated in a token and never
// leaves it. Every certificate is checked against the profile of its role before it is written.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tools/ceremony/plan.h"

namespace paygate::tools::ceremony {

// Labels of the keys in the tokens (the gateway's configuration has the same defaults).
inline constexpr const char* kRootLabel = "root";
inline constexpr const char* kIssuingCaLabel = "issuing-ca";
inline constexpr const char* kSignatureLabel = "gateway-signature";
inline constexpr const char* kEncryptionLabel = "gateway-encryption";
inline constexpr const char* kStorageLabel = "storage-wrapping";

struct Made {
  std::string what;         // "issuing CA"
  std::string file;         // path, or "label in token"
  std::string fingerprint;  // SHA-256 of the certificate or SubjectPublicKeyInfo, base64url
};
struct Outcome {
  std::string gateway_id;
  std::vector<Made> made;
};
using Progress = std::function<void(const Made&)>;  // after each step

base::Result<Outcome> RunCeremony(const Plan& plan, const base::Clock& clock,
                                  const Progress& progress);

// Two SoftHSM tokens, "paygate-root" and "paygate", with random PINs in private files, and
// softhsm2.conf, all in `directory`: for demos, tests and rehearsals. SOFTHSM2_CONF must not have
// been read by this process before.
base::Status MakeScratchTokens(const std::string& directory, const std::string& module_path);

}  // namespace paygate::tools::ceremony
