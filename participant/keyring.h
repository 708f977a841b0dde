// Keyring: a participant's two private keys, one to sign and one to decrypt.
//
// Both are made before they are used and are durable before they are certified: PKCS#8 encrypted
// with a passphrase (scrypt, AES-256), files of mode 0600. Nothing is ever overwritten. The
// passphrase is not kept. A renewal brings a pair of its own: generation 0 is the registration's.
// Thread-safe once open.
#pragma once

#include <memory>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"
#include "participant/disk.h"
#include "protocol/public_key.h"
#include "protocol/software_key.h"

namespace paygate::participant {

constexpr size_t kMinPassphraseBytes = 8;

struct KeyTypes {
  hsm::KeyType signature = hsm::KeyType::kP256;
  hsm::KeyType encryption = hsm::KeyType::kP256;
};

class Keyring {
 public:
  // Makes what is missing; a crash between the two keys is mended by calling again.
  // kInvalidArgument: passphrase too short. kPermissionDenied: not the passphrase of what is there.
  static base::Result<std::unique_ptr<Keyring>> OpenOrCreate(Disk& disk,
                                                             const base::SecretBytes& passphrase,
                                                             KeyTypes types = {},
                                                             uint32_t generation = 0);
  // kNotFound: there are no keys yet. kPermissionDenied: wrong passphrase.
  static base::Result<std::unique_ptr<Keyring>> Open(Disk& disk,
                                                     const base::SecretBytes& passphrase,
                                                     uint32_t generation = 0);
  // The decryption key alone, of a generation that signs no more.
  static base::Result<std::unique_ptr<hsm::Decrypter>> OpenDecrypter(
      Disk& disk, const base::SecretBytes& passphrase, uint32_t generation);
  // Both files of the generation are there.
  static base::Result<bool> Exists(Disk& disk, uint32_t generation);

  hsm::Signer& signer() const { return *signer_; }
  hsm::Decrypter& decrypter() const { return *decrypter_; }
  std::unique_ptr<hsm::Decrypter> TakeDecrypter() && { return std::move(decrypter_); }
  const protocol::PublicKey& signature_key() const { return signature_key_; }
  const protocol::PublicKey& encryption_key() const { return encryption_key_; }

 private:
  static base::Result<std::unique_ptr<Keyring>> FromKeys(const protocol::SoftwareKey& signature,
                                                         const protocol::SoftwareKey& encryption);
  Keyring(std::unique_ptr<hsm::Signer> signer, std::unique_ptr<hsm::Decrypter> decrypter,
          protocol::PublicKey signature_key, protocol::PublicKey encryption_key);
  std::unique_ptr<hsm::Signer> signer_;
  std::unique_ptr<hsm::Decrypter> decrypter_;
  protocol::PublicKey signature_key_, encryption_key_;
};

}  // namespace paygate::participant
