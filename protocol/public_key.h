// PublicKey: one of the keys protocol.md allows (section 1, rule 4): EC P-256, Ed25519, RSA 2048 to
// 4096 with e = 65537. A value: immutable, cheap to copy, thread-safe. Parsing refuses everything
// else (kUnsupportedAlgorithm for other types and sizes, kMalformed for what is no key, points off
// the curve included).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hsm/decrypter.h"
#include "hsm/signer.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY, by name only

namespace paygate::protocol {

class PublicKey {
 public:
  // JWK members exactly: EC `kty crv x y`, OKP `kty crv x`, RSA `kty n e` (RFC 7517, 7518, 8037).
  static base::Result<PublicKey> FromJwk(std::string_view json);
  static base::Result<PublicKey> FromSpki(std::string_view der);  // SubjectPublicKeyInfo
  // The uncompressed point (0x04 x y, 65 bytes) that a P-256 JWK spells, not yet checked to be on
  // the curve: for an epk, which hsm::Decrypter checks where the private key is.
  static base::Result<std::string> UncheckedP256Point(std::string_view json);

  std::string ToJwk() const;   // members in lexical order (RFC 7638)
  std::string ToSpki() const;

  // The algorithm that the key's type fixes; nullopt where it has none in that role (Ed25519 does
  // not decrypt). P-256 and RSA have both: the certificate decides which one applies.
  std::optional<hsm::SignatureAlgorithm> signature_algorithm() const;
  std::optional<hsm::KeyManagement> key_management() const;

  // kSignatureInvalid, for every cause. `signature` in JOSE form.
  base::Status Verify(std::string_view message, std::string_view signature) const;

  evp_pkey_st* get() const { return key_.get(); }  // for protocol's own .cc files
  friend bool operator==(const PublicKey& a, const PublicKey& b);

 private:
  explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace paygate::protocol
