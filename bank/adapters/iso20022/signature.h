// Signature: the detached signature that travels in the HTTP header Message-Signature, over the
// exact bytes of the body, in both directions.
//
//   Message-Signature: ecdsa-p256-sha256 KEYID SIGNATURE
//
// KEYID is the base64url SHA-256 of the key's SubjectPublicKeyInfo, SIGNATURE the base64url of the
// DER ECDSA-Sig-Value (FIPS 186-4, P-256, SHA-256). Immutable and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::bank::iso20022 {

constexpr const char* kSignatureHeader = "Message-Signature";

class SigningKey {
 public:
  // A PEM private key, P-256, in a file that only its owner reads.
  static base::Result<SigningKey> Load(const std::string& path);
  std::string Sign(std::string_view bytes) const;  // the header's value

 private:
  std::shared_ptr<void> key_;
  std::string id_;
};

class VerifyingKey {
 public:
  // A PEM public key, or a certificate, whose key is taken (its dates and issuer are not looked
  // at: the configuration says that it is the bank's).
  static base::Result<VerifyingKey> Load(const std::string& path);
  bool Verify(std::string_view header, std::string_view bytes) const;

 private:
  std::shared_ptr<void> key_;
  std::string id_;
};

}  // namespace paygate::bank::iso20022
