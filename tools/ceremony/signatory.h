// Signatories: operator and witnesses, each with a key of their own, in a file or a token. They
// close a transcript by a JWS of typ "p2p-ceremony+jws" over the hash of its line `closed`, and
// over all else that is in the line which carries the signature, since none follows the last.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"
#include "tools/ceremony/plan.h"

namespace paygate::tools::ceremony {

// A passphrase from `file` (private to its owner), or asked for on the terminal where it is empty.
base::Result<base::SecretBytes> ReadPassphrase(const std::string& file, const std::string& prompt);

struct Attestation {
  std::string role, name;
  std::string closed;      // hash of the line `closed`
  std::string prev, time;  // of the line that carries the signature
};
// The compact JWS. kInvalidArgument if the key is not the one that the ceremony's file names.
base::Result<std::string> SignTranscript(const Attestation& what, hsm::Signer& signer,
                                         std::string_view public_key_der);
// kSignatureInvalid unless `jws` is over this, by this key.
base::Status VerifyTranscriptSignature(const Attestation& what, std::string_view public_key_der,
                                       std::string_view jws);
// The line's members apart from n and prev, in their order.
nlohmann::ordered_json SignedMembers(const Attestation& what, const std::string& jws);

// Opens the key file. kPermissionDenied: wrong passphrase.
base::Result<std::unique_ptr<hsm::Signer>> OpenKeyFile(const SignatoryPlan& who);

// A new P-256 key in a token, for signatures alone. Returns as MakeKeyFile. kAlreadyExists.
base::Result<std::string> MakeTokenKey(const hsm::pkcs11::TokenLocation& location,
                                       const std::string& label);

// A new P-256 key file for a signatory (ENCRYPTED PRIVATE KEY, scrypt), never over another. Returns
// the `public_key` for the ceremony's file.
base::Result<std::string> MakeKeyFile(const std::string& path, const base::SecretBytes& passphrase);

}  // namespace paygate::tools::ceremony
