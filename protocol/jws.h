// JWS compact serialisation (RFC 7515) as protocol.md uses it: s_X(M), a signature from which the
// message is recovered.
//
// A receiver names the one `typ` it accepts and how the key must be named. ParseJws checks the form
// and the header (members exactly `alg typ` and, as named, `x5c` or `x5t#S256`; strict JSON; strict
// base64url) but no signature: what it returns is called unverified. Only Verify makes a
// VerifiedJws. Pure; thread-safe.
//
// A reader that has asked for batch signatures (protocol/batch_signature.h) says so with
// JwsForms::kSingleOrBatch and then has either form verified alike; for all others a message of
// that form is one of another typ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/public_key.h"

namespace paygate::protocol {

// How a JWS names its key (protocol.md, section 1, rule 7).
enum class KeyName : uint8_t {
  kNone,   // the key is in the payload (registration), or known from the context (renewal proof)
  kX5c,    // x5c = [the participant's signature certificate], or a chain for the gateway document
  kX5t,    // x5t#S256 of the gateway's signature certificate
};

// The signature forms that a reader takes.
enum class JwsForms : uint8_t {
  kSingle,         // typ …+jws: the key signed this message alone
  kSingleOrBatch,  // or …+mjws: it signed a batch in which the message is
};

class UnverifiedJws {
 public:
  hsm::SignatureAlgorithm algorithm = hsm::SignatureAlgorithm::kES256;
  std::string typ;               // as the header has it
  bool in_batch = false;         // the signature is that of a batch, with the path to it
  std::vector<std::string> x5c;  // DER, leaf first
  std::string x5t_s256;          // base64url, 43 characters
  std::string payload;           // decoded; not to be believed yet
  std::string signing_input;     // ASCII(header.payload)
  std::string signature;         // decoded

  // base64url(SHA-256(signing input)): the identity of this message (protocol.md rule 8).
  std::string Digest() const;
  std::string Compact() const;
};

// A JWS whose signature has been verified under a key that the verifier named.
class VerifiedJws {
 public:
  const std::string& typ() const { return jws_.typ; }
  const std::string& payload() const { return jws_.payload; }
  std::string Digest() const { return jws_.Digest(); }
  std::string Compact() const { return jws_.Compact(); }
  const UnverifiedJws& parsed() const { return jws_; }

 private:
  friend base::Result<VerifiedJws> VerifyJws(UnverifiedJws jws, const PublicKey& key);
  explicit VerifiedJws(UnverifiedJws jws) : jws_(std::move(jws)) {}
  UnverifiedJws jws_;
};

constexpr size_t kMaxX5cCertificates = 4;

base::Result<UnverifiedJws> ParseJws(std::string_view compact, std::string_view expected_typ,
                                     KeyName key_name, JwsForms forms = JwsForms::kSingle);
// The digest of a compact JWS without parsing it further; kMalformed if it has not three parts.
base::Result<std::string> DigestOfCompact(std::string_view compact);
// kUnsupportedAlgorithm if the header's alg is not the key's; kSignatureInvalid otherwise.
base::Result<VerifiedJws> VerifyJws(UnverifiedJws jws, const PublicKey& key);

struct JwsKeyReference {
  KeyName name = KeyName::kNone;
  std::vector<std::string> x5c;  // with kX5c: DER, leaf first
  std::string x5t_s256;          // with kX5t
};

// The signing input; then hsm::Signer signs it (kJws); then both are joined. In one step: SignJws.
std::string JwsSigningInput(hsm::SignatureAlgorithm algorithm, std::string_view typ,
                            const JwsKeyReference& key, std::string_view payload);
std::string JoinJws(std::string_view signing_input, std::string_view signature);
base::Result<std::string> SignJws(hsm::Signer& signer, std::string_view typ,
                                  const JwsKeyReference& key, std::string_view payload);

}  // namespace paygate::protocol
