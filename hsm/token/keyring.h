// Keyring: the keys of a token process and what each may be asked for. This is the whole of what
// the engine can have done with a key: a table of {request kind, allowed key usage, handler}.
// Thread-safe after Open.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"
#include "hsm/pkcs11/token.h"
#include "hsm/signer.h"
#include "hsm/token/health.h"
#include "hsm/token/wire.h"

namespace paygate::hsm::token {

// What the configuration says of one key: "LABEL:jws", "LABEL:certificate,crl", "LABEL:decrypt".
struct KeyGrant {
  std::string label;
  KeyUsage usage;
  std::vector<StatementKind> statements;  // kSign only

  static base::Result<KeyGrant> Parse(const std::string& text);
};

class Keyring {
 public:
  // Finds, checks and proves every key, each within the deadline. The error says what is to be
  // mended. Borrows `health`, which judges the token from then on.
  static base::Result<std::unique_ptr<Keyring>> Open(pkcs11::Token& token,
                                                     const std::vector<KeyGrant>& grants,
                                                     Health& health,
                                                     std::chrono::milliseconds deadline);

  const std::vector<KeyInfo>& keys() const { return keys_; }
  // kKeys, kSign and kUnwrap. kTokenUnavailable while the token is away; kNotFound for a key that
  // is not granted, kInvalidArgument for a request that the key is not for or bytes that are not of
  // the kind.
  Outcome Handle(const Operation& operation) const;

 private:
  struct Entry {
    KeyGrant grant;
    std::unique_ptr<Signer> signer;        // usage kSign
    std::unique_ptr<Decrypter> decrypter;  // usage kDecrypt
  };
  struct Handler;
  explicit Keyring(Health& health) : health_(health) {}
  Outcome Do(const Operation& operation) const;
  static Outcome Sign(const Entry& entry, const Operation& operation);
  static Outcome Unwrap(const Entry& entry, const Operation& operation);

  Health& health_;
  std::vector<KeyInfo> keys_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace paygate::hsm::token
