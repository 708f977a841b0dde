// Token: one PKCS#11 token with its keys, for the token process.
//
// Guarantees: the token is found by what its URI says of it, never by slot number; one session
// stays open for life and holds the login, a bounded pool of others is leased for one operation
// each; keys are found by label, checked (private, sensitive, never extractable, made in the token,
// one usage, one key of the label) and used through session copies where the token allows them.
// When the token goes away the operation reconnects once and finds the keys again, the same public
// keys or none; a failed reconnect is tried again half a second later at the soonest. Every
// signature is verified before it is given out. A PIN that the token refuses is tried once.
// Thread-safe; blocking: a module that hangs hangs its caller.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"
#include "hsm/pkcs11/key_admin.h"

namespace paygate::hsm::pkcs11 {

class Token {
 public:
  // Errors: kTokenUnavailable when the module does not load or no token fits the URI;
  // kInvalidArgument for a URI that names a slot, a PIN or several tokens, or a token that is not
  // safe to use; kPermissionDenied for a PIN file that others can read, or a refused PIN.
  static base::Result<std::unique_ptr<Token>> Open(const TokenLocation& location, size_t sessions);
  virtual ~Token() = default;

  // How many operations the token works at in parallel: as asked, fewer where it has not so many
  // sessions, or one where it fails in parallel.
  virtual size_t sessions() const = 0;
  // Finds, checks and proves the key. kNotFound, or kInvalidArgument with what is to be mended.
  virtual base::Result<KeyInfo> ProvenKey(const std::string& label) = 0;
  // Uses idle sessions, which some tokens drop; kTokenUnavailable when the token is away.
  virtual base::Status KeepAlive() = 0;
  // These keep the token open; they refuse statements that are not of their kind.
  virtual base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) = 0;
  virtual base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) = 0;
};

}  // namespace paygate::hsm::pkcs11
