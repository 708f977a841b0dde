// SoftwareKey: a private key in this process's memory, for a participant's wallet (which keeps it
// in a passphrase-protected PKCS#8 file) and for tests. The gateway's own keys never are of this
// kind.
//
// It has one usage: a key made to sign does not decrypt. Its memory is OpenSSL's: cleansed when
// freed, not locked. A value: immutable, cheap to copy, thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"
#include "protocol/public_key.h"

namespace paygate::protocol {

class SoftwareKey {
 public:
  // kInvalidArgument: Ed25519 with kDecrypt.
  static base::Result<SoftwareKey> Generate(hsm::KeyType type, hsm::KeyUsage usage);
  // "-----BEGIN ENCRYPTED PRIVATE KEY-----" (PBES2). kPermissionDenied: wrong passphrase.
  static base::Result<SoftwareKey> FromPkcs8(std::string_view pem,
                                             const base::SecretBytes& passphrase,
                                             hsm::KeyUsage usage);
  // "-----BEGIN PRIVATE KEY-----", which nothing protects but its file's mode: for a bank that
  // judges evidence, not for a wallet.
  static base::Result<SoftwareKey> FromPlainPkcs8(const base::SecretBytes& pem,
                                                  hsm::KeyUsage usage);

  // PKCS#8, PBES2 with scrypt (N = 2^14, r = 8, p = 5) and AES-256-CBC, PEM.
  base::Result<std::string> ToPkcs8(const base::SecretBytes& passphrase) const;

  const PublicKey& public_key() const { return public_key_; }
  hsm::KeyUsage usage() const { return usage_; }

  // kInvalidArgument if the key's usage is the other one. They live on when this object is gone.
  base::Result<std::unique_ptr<hsm::Signer>> AsSigner() const;
  base::Result<std::unique_ptr<hsm::Decrypter>> AsDecrypter() const;

 private:
  SoftwareKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key, hsm::KeyUsage usage)
      : key_(std::move(key)), public_key_(std::move(public_key)), usage_(usage) {}
  static base::Result<SoftwareKey> Wrap(std::shared_ptr<evp_pkey_st> key, hsm::KeyUsage usage);

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_;
  hsm::KeyUsage usage_;
};

}  // namespace paygate::protocol
