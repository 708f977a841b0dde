#include "protocol/jws.h"

#include <gtest/gtest.h>

#include "protocol/values.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::Base64UrlEncode;
using base::ErrorCode;
using hsm::KeyType;

constexpr char kTyp[] = "p2p-done+jws";
constexpr char kPayload[] = R"({"a":1})";

std::string Compact(const std::string& header, const std::string& payload = kPayload) {
  return Base64UrlEncode(header) + "." + Base64UrlEncode(payload) + ".AAAA";
}
ErrorCode Parse(const std::string& compact, KeyName name = KeyName::kNone) {
  const auto jws = ParseJws(compact, kTyp, name);
  EXPECT_FALSE(jws.has_value()) << compact;
  return jws ? ErrorCode::kInternal : jws.error().code;
}

TEST(Jws, WhatIsSignedIsRecoveredUnderEveryAlgorithmAndEveryWayToNameTheKey) {
  for (KeyType type : {KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519}) {
    const SoftwareKey key = NewKey(type);
    const auto signer = key.AsSigner().value();
    const JwsKeyReference references[] = {
        {},
        {.name = KeyName::kX5c, .x5c = {"certificate", "issuer"}},
        {.name = KeyName::kX5t, .x5t_s256 = base::Sha256Base64Url("certificate")}};
    for (const JwsKeyReference& reference : references) {
      const std::string compact = SignJws(*signer, kTyp, reference, kPayload).value();
      const auto jws = ParseJws(compact, kTyp, reference.name);
      ASSERT_TRUE(jws.has_value()) << jws.error().ToString();
      EXPECT_EQ(jws->x5c, reference.x5c);
      EXPECT_EQ(jws->x5t_s256, reference.x5t_s256);
      const auto verified = VerifyJws(*jws, key.public_key());
      ASSERT_TRUE(verified.has_value());
      EXPECT_EQ(verified->payload(), kPayload);
      EXPECT_EQ(verified->Compact(), compact);
      EXPECT_EQ(verified->Digest(), DigestOfCompact(compact).value());
      EXPECT_TRUE(IsDigest(verified->Digest()));
      EXPECT_EQ(VerifyJws(*jws, NewKey(type).public_key()).error().code,
                ErrorCode::kSignatureInvalid);
    }
  }
}

TEST(Jws, AKeyIsNamedInTheOneWayThatItsPlaceDemands) {
  const SoftwareKey key = NewKey();
  const auto signer = key.AsSigner().value();
  const JwsKeyReference x5t{.name = KeyName::kX5t, .x5t_s256 = base::Sha256Base64Url("c")};
  const JwsKeyReference x5c{.name = KeyName::kX5c, .x5c = {"c"}};
  const std::string none = SignJws(*signer, kTyp, {}, kPayload).value();
  const std::string with_x5t = SignJws(*signer, kTyp, x5t, kPayload).value();
  const std::string with_x5c = SignJws(*signer, kTyp, x5c, kPayload).value();
  EXPECT_EQ(Parse(none, KeyName::kX5c), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(none, KeyName::kX5t), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(with_x5t, KeyName::kNone), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(with_x5t, KeyName::kX5c), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(with_x5c, KeyName::kNone), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(with_x5c, KeyName::kX5t), ErrorCode::kMalformed);
}

TEST(Jws, AnotherTypThanExpectedIsRefused) {
  const auto signer = NewKey().AsSigner().value();
  EXPECT_EQ(Parse(SignJws(*signer, "p2p-receipt+jws", {}, kPayload).value()),
            ErrorCode::kMalformed);
  EXPECT_EQ(Parse(SignJws(*signer, "P2P-DONE+JWS", {}, kPayload).value()), ErrorCode::kMalformed);
}

TEST(Jws, Ed25519IsReadAsASynonymOfEdDSA) {
  const SoftwareKey key = NewKey(KeyType::kEd25519);
  const std::string input =
      Base64UrlEncode(R"({"alg":"Ed25519","typ":"p2p-done+jws"})") + "." + Base64UrlEncode("{}");
  const std::string signature =
      key.AsSigner().value()->Sign({hsm::StatementKind::kJws, input}).value();
  auto jws = ParseJws(JoinJws(input, signature), kTyp, KeyName::kNone);
  ASSERT_TRUE(jws.has_value());
  EXPECT_TRUE(VerifyJws(*jws, key.public_key()).has_value());
}

TEST(Jws, AnAlgorithmThatIsNotTheKeysIsRefusedBeforeItIsTried) {
  const SoftwareKey ec = NewKey(), ed = NewKey(KeyType::kEd25519);
  const std::string compact = SignJws(*ec.AsSigner().value(), kTyp, {}, kPayload).value();
  const auto jws = ParseJws(compact, kTyp, KeyName::kNone).value();
  EXPECT_EQ(VerifyJws(jws, ed.public_key()).error().code, ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(Parse(Compact(R"({"alg":"none","typ":"p2p-done+jws"})")),
            ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(Parse(Compact(R"({"alg":"HS256","typ":"p2p-done+jws"})")),
            ErrorCode::kUnsupportedAlgorithm);
}

TEST(Jws, ItsPartsAreThreeAndNoneIsEmpty) {
  const std::string h = Base64UrlEncode(R"({"alg":"ES256","typ":"p2p-done+jws"})");
  for (const std::string& bad : {std::string(), std::string(".."), h, h + ".AAAA", h + "..AAAA",
                                 h + ".AAAA.", "." + h + ".AAAA", h + ".AAAA.AAAA.AAAA"}) {
    EXPECT_EQ(Parse(bad), ErrorCode::kMalformed);
    EXPECT_FALSE(DigestOfCompact(bad).has_value());
  }
  EXPECT_TRUE(ParseJws(h + ".AAAA.AAAA", kTyp, KeyName::kNone).has_value());
  // One value has one encoding: AB and AA decode to the same octet, and padding adds nothing.
  for (const char* bad : {".AB.AAAA", ".AAAA.AB", ".AA==.AAAA", ".AAAA.A", ".AA AA.AAAA"}) {
    EXPECT_EQ(Parse(h + bad), ErrorCode::kMalformed) << bad;
  }
}

TEST(Jws, AnX5cHoldsOneToFourCertificatesInStandardBase64) {
  const auto signer = NewKey().AsSigner().value();
  for (size_t n : {0, 1, 4, 5}) {
    JwsKeyReference key{.name = KeyName::kX5c, .x5c = std::vector<std::string>(n, "\xfb\xff\xfe!")};
    const std::string compact = SignJws(*signer, kTyp, key, kPayload).value();
    EXPECT_EQ(ParseJws(compact, kTyp, KeyName::kX5c).has_value(), n == 1 || n == 4) << n;
  }
  EXPECT_EQ(
      Parse(Compact(R"({"alg":"ES256","typ":"p2p-done+jws","x5c":["-__-IQ"]})"), KeyName::kX5c),
      ErrorCode::kMalformed);
  EXPECT_EQ(Parse(Compact(R"({"alg":"ES256","typ":"p2p-done+jws","x5c":[""]})"), KeyName::kX5c),
            ErrorCode::kMalformed);
}

TEST(Jws, AnX5tIsASha256Digest) {
  for (const char* x5t : {"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"}) {
    EXPECT_EQ(Parse(Compact(std::string(R"({"alg":"ES256","typ":"p2p-done+jws","x5t#S256":")") +
                            x5t + "\"}"),
                    KeyName::kX5t),
              ErrorCode::kMalformed);
  }
}

TEST(Jws, LongerThanItsBoundIsRefused) {
  EXPECT_EQ(Parse(std::string(1 << 20, 'A')), ErrorCode::kMalformed);
  EXPECT_EQ(Parse(Compact(std::string(1 << 16, ' '))), ErrorCode::kMalformed);
}

}  // namespace
}  // namespace paygate::protocol
