// Roster: the participants of a load test, prepared ahead and kept in one directory.
//
// DIRECTORY/participants.jsonl (0600) holds keys, certificates and account numbers: one JSON object
// a line, appended; lines of one IBAN add up. Grammar:
//   made       = {"iban","currency","code","type","signature_key","encryption_key","binding"}
//   sent       = {"iban","registration"}   before it is sent for the first time, so that a lost
//                                           answer is asked for again and costs nobody a code
//   registered = {"iban","id","gateway_id","signature_certificate","encryption_certificate"}
// Keys are PKCS#8 PEM under the random passphrase in DIRECTORY/passphrase (0600), which stands
// beside them: they are for tests, and as secret as the directory. Files are durable on Sync().
// Thread-safe but for Open.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"
#include "tools/load/customers.h"

namespace paygate::load {

struct Participant {
  CustomerRow customer;
  hsm::KeyType type = hsm::KeyType::kP256;  // of the signature key
  std::string binding;                      // the disclosure that opens accountBinding
  std::string registration;                 // {"registration":JWS}, once it was sent
  std::string id, gateway_id;               // empty: not registered yet
  std::string signature_certificate, encryption_certificate;  // DER
  std::string encryption_x5t;
  std::string signature_pem, encryption_pem, signature_jwk, encryption_jwk;
  std::shared_ptr<hsm::Signer> signer;
  std::shared_ptr<hsm::Decrypter> decrypter;
  bool registered() const { return !id.empty(); }
};

class Roster {
 public:
  // Makes the directory (0700) if it is missing and `make`; otherwise kInvalidArgument.
  // kPermissionDenied: others can read the files.
  static base::Result<std::unique_ptr<Roster>> Open(const std::string& directory, bool make = true);
  ~Roster();

  const std::vector<std::unique_ptr<Participant>>& participants() const { return participants_; }
  bool Has(const std::string& iban) const;
  // Makes keys for a customer. Ed25519 signs; P-256 then decrypts.
  base::Result<Participant*> Make(const CustomerRow& customer, hsm::KeyType type);
  base::Status Sent(Participant& participant, std::string registration);
  base::Status Registered(Participant& participant);  // its id and certificates are set
  base::Status Sync();

 private:
  Roster(int fd, base::SecretBytes passphrase) : fd_(fd), passphrase_(std::move(passphrase)) {}
  base::Status Read(const std::string& text);
  base::Status OpenKeys(Participant& participant);
  base::Status Append(const std::string& line) EXCLUDES(mutex_);
  Participant& Of(const std::string& iban);

  const int fd_;
  const base::SecretBytes passphrase_;
  base::Mutex mutex_;  // one line is written at a time
  std::vector<std::unique_ptr<Participant>> participants_;
  std::unordered_map<std::string, Participant*> by_iban_;
};

// "ES256", "EdDSA", "PS256": by the signature that its keys make. kInvalidArgument otherwise.
base::Result<hsm::KeyType> KeyTypeOfAlgorithm(std::string_view name);

}  // namespace paygate::load
