#include "protocol/jws.h"

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/batch_signature.h"
#include "protocol/internal/compact.h"
#include "protocol/json.h"
#include "protocol/values.h"

// Grammar (RFC 7515 section 7.1):
//   JWS    = b64u(header) "." b64u(payload) "." b64u(signature)     three parts, none empty
//   header = {"alg":A,"typ":T} | {"alg":A,"typ":T,"x5c":[b64(DER), 1 to 4]}
//          | {"alg":A,"typ":T,"x5t#S256":b64u(32)}
//   A      = "ES256" | "PS256" | "EdDSA" | "Ed25519" (read, never written)
// The signature of a batch's message is the proof of batch_signature.cc.
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using hsm::SignatureAlgorithm;

constexpr size_t kMaxCertificateBase64Chars = 8u << 10;

Result<SignatureAlgorithm> ParseAlgorithm(std::string_view name) {
  for (auto a :
       {SignatureAlgorithm::kES256, SignatureAlgorithm::kPS256, SignatureAlgorithm::kEdDSA}) {
    if (name == hsm::JoseName(a)) return a;
  }
  if (name == "Ed25519") return SignatureAlgorithm::kEdDSA;  // RFC 9864
  return Fail(ErrorCode::kUnsupportedAlgorithm, "a JWS is signed with ES256, PS256 or EdDSA");
}

base::Status ReadX5c(const std::vector<std::string>& x5c, std::vector<std::string>& out) {
  if (x5c.empty() || x5c.size() > kMaxX5cCertificates) {
    return Fail(ErrorCode::kMalformed, "x5c holds 1 to 4 certificates");
  }
  for (const std::string& text : x5c) {
    if (text.empty() || text.size() > kMaxCertificateBase64Chars) {
      return Fail(ErrorCode::kMalformed, "an x5c entry is empty or too long");
    }
    ASSIGN_OR_RETURN(std::string der, base::Base64Decode(text));
    out.push_back(std::move(der));
  }
  return {};
}

base::Status ReadHeader(std::string_view header_b64, std::string_view expected_typ,
                        KeyName key_name, JwsForms forms, UnverifiedJws& out) {
  if (header_b64.size() > kMaxJoseHeaderChars) {
    return Fail(ErrorCode::kMalformed, "the JWS header is too long");
  }
  ASSIGN_OR_RETURN(const std::string text, base::Base64UrlDecode(header_b64));
  ASSIGN_OR_RETURN(JsonObject header, JsonObject::Parse(text));
  const std::string alg = header.TakeString("alg");
  out.typ = header.TakeString("typ");
  std::vector<std::string> x5c;
  if (key_name == KeyName::kX5c) x5c = header.TakeStrings("x5c");
  if (key_name == KeyName::kX5t) out.x5t_s256 = header.TakeString("x5t#S256");
  RETURN_IF_ERROR(header.Finish());

  ASSIGN_OR_RETURN(out.algorithm, ParseAlgorithm(alg));
  const bool of_a_batch = !out.typ.empty() && out.typ == BatchTyp(expected_typ);
  out.in_batch = of_a_batch && forms == JwsForms::kSingleOrBatch;
  if (of_a_batch && !out.in_batch) {
    return Fail(ErrorCode::kMalformed, "a batch signature, which was not asked for here");
  }
  if (out.typ != expected_typ && !out.in_batch) {
    return Fail(ErrorCode::kMalformed, "the JWS has another typ than this place accepts");
  }
  if (key_name == KeyName::kX5c) RETURN_IF_ERROR(ReadX5c(x5c, out.x5c));
  if (key_name == KeyName::kX5t && !IsDigest(out.x5t_s256)) {
    return Fail(ErrorCode::kMalformed, "x5t#S256 is no SHA-256 digest");
  }
  return {};
}

Result<std::array<std::string_view, 3>> Split(std::string_view compact) {
  if (compact.size() > kMaxJwsChars) return Fail(ErrorCode::kMalformed, "the JWS is too long");
  const auto parts = SplitCompact<3>(compact);
  if (!parts || std::ranges::any_of(*parts, &std::string_view::empty)) {
    return Fail(ErrorCode::kMalformed, "a JWS has three parts, none of them empty");
  }
  return *parts;
}

}  // namespace

std::string UnverifiedJws::Digest() const { return base::Sha256Base64Url(signing_input); }

std::string UnverifiedJws::Compact() const { return JoinJws(signing_input, signature); }

Result<UnverifiedJws> ParseJws(std::string_view compact, std::string_view expected_typ,
                               KeyName key_name, JwsForms forms) {
  ASSIGN_OR_RETURN(const auto parts, Split(compact));
  UnverifiedJws jws;
  RETURN_IF_ERROR(ReadHeader(parts[0], expected_typ, key_name, forms, jws));
  ASSIGN_OR_RETURN(jws.payload, base::Base64UrlDecode(parts[1]));
  ASSIGN_OR_RETURN(jws.signature, base::Base64UrlDecode(parts[2]));
  if (jws.in_batch) RETURN_IF_ERROR(BatchProof::Parse(jws.signature));
  jws.signing_input = compact.substr(0, parts[0].size() + 1 + parts[1].size());
  return jws;
}

Result<std::string> DigestOfCompact(std::string_view compact) {
  ASSIGN_OR_RETURN(const auto parts, Split(compact));
  return base::Sha256Base64Url(compact.substr(0, parts[0].size() + 1 + parts[1].size()));
}

Result<VerifiedJws> VerifyJws(UnverifiedJws jws, const PublicKey& key) {
  if (key.signature_algorithm() != jws.algorithm) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "the JWS names another alg than its key has");
  }
  RETURN_IF_ERROR(jws.in_batch ? VerifyInBatch(jws.signing_input, jws.signature, key)
                               : key.Verify(jws.signing_input, jws.signature));
  return VerifiedJws(std::move(jws));
}

std::string JwsSigningInput(SignatureAlgorithm algorithm, std::string_view typ,
                            const JwsKeyReference& key, std::string_view payload) {
  JsonWriter header;
  header.String("alg", hsm::JoseName(algorithm)).String("typ", typ);
  if (key.name == KeyName::kX5c) {
    std::vector<std::string> x5c;
    for (const std::string& der : key.x5c) x5c.push_back(base::Base64Encode(der));
    header.Strings("x5c", x5c);
  }
  if (key.name == KeyName::kX5t) header.String("x5t#S256", key.x5t_s256);
  return base::Base64UrlEncode(header.Take()) + "." + base::Base64UrlEncode(payload);
}

std::string JoinJws(std::string_view signing_input, std::string_view signature) {
  return std::string(signing_input) + "." + base::Base64UrlEncode(signature);
}

Result<std::string> SignJws(hsm::Signer& signer, std::string_view typ, const JwsKeyReference& key,
                            std::string_view payload) {
  const std::string input = JwsSigningInput(signer.algorithm(), typ, key, payload);
  ASSIGN_OR_RETURN(const std::string signature, signer.Sign({hsm::StatementKind::kJws, input}));
  return JoinJws(input, signature);
}

}  // namespace paygate::protocol
