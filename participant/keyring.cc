// keys/signature.pem, keys/encryption.pem, and keys/signature-N.pem, keys/encryption-N.pem of the
// Nth renewal: one "ENCRYPTED PRIVATE KEY" each (RFC 5958, PBES2).
#include "participant/keyring.h"

#include "protocol/software_key.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::SoftwareKey;

std::string FileOf(const char* what, uint32_t generation) {
  const std::string number = generation == 0 ? "" : "-" + std::to_string(generation);
  return std::string("keys/") + what + number + ".pem";
}
std::string SignatureFile(uint32_t generation) { return FileOf("signature", generation); }
std::string EncryptionFile(uint32_t generation) { return FileOf("encryption", generation); }

base::Result<SoftwareKey> OpenKey(Disk& disk, const std::string& name, hsm::KeyUsage usage,
                                  const base::SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(auto pem, disk.Read(name));
  if (!pem) return Fail(ErrorCode::kNotFound, "there are no keys here yet: register first");
  auto key = SoftwareKey::FromPkcs8(*pem, passphrase, usage);
  if (!key && key.error().code == ErrorCode::kPermissionDenied) {
    return Fail(ErrorCode::kPermissionDenied, "the passphrase does not open the keys; try again");
  }
  return key;
}

base::Result<SoftwareKey> OpenOrMakeKey(Disk& disk, const std::string& name, hsm::KeyType type,
                                        hsm::KeyUsage usage, const base::SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(auto present, disk.Read(name));
  if (present) return OpenKey(disk, name, usage, passphrase);
  ASSIGN_OR_RETURN(auto key, SoftwareKey::Generate(type, usage));
  ASSIGN_OR_RETURN(std::string pem, key.ToPkcs8(passphrase));
  RETURN_IF_ERROR(disk.Create(name, pem));
  return key;
}

}  // namespace

Keyring::Keyring(std::unique_ptr<hsm::Signer> signer, std::unique_ptr<hsm::Decrypter> decrypter,
                 protocol::PublicKey signature_key, protocol::PublicKey encryption_key)
    : signer_(std::move(signer)),
      decrypter_(std::move(decrypter)),
      signature_key_(std::move(signature_key)),
      encryption_key_(std::move(encryption_key)) {}

base::Result<std::unique_ptr<Keyring>> Keyring::OpenOrCreate(Disk& disk,
                                                             const base::SecretBytes& passphrase,
                                                             KeyTypes types,
                                                             uint32_t generation) {
  if (passphrase.size() < kMinPassphraseBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the passphrase needs at least 8 characters");
  }
  // The first key is opened before the second is made, so that both have one passphrase.
  ASSIGN_OR_RETURN(auto signature, OpenOrMakeKey(disk, SignatureFile(generation), types.signature,
                                                 hsm::KeyUsage::kSign, passphrase));
  ASSIGN_OR_RETURN(auto encryption,
                   OpenOrMakeKey(disk, EncryptionFile(generation), types.encryption,
                                 hsm::KeyUsage::kDecrypt, passphrase));
  return FromKeys(signature, encryption);
}

base::Result<std::unique_ptr<Keyring>> Keyring::Open(Disk& disk,
                                                     const base::SecretBytes& passphrase,
                                                     uint32_t generation) {
  ASSIGN_OR_RETURN(auto signature, OpenKey(disk, SignatureFile(generation), hsm::KeyUsage::kSign,
                                           passphrase));
  ASSIGN_OR_RETURN(auto encryption, OpenKey(disk, EncryptionFile(generation),
                                            hsm::KeyUsage::kDecrypt, passphrase));
  return FromKeys(signature, encryption);
}

base::Result<std::unique_ptr<hsm::Decrypter>> Keyring::OpenDecrypter(
    Disk& disk, const base::SecretBytes& passphrase, uint32_t generation) {
  ASSIGN_OR_RETURN(auto key, OpenKey(disk, EncryptionFile(generation), hsm::KeyUsage::kDecrypt,
                                     passphrase));
  return key.AsDecrypter();
}

base::Result<bool> Keyring::Exists(Disk& disk, uint32_t generation) {
  ASSIGN_OR_RETURN(const auto signature, disk.Read(SignatureFile(generation)));
  ASSIGN_OR_RETURN(const auto encryption, disk.Read(EncryptionFile(generation)));
  return signature && encryption;
}

base::Result<std::unique_ptr<Keyring>> Keyring::FromKeys(const SoftwareKey& signature,
                                                         const SoftwareKey& encryption) {
  ASSIGN_OR_RETURN(auto signer, signature.AsSigner());
  ASSIGN_OR_RETURN(auto decrypter, encryption.AsDecrypter());
  return std::unique_ptr<Keyring>(new Keyring(std::move(signer), std::move(decrypter),
                                              signature.public_key(), encryption.public_key()));
}

}  // namespace paygate::participant
