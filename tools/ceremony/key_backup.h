// The backup of one key: the key wrapped in a file, the wrapping key in shares, each encrypted to a
// custodian's passphrase. docs/formats/key-backup.md. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/key_admin.h"
#include "tools/ceremony/shamir.h"

namespace paygate::tools::ceremony {

constexpr size_t kSealedShareOctets = 88;

struct CommittedShare {
  int number = 0;
  std::string custodian;
  std::string commitment;  // SHA-256 over backup ID, number and value, base64url
};

struct KeyBackup {
  hsm::KeyInfo key;
  std::string id;  // 8 random octets, which every share has too
  int threshold = 0;
  std::string wrapped;     // by AES-256 KWP (NIST SP 800-38F)
  std::string commitment;  // to the wrapping key
  std::vector<CommittedShare> shares;
};

std::string PrintKeyBackup(const KeyBackup& backup);              // JSON
base::Result<KeyBackup> ParseKeyBackup(std::string_view json);  // kMalformed; bytes from outside

struct SplitBackup {
  KeyBackup backup;  // without `wrapped`
  base::SecretBytes wrapping_key;
  std::vector<Share> shares;
};
// A fresh wrapping key in as many shares as there are custodians.
base::Result<SplitBackup> SplitForBackup(const hsm::KeyInfo& key, int threshold,
                                         const std::vector<std::string>& custodians);

// A share, encrypted to a passphrase: scrypt (RFC 7914, N = 2^16, r = 8, p = 1), AES-256-GCM.
base::Result<std::string> SealShare(const KeyBackup& backup, const Share& share,
                                    const base::SecretBytes& passphrase);
// The share again, if it belongs to this backup, the passphrase is right and the commitment holds.
// Errors name the share and its custodian: kMalformed, kInvalidArgument (of another backup),
// kPermissionDenied (passphrase), kSignatureInvalid (commitment).
base::Result<Share> OpenShare(const KeyBackup& backup, std::string_view sealed,
                              const base::SecretBytes& passphrase);
// "share 2, Ada", by what is outside the encryption; kMalformed or kInvalidArgument as OpenShare.
base::Result<std::string> NameOfShare(const KeyBackup& backup, std::string_view sealed);

// The wrapping key, from the first `threshold` of these. kInvalidArgument: too few, or one twice;
// kSignatureInvalid: not the key that the backup commits to.
base::Result<base::SecretBytes> RecoverWrappingKey(const KeyBackup& backup,
                                                   const std::vector<Share>& shares);

}  // namespace paygate::tools::ceremony
