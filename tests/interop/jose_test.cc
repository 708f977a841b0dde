// Our JOSE and X.509 against programs that share no code with ours: the `jose` command (José on
// Jansson, its own JSON and JOSE) and `openssl verify -x509_strict`.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using hsm::KeyType;
using hsm::KeyUsage;

constexpr char kTyp[] = "p2p-done+jws";
constexpr char kPayload[] = R"({"iss":"a","iat":1})";

class Interop : public ::testing::Test {
 protected:
  explicit Interop(std::string program) : program_(std::move(program)) {}

  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "paygate-interop-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    if (Run("command -v " + program_) == 0) return;
    std::cout << "SKIP: no '" << program_ << "' command (apt-get install " << program_ << ")\n";
    GTEST_SKIP() << program_ << " is not installed";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(directory_ / name, std::ios::binary).rdbuf();
    return text.str();
  }
  // Runs a shell command in the test's directory; standard output goes to the file `out`.
  int Run(const std::string& command) {
    const int status =
        std::system(("cd '" + directory_.string() + "' && ( " + command + " ) >out 2>err").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string program_;
  std::filesystem::path directory_;
};

class JoseCommand : public Interop {
 protected:
  JoseCommand() : Interop("jose") {}
  // A key that jose made, and its public half as ours.
  PublicKey MakeTheirKey(const std::string& jwk_template) {
    Write("template", jwk_template);
    EXPECT_EQ(Run("jose jwk gen -i template -o their.jwk && jose jwk pub -i their.jwk"), 0);
    return PublicKey::FromJwk(Read("out")).value();
  }
};

constexpr char kP256Template[] = R"({"kty":"EC","crv":"P-256"})";

TEST_F(JoseCommand, VerifiesWhatWeSign) {
  const struct {
    KeyType type;
    const char* alg;
  } kinds[] = {{KeyType::kP256, "ES256"}, {KeyType::kRsa2048, "PS256"}};
  for (const auto& kind : kinds) {
    const SoftwareKey key = NewKey(kind.type), other = NewKey(kind.type);
    Write("message", SignJws(*key.AsSigner().value(), kTyp, {}, kPayload).value());
    Write("our.jwk", key.public_key().ToJwk());
    Write("other.jwk", other.public_key().ToJwk());
    ASSERT_EQ(Run("jose jws ver -i message -k our.jwk -O-"), 0) << kind.alg << Read("err");
    EXPECT_EQ(Read("out"), kPayload);
    EXPECT_NE(Run("jose jws ver -i message -k other.jwk -O-"), 0);
  }
}

TEST_F(JoseCommand, SignsWhatWeVerify) {
  const struct {
    const char* jwk;
    const char* alg;
  } kinds[] = {{kP256Template, "ES256"}, {R"({"kty":"RSA","bits":2048})", "PS256"}};
  for (const auto& kind : kinds) {
    const PublicKey key = MakeTheirKey(kind.jwk);
    Write("payload", kPayload);
    Write("sig",
          std::string(R"({"protected":{"alg":")") + kind.alg + R"(","typ":")" + kTyp + "\"}}");
    ASSERT_EQ(Run("jose jws sig -I payload -k their.jwk -s sig -c"), 0) << Read("err");
    const auto jws = ParseJws(Read("out"), kTyp, KeyName::kNone);
    ASSERT_TRUE(jws.has_value()) << jws.error().ToString();
    const auto verified = VerifyJws(*jws, key);
    ASSERT_TRUE(verified.has_value()) << verified.error().ToString();
    EXPECT_EQ(verified->payload(), kPayload);
  }
}

// José 11 of Debian 12 refuses every RSA-OAEP, its own included; RSA-OAEP-256 is held to foreign
// messages by the baseline of JoseVectors.
TEST_F(JoseCommand, OpensWhatWeSeal) {
  const PublicKey key = MakeTheirKey(kP256Template);
  Write("message",
        SealJwe(key, base::Sha256Base64Url("certificate"), {"r1", NewId()}, kPayload).value());
  ASSERT_EQ(Run("jose jwe dec -i message -k their.jwk"), 0) << Read("err");
  EXPECT_EQ(Read("out"), kPayload);
}

TEST_F(JoseCommand, SealsWhatWeOpen) {
  const SoftwareKey key = NewKey(KeyType::kP256, KeyUsage::kDecrypt);
  const std::string r1 = NewId();
  Write("our.jwk", key.public_key().ToJwk());
  Write("payload", kPayload);
  Write("header", R"({"protected":{"alg":"ECDH-ES","enc":"A256GCM","r1":")" + r1 + "\"}}");
  ASSERT_EQ(Run("jose jwe enc -i header -I payload -k our.jwk -c"), 0) << Read("err");
  const auto jwe = ParseJwe(Read("out"));
  ASSERT_TRUE(jwe.has_value()) << jwe.error().ToString();
  EXPECT_EQ(jwe->extra.value, r1);
  EXPECT_EQ(OpenJwe(*jwe, *key.AsDecrypter().value()).value(), kPayload);
}

class OpensslCommand : public Interop {
 protected:
  OpensslCommand() : Interop("openssl") {}
  int Verify(const std::string& options) {
    return Run("openssl verify -x509_strict -attime " +
               std::to_string(base::ToNumericDate(kTestNow)) +
               " -CAfile root.pem -untrusted issuing.pem " + options + " leaf.pem");
  }
};

TEST_F(OpensslCommand, AcceptsOurCertificatesByTheStrictRulesOfRfc5280) {
  for (KeyType type : {KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519}) {
    const TestPki pki(type);
    Write("root.pem", pki.root.ToPem());
    Write("issuing.pem", pki.issuing.ToPem());
    for (Role role : {Role::kGatewaySignature, Role::kGatewayEncryption,
                      Role::kParticipantSignature, Role::kParticipantEncryption}) {
      Write("leaf.pem", pki.Leaf(role, NewKey().public_key()).ToPem());
      EXPECT_EQ(Verify("-policy_check"), 0) << Read("err");
      EXPECT_NE(Verify("-purpose sslserver"), 0) << "a protocol certificate serves TLS";
    }
    auto tls = TestPki::Template(Role::kTlsServer, "pay.example", NewKey().public_key());
    tls.ip_addresses = {"127.0.0.1"};
    Write("leaf.pem", pki.Issue(tls)->ToPem());
    EXPECT_EQ(Verify("-purpose sslserver -verify_hostname pay.example"), 0) << Read("err");
    EXPECT_EQ(Verify("-purpose sslserver -verify_ip 127.0.0.1"), 0) << Read("err");
    EXPECT_NE(Verify("-purpose sslserver -verify_hostname evil.example"), 0);
    Write("root.pem", TestPki(KeyType::kP256).root.ToPem());
    EXPECT_NE(Verify(""), 0) << "accepted under another root";
  }
}

TEST_F(OpensslCommand, ReadsWhatTheProfileSays) {
  const TestPki pki;
  Write("leaf.pem", pki.Leaf(Role::kParticipantSignature, NewKey().public_key()).ToPem());
  Write("issuing.pem", pki.issuing.ToPem());
  ASSERT_EQ(Run("openssl x509 -noout -text -in issuing.pem"), 0);
  EXPECT_NE(Read("out").find("CA:TRUE, pathlen:0"), std::string::npos);
  EXPECT_NE(Read("out").find("Certificate Sign, CRL Sign"), std::string::npos);
  ASSERT_EQ(Run("openssl x509 -noout -text -in leaf.pem"), 0);
  const std::string text = Read("out");
  for (const char* line :
       {"CA:FALSE", "X509v3 Key Usage: critical", "Digital Signature, Non Repudiation",
        "X509v3 Extended Key Usage: critical", "2.25.50982404928622280130636810623715737108.2.3",
        "2.25.50982404928622280130636810623715737108.1:", "URI:http://pki.example/v1/crl",
        "OCSP - URI:http://pki.example/v1/ocsp"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST_F(OpensslCommand, OpensOurKeyFiles) {
  const SoftwareKey key = NewKey();
  Write("key.pem", key.ToPkcs8(base::SecretBytes::CopyOf("correct horse")).value());
  ASSERT_EQ(Run("openssl pkey -in key.pem -passin pass:'correct horse' -pubout -outform DER"), 0)
      << Read("err");
  EXPECT_EQ(Read("out"), key.public_key().ToSpki());
  EXPECT_NE(Run("openssl pkey -in key.pem -passin pass:wrong -pubout"), 0);
}

TEST_F(OpensslCommand, MakesKeyFilesThatWeOpen) {
  ASSERT_EQ(Run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc "
                "-pass pass:secret"),
            0)
      << Read("err");
  const auto key =
      SoftwareKey::FromPkcs8(Read("out"), base::SecretBytes::CopyOf("secret"), KeyUsage::kSign);
  ASSERT_TRUE(key.has_value()) << key.error().ToString();
  EXPECT_TRUE(key->AsSigner().has_value());
}

}  // namespace
}  // namespace paygate::protocol
