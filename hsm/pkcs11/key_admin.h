// KeyAdmin over a PKCS#11 token, for the ceremony. The token is named by an RFC 7512 URI
// ("pkcs11:token=paygate"), the module by its path, the PIN by a private file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/key_admin.h"

namespace paygate::hsm::pkcs11 {

struct TokenLocation {
  std::string module_path;  // "/usr/lib/softhsm/libsofthsm2.so"
  std::string token_uri;    // RFC 7512: token=, serial=, manufacturer=, model=; no slot, no PIN
  std::string pin_file;
  // Remembers a refused PIN; its directory must be writable. Empty: pin_file + ".refused".
  std::string pin_record = {};
  // A text for C_Initialize, which NSS's module wants; mostly none.
  std::string init_args = {};
  // Labels of keys that have left the token wrapped, or were restored so: for these alone it is no
  // fault to have been extractable once, or to be made elsewhere. They are always sensitive; to
  // be extractable still is borne by OpenKeyAdmin alone, for the ceremony that makes the backup.
  std::vector<std::string> backed_up_keys = {};
};

// kInvalidArgument for a URI that is none, names a slot or a PIN, or not one token.
base::Status CheckTokenUri(const std::string& token_uri);

// Errors: kInvalidArgument for a URI with slot or PIN in it, or one that names several tokens;
// kTokenUnavailable when no token fits it;
// kPermissionDenied for a readable PIN file or a refused PIN, which is not tried again.
base::Result<std::unique_ptr<KeyAdmin>> OpenKeyAdmin(const TokenLocation& location);

// Initialises an empty slot as a token with this label, user PIN and security-officer PIN: for
// scratch tokens of rehearsals and demos. kAlreadyExists if a token has the label.
base::Status InitialiseToken(const std::string& module_path, const std::string& label,
                             const base::SecretBytes& so_pin, const base::SecretBytes& pin);

}  // namespace paygate::hsm::pkcs11
