#include "protocol/public_key.h"

#include <gtest/gtest.h>

#include "protocol/internal/openssl.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using hsm::KeyType;

constexpr KeyType kTypes[] = {KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519};

ErrorCode JwkError(const std::string& json) {
  const auto key = PublicKey::FromJwk(json);
  EXPECT_FALSE(key.has_value()) << json;
  return key ? ErrorCode::kInternal : key.error().code;
}

// RFC 7638 section 3.1 (RSA) and RFC 8037 appendix A.2 (Ed25519); RFC 7517 appendix A.1 (EC).
constexpr char kEc[] =
    R"({"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
    R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})";
constexpr char kOkp[] =
    R"({"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr char kRsa[] =
    R"({"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAt)"
    R"(VT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lq)"
    R"(t7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n)"
    R"(91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur)"
    R"(-kEgU8awapJzKnqDKgw"})";

TEST(PublicKey, ReadsAndPrintsTheExamplesOfTheRfcs) {
  for (const char* jwk : {kEc, kOkp, kRsa}) {
    const auto key = PublicKey::FromJwk(jwk);
    ASSERT_TRUE(key.has_value()) << key.error().ToString();
    EXPECT_EQ(key->ToJwk(), jwk);
    EXPECT_EQ(*PublicKey::FromSpki(key->ToSpki()), *key);
  }
}

TEST(PublicKey, ItsTypeFixesItsAlgorithms) {
  const auto ec = PublicKey::FromJwk(kEc).value(), okp = PublicKey::FromJwk(kOkp).value(),
             rsa = PublicKey::FromJwk(kRsa).value();
  EXPECT_EQ(ec.signature_algorithm(), hsm::SignatureAlgorithm::kES256);
  EXPECT_EQ(okp.signature_algorithm(), hsm::SignatureAlgorithm::kEdDSA);
  EXPECT_EQ(rsa.signature_algorithm(), hsm::SignatureAlgorithm::kPS256);
  EXPECT_EQ(ec.key_management(), hsm::KeyManagement::kEcdhEs);
  EXPECT_EQ(okp.key_management(), std::nullopt);
  EXPECT_EQ(rsa.key_management(), hsm::KeyManagement::kRsaOaep256);
}

std::string With(std::string json, const std::string& from, const std::string& to) {
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

TEST(PublicKey, RefusesOtherTypesCurvesAndSizes) {
  EXPECT_EQ(JwkError(R"({"kty":"oct","k":"AAAA"})"), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(JwkError(With(kEc, "P-256", "P-384")), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(JwkError(With(kOkp, "Ed25519", "X25519")), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(JwkError(With(kRsa, "AQAB", "Aw")), ErrorCode::kUnsupportedAlgorithm);
  EXPECT_EQ(JwkError(R"({"e":"AQAB","kty":"RSA","n":"0vx7"})"), ErrorCode::kUnsupportedAlgorithm);
  const std::string long_modulus(684, 'B');  // 513 octets
  EXPECT_EQ(JwkError(R"({"e":"AQAB","kty":"RSA","n":")" + long_modulus + "\"}"),
            ErrorCode::kUnsupportedAlgorithm);
}

TEST(PublicKey, RefusesMembersThatDoNotBelongAndPrivateOnes) {
  EXPECT_EQ(JwkError("[]"), ErrorCode::kMalformed);
  EXPECT_EQ(JwkError("{}"), ErrorCode::kMalformed);
  EXPECT_EQ(JwkError(With(kEc, "{", R"({"kid":"1",)")), ErrorCode::kMalformed);
  EXPECT_EQ(JwkError(With(kEc, "{", R"({"d":"AAAA",)")), ErrorCode::kMalformed);
  EXPECT_EQ(JwkError(With(kOkp, "{", R"({"y":"AAAA",)")), ErrorCode::kMalformed);
  EXPECT_EQ(JwkError(R"({"crv":"P-256","kty":"EC","x":"AAAA"})"), ErrorCode::kMalformed);
}

TEST(PublicKey, RefusesPointsThatAreNotOnTheirCurve) {
  EXPECT_EQ(JwkError(With(kEc, "IFyM", "IFyA")), ErrorCode::kMalformed);
  const std::string zero(43, 'A');
  EXPECT_EQ(JwkError(R"({"crv":"P-256","kty":"EC","x":")" + zero + R"(","y":")" + zero + "\"}"),
            ErrorCode::kMalformed);
  // Order 4, and order 1: anyone could claim that a signature under it fits another message.
  EXPECT_EQ(JwkError(R"({"crv":"Ed25519","kty":"OKP","x":")" + zero + "\"}"),
            ErrorCode::kMalformed);
  EXPECT_EQ(JwkError(R"({"crv":"Ed25519","kty":"OKP","x":"AQ)" + zero.substr(2) + "\"}"),
            ErrorCode::kMalformed);
}

TEST(PublicKey, RefusesCoordinatesOf31And33Octets) {
  const std::string x31(42, 'A'), y33(44, 'A');
  EXPECT_EQ(JwkError(R"({"crv":"P-256","kty":"EC","x":")" + x31 + R"(","y":")" + y33 + "\"}"),
            ErrorCode::kMalformed);
}

TEST(PublicKey, RefusesASubjectPublicKeyInfoThatIsNotDerOrNotWhole) {
  for (KeyType type : kTypes) {
    const std::string spki = NewKey(type).public_key().ToSpki();
    EXPECT_TRUE(PublicKey::FromSpki(spki).has_value());
    EXPECT_EQ(PublicKey::FromSpki(spki + '\0').error().code, ErrorCode::kMalformed);
    EXPECT_EQ(PublicKey::FromSpki(spki.substr(0, spki.size() - 1)).error().code,
              ErrorCode::kMalformed);
  }
  EXPECT_EQ(PublicKey::FromSpki("").error().code, ErrorCode::kMalformed);
}

TEST(PublicKey, VerifiesWhatItsOwnKeySignedAndNothingElse) {
  for (KeyType type : kTypes) {
    const SoftwareKey key = NewKey(type), other = NewKey(type);
    const std::string signature =
        key.AsSigner().value()->Sign({hsm::StatementKind::kJws, "message"}).value();
    EXPECT_TRUE(key.public_key().Verify("message", signature).has_value());
    EXPECT_FALSE(key.public_key().Verify("massage", signature).has_value());
    EXPECT_FALSE(other.public_key().Verify("message", signature).has_value());
    EXPECT_FALSE(key.public_key().Verify("message", "").has_value());
    EXPECT_FALSE(key.public_key().Verify("message", signature + '\0').has_value());
    for (size_t i = 0; i < signature.size(); i += 5) {
      std::string changed = signature;
      changed[i] ^= 1;
      const auto status = key.public_key().Verify("message", changed);
      ASSERT_FALSE(status.has_value());
      EXPECT_EQ(status.error().code, ErrorCode::kSignatureInvalid);
    }
  }
}

TEST(SoftwareKey, SurvivesItsPassphraseProtectedFile) {
  const auto passphrase = base::SecretBytes::CopyOf("correct horse battery staple");
  for (KeyType type : kTypes) {
    const SoftwareKey key = NewKey(type);
    const std::string pem = key.ToPkcs8(passphrase).value();
    EXPECT_NE(pem.find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
    const auto again = SoftwareKey::FromPkcs8(pem, passphrase, hsm::KeyUsage::kSign);
    ASSERT_TRUE(again.has_value()) << again.error().ToString();
    EXPECT_EQ(again->public_key(), key.public_key());
    const std::string signature =
        again->AsSigner().value()->Sign({hsm::StatementKind::kJws, "m"}).value();
    EXPECT_TRUE(key.public_key().Verify("m", signature).has_value());
    const auto wrong =
        SoftwareKey::FromPkcs8(pem, base::SecretBytes::CopyOf("wrong"), hsm::KeyUsage::kSign);
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().code, ErrorCode::kPermissionDenied);
  }
}

TEST(SoftwareKey, HasOneUsage) {
  EXPECT_FALSE(NewKey(KeyType::kP256, hsm::KeyUsage::kSign).AsDecrypter().has_value());
  EXPECT_FALSE(NewKey(KeyType::kP256, hsm::KeyUsage::kDecrypt).AsSigner().has_value());
  EXPECT_FALSE(SoftwareKey::Generate(KeyType::kEd25519, hsm::KeyUsage::kDecrypt).has_value());
}

TEST(SoftwareKey, RefusesAFileThatIsNotEncryptedOrHasNoPassphrase) {
  EXPECT_FALSE(NewKey().ToPkcs8(base::SecretBytes()).has_value());
  const auto read = SoftwareKey::FromPkcs8("-----BEGIN PRIVATE KEY-----\n",
                                           base::SecretBytes::CopyOf("p"), hsm::KeyUsage::kSign);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kMalformed);
}

std::string PlainPem() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                          nullptr),
            1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(length));
}

TEST(SoftwareKey, IsReadWithoutAPassphraseWhereTheReaderSaysSo) {
  const auto plain = [](const std::string& pem) {
    return SoftwareKey::FromPlainPkcs8(base::SecretBytes::CopyOf(pem), hsm::KeyUsage::kDecrypt);
  };
  const auto key = plain(PlainPem());
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_TRUE(key->AsDecrypter());
  EXPECT_FALSE(key->AsSigner());
  EXPECT_EQ(plain("-----BEGIN PRIVATE KEY-----\n").error().code, ErrorCode::kMalformed);
  EXPECT_FALSE(plain(""));
  EXPECT_FALSE(plain(NewKey().ToPkcs8(base::SecretBytes::CopyOf("p")).value()));
}

}  // namespace
}  // namespace paygate::protocol
