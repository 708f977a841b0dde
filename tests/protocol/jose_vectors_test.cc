// Runs shared/vectors/jose-negative.json: 189 signed and encrypted messages, nearly all of them
// wrong in one way each. A case counts only if it is refused for the reason it was made for: the
// table below names, for each, the place that must refuse it.
//
// The file's profile differs from protocol.md in three ways, and the test says so in place:
// its JWE headers carry `typ` and `cty`, so they go through the parser with that policy; it has
// valid JWEs with apu/apv and with RSA-OAEP (SHA-1), both of which we refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/encoding.h"
#include "protocol/internal/jwe_header.h"
#include "protocol/internal/openssl.h"
#include "protocol/json.h"
#include "protocol/jws.h"
#include "tests/doubles/places.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using nlohmann::json;

constexpr char kJwsTyp[] = "pg-test+jws", kJweTyp[] = "pg-test+jwe";

std::string VectorFile() {
  return doubles::SharedFile("vectors/jose-negative.json");
}

using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

// The file's private JWK as one of our keys, by way of a PKCS#8 file.
SoftwareKey ImportKey(const json& jwk, hsm::KeyUsage usage) {
  const auto bytes = [&](const char* member) {
    return base::Base64UrlDecode(jwk.at(member).get<std::string>()).value();
  };
  std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  std::vector<BignumPtr> numbers;
  const auto push = [&](const char* name, const char* member) {
    const std::string b = bytes(member);
    numbers.emplace_back(BN_bin2bn(Bytes(std::string_view(b)), b.size(), nullptr));
    OSSL_PARAM_BLD_push_BN(build.get(), name, numbers.back().get());
  };
  std::string point;
  const bool ec = jwk.at("kty") == "EC";
  if (ec) {
    point = "\x04" + bytes("x") + bytes("y");
    OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    push(OSSL_PKEY_PARAM_PRIV_KEY, "d");
  } else {
    push(OSSL_PKEY_PARAM_RSA_N, "n");
    push(OSSL_PKEY_PARAM_RSA_E, "e");
    push(OSSL_PKEY_PARAM_RSA_D, "d");
    push(OSSL_PKEY_PARAM_RSA_FACTOR1, "p");
    push(OSSL_PKEY_PARAM_RSA_FACTOR2, "q");
    push(OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp");
    push(OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq");
    push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi");
  }
  std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>> params(
      OSSL_PARAM_BLD_to_param(build.get()));
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, ec ? "EC" : "RSA", nullptr));
  EVP_PKEY* raw = nullptr;
  EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, params.get()), 1);
  KeyPtr key(raw);
  BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), "vector", 6,
                                          nullptr, nullptr),
            1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return SoftwareKey::FromPkcs8({text, static_cast<size_t>(length)},
                                base::SecretBytes::CopyOf("vector"), usage)
      .value();
}

PublicKey ImportPublicKey(json jwk) {
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi"}) jwk.erase(secret);
  return PublicKey::FromJwk(jwk.dump()).value();
}

// "valid", or which step refused, and why: "parse malformed: …".
using Outcome = std::string;
Outcome Refused(const char* step, const base::Error& error) {
  return std::string(step) + " " + error.ToString();
}

// Valid in the file's profile, refused in ours: apu/apv (protocol.md, rule 5) and SHA-1 (rule 4).
const std::set<std::string> kStricterThanTheFile = {"ok-ecdh-es-apu-apv", "ok-rsa-oaep"};

struct Expectation {
  const char* kind;
  const char* outcome;  // how it starts
  const char* ids;
};
constexpr Expectation kExpectations[] = {
    {"jws", "valid", "ok-es256 ok-ps256 ok-eddsa es256-sig-malleated price-2^53+1"},
    {"jws", "parse malformed: a JWS has three parts, none of them empty",
     "alg-none alg-None alg-NONE alg-nOnE es256-sig-empty shape-two-parts shape-four-parts "
     "shape-five-parts shape-lead-dot shape-trail-dot shape-empty shape-dots "
     "shape-empty-header shape-json-flattened shape-json-general shape-jwe-like "
     "payload-empty jwe-instead"},
    {"jws", "parse unsupported-algorithm: a JWS is signed with ES256, PS256 or EdDSA",
     "alg-none-keep-sig alg-case hs256-confusion-pem hs256-confusion-der "
     "hs256-confusion-point hs256-confusion-jwk rs256-for-ps256 es384-header es256k-header"},
    {"jws", "parse malformed: JSON:",
     "alg-missing alg-array jwk-embedded jwk-embedded-good jku-present x5u-present "
     "x5c-string kid-traversal kid-nul crit-unknown crit-empty crit-string crit-alg "
     "crit-absent crit-dup b64-false-crit b64-false-nocrit zip-in-jws dup-alg-1 dup-alg-2 "
     "dup-typ dup-alg-escaped typ-missing typ-number header-array header-string "
     "header-null header-trailing header-two-objects header-bom header-bad-utf8 "
     "header-surrogate header-nul header-comment header-single-quote header-deep "
     "header-trailing-comma"},
    {"jws", "verify signature-invalid: the signature does not verify",
     "ps256-header-rs256-sig ps256-salt0 ps256-salt-max ps256-mgf-sha1 attacker-key "
     "x5c-leaf-mismatch es256-sig-r0s0 es256-sig-r0 es256-sig-s0 es256-sig-r-n "
     "es256-sig-s-n es256-sig-r1s1 es256-sig-flip eddsa-s-plus-L"},
    {"jws", "verify unsupported-algorithm: the JWS names another alg than its key has",
     "es256-header-eddsa-key"},
    {"jws", "chain certificate-invalid: basicConstraints must be critical and say CA:FALSE",
     "x5c-selfsigned-attacker"},
    {"jws", "parse malformed: not canonical base64 with padding", "x5c-base64url"},
    {"jws", "parse malformed: x5c holds 1 to 4 certificates", "x5c-empty"},
    {"jws", "parse malformed: the JWS header is too long", "x5c-200"},
    {"jws", "payload malformed: JSON:",
     "dup-price dup-price-escaped price-float price-exp price-string price-u64max+1 "
     "price-i64max+1 price-huge price-leading0 price-plus price-hex price-nan price-null "
     "price-true price-array payload-unknown-member payload-missing payload-trailing "
     "payload-array payload-bad-utf8"},
    {"jws", "parse malformed: the JWS has another typ than this place accepts",
     "typ-other typ-JWT"},
    {"jws", "verify signature-invalid: an ES256 signature has 64 octets",
     "es256-sig-der es256-sig-63 es256-sig-65 es256-sig-leading0"},
    {"jws", "parse malformed: not canonical base64url without padding",
     "b64-padding b64-space b64-newline b64-std-alphabet b64-unused-bits b64-mod1 "
     "b64-questionmark"},
    {"jws", "parse malformed: the JWS is too long", "header-big"},
    {"jws", "payload price is not positive", "price-neg price-negzero price-zero"},
    {"jwe", "valid", "ok-ecdh-es ok-rsa-oaep-256"},
    {"jwe", "parse malformed: JSON:",
     "ok-ecdh-es-apu-apv epk-private epk-string alg-pbes2-p2c zip-def zip-bomb enc-missing "
     "apu-changed crit-unknown typ-missing cty-missing dup-alg dup-epk jwk-header "
     "jku-header"},
    // Looked at where the private key is, which must not be asked about any other point.
    {"jwe", "open decryption-failed: the JWE does not decrypt",
     "epk-off-curve epk-zero epk-x-ge-p"},
    {"jwe", "parse malformed: a P-256 coordinate has 32 octets", "epk-short epk-long"},
    {"jwe", "parse unsupported-algorithm: an EC key is on P-256", "epk-p384"},
    {"jwe", "parse malformed: not an EC key", "epk-x25519"},
    {"jwe", "parse malformed: an epk belongs to ECDH-ES, and to no other alg", "epk-missing"},
    {"jwe", "parse malformed: ECDH-ES leaves the encrypted key empty", "encrypted-key-nonempty"},
    {"jwe", "parse malformed: an A256GCM iv has 12 octets", "iv-0 iv-8 iv-11 iv-13 iv-16"},
    {"jwe", "parse malformed: an A256GCM tag has 16 octets",
     "tag-0 tag-4 tag-8 tag-12 tag-15 tag-17"},
    {"jwe", "open decryption-failed: the JWE does not decrypt",
     "tag-flip ct-flip oaep-sha1-under-256 oaep-label oaep-cek16 oaep-cek33 oaep-zero "
     "oaep-ge-n"},
    {"jwe", "parse unsupported-algorithm: a JWE's alg is ECDH-ES or RSA-OAEP-256",
     "alg-dir alg-a256kw alg-rsa1_5 ok-rsa-oaep alg-swap-oaep-header"},
    {"jwe", "parse malformed: the encrypted key has no RSA key's length", "oaep-255"},
    {"jwe", "parse unsupported-algorithm: a JWE's enc is A256GCM", "enc-a128cbc enc-a128gcm"},
    {"jwe", "parse malformed: the JWE is of another type", "typ-other"},
    {"jwe", "inner parse malformed: a JWS has three parts, none of them empty",
     "inner-not-jws inner-jwe"},
    {"jwe", "inner verify signature-invalid: the signature does not verify", "inner-bad-sig"},
    {"jwe", "inner parse malformed: the JWS has another typ than this place accepts",
     "inner-other-typ"},
    {"jwe", "parse malformed: a JWE has five parts",
     "four-parts six-parts jws-instead json-serialisation json-unprotected"},
    {"jwe", "parse malformed: the ciphertext is empty", "empty-ct"},
};

std::map<std::string, std::string> ExpectedOutcomes() {
  std::map<std::string, std::string> all;
  for (const Expectation& e : kExpectations) {
    std::istringstream ids(e.ids);
    for (std::string id; ids >> id;) all[std::string(e.kind) + " " + id] = e.outcome;
  }
  return all;
}

class JoseVectors : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::ifstream in(VectorFile());
    if (in) file_ = new json(json::parse(in));
  }
  static void TearDownTestSuite() { delete std::exchange(file_, nullptr); }
  void SetUp() override {
    if (file_) return;
    std::cout << "SKIP: no " << VectorFile() << " (set PAYGATE_SHARED)\n";
    GTEST_SKIP() << "the shared vectors are not here";
  }

  const json& keys() const { return file_->at("keys"); }

  // The file's message type: {"price": integer > 0, "nonce": string} and nothing else.
  Outcome Payload(const std::string& payload) {
    auto object = JsonObject::Parse(payload);
    if (!object) return Refused("payload", object.error());
    const int64_t price = object->TakeInteger("price");
    object->TakeString("nonce");
    if (auto status = object->Finish(); !status) return Refused("payload", status.error());
    if (price <= 0) return "payload price is not positive";
    return "valid";
  }

  Outcome Jws(const std::string& id, const std::string& token, const std::string& verifier) {
    const KeyName name = id.starts_with("x5c") ? KeyName::kX5c : KeyName::kNone;
    auto jws = ParseJws(token, kJwsTyp, name);
    if (!jws) return Refused("parse", jws.error());
    PublicKey key = ImportPublicKey(keys().at(verifier));
    std::optional<Certificate> signer;
    if (name == KeyName::kX5c) {
      auto certificate = Certificate::Parse(jws->x5c.front());
      if (!certificate) return Refused("certificate", certificate.error());
      signer = *certificate;
      key = signer->key();
    }
    auto verified = VerifyJws(*jws, key);
    if (!verified) return Refused("verify", verified.error());
    if (signer) {
      const TestPki pki;
      auto status = pki.Checker().Check(*signer, Role::kParticipantSignature, kTestNow);
      if (!status) return Refused("chain", status.error());
    }
    return Payload(verified->payload());
  }

  Outcome Jwe(const std::string& token, const std::string& verifier) {
    auto jwe = ParseJweUnder({kJweTyp, kJwsTyp}, token);
    if (!jwe) return Refused("parse", jwe.error());
    if (!decrypters_.contains(verifier)) {
      decrypters_[verifier] =
          ImportKey(keys().at(verifier), hsm::KeyUsage::kDecrypt).AsDecrypter().value();
    }
    auto plain = OpenJwe(*jwe, *decrypters_[verifier]);
    if (!plain) return Refused("open", plain.error());
    Outcome inner = Jws("inner", *plain, "ES256");
    return inner == "valid" ? inner : "inner " + inner;
  }

  static json* file_;
  std::map<std::string, std::unique_ptr<hsm::Decrypter>> decrypters_;
};
json* JoseVectors::file_ = nullptr;

TEST_F(JoseVectors, EveryMessageIsAcceptedOrRefusedForItsOwnReason) {
  const auto expected = ExpectedOutcomes();
  size_t cases = 0;
  for (const json& c : file_->at("cases")) {
    const std::string kind = c.at("kind"), id = c.at("id"), token = c.at("token");
    const Outcome outcome =
        kind == "jws" ? Jws(id, token, c.at("verifier")) : Jwe(token, c.at("verifier"));
    const auto found = expected.find(kind + " " + id);
    ASSERT_NE(found, expected.end()) << kind << " " << id << " is new: say what must refuse it";
    EXPECT_THAT(outcome, ::testing::StartsWith(found->second)) << kind << " " << id;
    const std::string result = c.at("result");
    if (!kStricterThanTheFile.contains(id) && result != "either") {
      EXPECT_EQ(outcome == "valid", result == "valid") << kind << " " << id;
    }
    ++cases;
  }
  EXPECT_EQ(cases, expected.size());
}

// The same messages under the production parser: a JWE has no typ.
TEST_F(JoseVectors, NoJweOfTheFileIsAcceptedUnderTheWireProtocolBecauseOfItsTyp) {
  for (const json& c : file_->at("cases")) {
    if (c.at("kind") != "jwe") continue;
    EXPECT_FALSE(ParseJwe(c.at("token").get<std::string>()).has_value());
  }
}

TEST_F(JoseVectors, AMessageThatDiffersFromAValidOneOnlyInItsSignatureBytesHasTheSameDigest) {
  std::string plain, malleated;
  for (const json& c : file_->at("cases")) {
    if (c.at("id") == "es256-sig-malleated") malleated = c.at("token");
    if (c.at("id") == "ok-es256") plain = c.at("token");
  }
  EXPECT_NE(malleated, plain);
  EXPECT_EQ(DigestOfCompact(malleated).value(), DigestOfCompact(plain).value());
}

}  // namespace
}  // namespace paygate::protocol
