#include "protocol/jwe.h"

#include <gtest/gtest.h>

#include "hsm/concat_kdf.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::Base64UrlDecode;
using base::Base64UrlEncode;
using base::ErrorCode;
using hsm::KeyType;
using hsm::KeyUsage;

const std::string kX5t = base::Sha256Base64Url("certificate");

SoftwareKey NewDecryptionKey(KeyType type = KeyType::kP256) {
  return NewKey(type, KeyUsage::kDecrypt);
}

std::vector<std::string> Parts(const std::string& compact) {
  std::vector<std::string> parts(1);
  for (char c : compact) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}
std::string Join(const std::vector<std::string>& parts) {
  std::string out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) out += "." + parts[i];
  return out;
}

// A key whose token answers with an error.
class Failing final : public hsm::Decrypter {
 public:
  hsm::KeyManagement algorithm() const override { return hsm::KeyManagement::kEcdhEs; }
  base::Result<base::SecretBytes> Unwrap(hsm::WrappedKey) override {
    return base::Fail(code, "as the test wants it");
  }
  ErrorCode code = ErrorCode::kTokenUnavailable;
};

TEST(ConcatKdf, GivesTheKeyThatAnIndependentComputationGives) {
  // SHA-256(00000001 || 00..1f || 7 "A256GCM" || 0 || 0 || 256), by Python's hashlib.
  std::string z;
  for (int i = 0; i < 32; ++i) z += static_cast<char>(i);
  const auto key = hsm::ConcatKdfA256Gcm(base::SecretBytes::CopyOf(z));
  EXPECT_EQ(base::HexEncode(key.view()),
            "9c69e3c7102763b0078e554d3301fa1ab2c55a821fd6b2132b41aa495f0b302e");
}

TEST(Jwe, WhatIsSealedIsOpenedByItsRecipientAlone) {
  for (KeyType type : {KeyType::kP256, KeyType::kRsa2048}) {
    const SoftwareKey key = NewDecryptionKey(type), other = NewDecryptionKey(type);
    for (const JweExtra& extra :
         {JweExtra{}, JweExtra{"r1", NewId()}, JweExtra{"handshake", "opaque.string~"}}) {
      const std::string compact =
          SealJwe(key.public_key(), extra.name.empty() ? "" : kX5t, extra, "payload").value();
      const auto jwe = ParseJwe(compact);
      ASSERT_TRUE(jwe.has_value()) << jwe.error().ToString();
      EXPECT_EQ(jwe->algorithm, key.public_key().key_management());
      EXPECT_EQ(jwe->x5t_s256, extra.name.empty() ? "" : kX5t);
      EXPECT_EQ(jwe->extra.name, extra.name);
      EXPECT_EQ(jwe->extra.value, extra.value);
      EXPECT_EQ(OpenJwe(*jwe, *key.AsDecrypter().value()).value(), "payload");
      const auto stolen = OpenJwe(*jwe, *other.AsDecrypter().value());
      ASSERT_FALSE(stolen.has_value());
      EXPECT_EQ(stolen.error().code, ErrorCode::kDecryptionFailed);
    }
  }
}

TEST(Jwe, TheSamePayloadIsNeverSealedTheSameWayTwice) {
  const SoftwareKey key = NewDecryptionKey();
  EXPECT_NE(SealJwe(key.public_key(), "", {}, "p").value(),
            SealJwe(key.public_key(), "", {}, "p").value());
}

TEST(Jwe, AContentKeyMadeAheadSealsForItsRecipient) {
  for (KeyType type : {KeyType::kP256, KeyType::kRsa2048}) {
    const SoftwareKey key = NewDecryptionKey(type);
    auto ahead = NewContentKey(key.public_key()).value();
    const auto compact =
        SealJweUnder(std::move(ahead), key.public_key(), kX5t, {"r1", NewId()}, "payload").value();
    EXPECT_EQ(OpenJwe(ParseJwe(compact).value(), *key.AsDecrypter().value()).value(), "payload");
  }
}

TEST(Jwe, EveryChangedPartFailsWithTheOneError) {
  for (KeyType type : {KeyType::kP256, KeyType::kRsa2048}) {
    const SoftwareKey key = NewDecryptionKey(type);
    const auto decrypter = key.AsDecrypter().value();
    const auto parts = Parts(SealJwe(key.public_key(), kX5t, {"r1", NewId()}, "payload").value());
    std::string message;
    for (size_t part = 1; part < 5; ++part) {
      if (parts[part].empty()) continue;
      auto changed = parts;
      std::string bytes = Base64UrlDecode(parts[part]).value();
      bytes[bytes.size() / 2] ^= 1;
      changed[part] = Base64UrlEncode(bytes);
      const auto jwe = ParseJwe(Join(changed));
      ASSERT_TRUE(jwe.has_value());
      const auto opened = OpenJwe(*jwe, *decrypter);
      ASSERT_FALSE(opened.has_value()) << part;
      EXPECT_EQ(opened.error().code, ErrorCode::kDecryptionFailed);
      if (message.empty()) message = opened.error().message;
      EXPECT_EQ(opened.error().message, message);
    }
    // The header is authenticated as well.
    auto header = Base64UrlDecode(parts[0]).value();
    header.replace(header.find("\"r1\""), 4, "\"r3\"");
    auto changed = parts;
    changed[0] = Base64UrlEncode(header);
    EXPECT_EQ(OpenJwe(ParseJwe(Join(changed)).value(), *decrypter).error().code,
              ErrorCode::kDecryptionFailed);
  }
}

TEST(Jwe, AKeyThatIsAwayIsNotABadMessage) {
  const std::string compact = SealJwe(NewDecryptionKey().public_key(), "", {}, "p").value();
  const auto jwe = ParseJwe(compact).value();
  Failing key;
  EXPECT_EQ(OpenJwe(jwe, key).error().code, ErrorCode::kTokenUnavailable);
  key.code = ErrorCode::kDecryptionFailed;
  EXPECT_EQ(OpenJwe(jwe, key).error().code, ErrorCode::kDecryptionFailed);
}

TEST(Jwe, IsNotSealedToAKeyThatCannotDecrypt) {
  const SoftwareKey key = NewKey(KeyType::kEd25519);
  EXPECT_EQ(SealJwe(key.public_key(), "", {}, "p").error().code, ErrorCode::kUnsupportedAlgorithm);
}

class JweHeader : public ::testing::Test {
 protected:
  // The header of a good JWE with `from` replaced by `to`.
  ErrorCode ParseWith(const std::string& from, const std::string& to) {
    auto parts = parts_;
    std::string header = Base64UrlDecode(parts[0]).value();
    const size_t at = header.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << header;
    header.replace(at, from.size(), to);
    parts[0] = Base64UrlEncode(header);
    const auto jwe = ParseJwe(Join(parts));
    EXPECT_FALSE(jwe.has_value()) << header;
    return jwe ? ErrorCode::kInternal : jwe.error().code;
  }
  SoftwareKey key_ = NewDecryptionKey();
  std::vector<std::string> parts_ =
      Parts(SealJwe(key_.public_key(), kX5t, {"r1", "AAAAAAAAAAAAAAAAAAAAAA"}, "p").value());
};

TEST_F(JweHeader, HasNoOtherMembers) {
  for (const char* member :
       {R"("zip":"DEF")", R"("crit":["exp"])", R"("kid":"1")", R"("jku":"http://x")", R"("jwk":{})",
        R"("x5u":"http://x")", R"("x5c":[])", R"("apu":"QQ")", R"("apv":"QQ")",
        R"("typ":"p2p-done+jws")", R"("cty":"JWT")", R"("p2c":1)", R"("b64":true)"}) {
    EXPECT_EQ(ParseWith("{\"alg\"", std::string("{") + member + ",\"alg\""), ErrorCode::kMalformed)
        << member;
  }
}

TEST_F(JweHeader, NamesTheAllowedAlgorithmsOnly) {
  EXPECT_EQ(ParseWith("ECDH-ES", "ECDH-ES+A256KW"), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(ParseWith("ECDH-ES", "dir"), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(ParseWith("ECDH-ES", "RSA1_5"), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(ParseWith("A256GCM", "A128GCM"), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(ParseWith("ECDH-ES", "RSA-OAEP-256"), ErrorCode::kMalformed);  // has an epk
}

TEST_F(JweHeader, HasAtMostOneNonceOrHandshake) {
  EXPECT_EQ(ParseWith("\"r1\"", R"("r3":"AAAAAAAAAAAAAAAAAAAAAA","r1")"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith("\"r1\"", R"("handshake":"x","r1")"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith("\"r1\"", "\"r2\""), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith("\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"AAAAAAAAAAAAAAAAAAAAAB\""),
            ErrorCode::kMalformed);
  const std::string value = R"("r1":"AAAAAAAAAAAAAAAAAAAAAA")";
  EXPECT_EQ(ParseWith(value, R"("handshake":"")"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith(value, R"("handshake":"a b")"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith(value, "\"handshake\":\"" + std::string(kMaxHandshakeChars + 1, 'A') + "\""),
            ErrorCode::kMalformed);
}

TEST_F(JweHeader, EpkIsExactlyAPublicP256Key) {
  EXPECT_EQ(ParseWith("\"epk\":{", R"("epk":{"d":"AAAA",)"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith("\"epk\":{", R"("epk":{"kid":"1",)"), ErrorCode::kMalformed);
  EXPECT_EQ(ParseWith("P-256", "P-384"), ErrorCode::kUnsupportedAlgorithm);
}

TEST_F(JweHeader, PartsHaveTheLengthsOfTheirAlgorithms) {
  const auto refused = [&](size_t part, const std::string& value) {
    auto parts = parts_;
    parts[part] = value;
    return !ParseJwe(Join(parts)).has_value();
  };
  EXPECT_TRUE(refused(1, "AAAA"));
  EXPECT_TRUE(refused(2, Base64UrlEncode(std::string(13, 'i'))));
  EXPECT_TRUE(refused(3, ""));
  EXPECT_TRUE(refused(4, Base64UrlEncode(std::string(12, 't'))));
  EXPECT_FALSE(ParseJwe(Join(parts_) + ".").has_value());
  EXPECT_FALSE(ParseJwe(std::string(1 << 20, '.')).has_value());
  EXPECT_FALSE(ParseJwe("").has_value());
}

}  // namespace
}  // namespace paygate::protocol
