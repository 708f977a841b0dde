#include "hsm/statement.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/encoding.h"

namespace paygate::hsm {
namespace {

std::string Jws(const std::string& header, const std::string& payload = "{}") {
  return base::Base64UrlEncode(header) + "." + base::Base64UrlEncode(payload);
}

bool IsJws(const std::string& bytes) {
  return CheckStatement({StatementKind::kJws, bytes}).has_value();
}

// A TBSCertificate as OpenSSL makes it.
std::string Tbs() {
  X509* certificate = X509_new();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  unsigned char* der = nullptr;
  int size = i2d_re_X509_tbs(certificate, &der);
  std::string out(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return out;
}

TEST(Statement, AJwsNeedsOneTypOfOurs) {
  EXPECT_TRUE(IsJws(Jws(R"({"alg":"ES256","typ":"p2p-receipt+jws"})")));
  EXPECT_FALSE(IsJws(Jws(R"({"alg":"ES256","typ":"JWT"})")));
  EXPECT_FALSE(IsJws(Jws(R"({"alg":"ES256"})")));
  EXPECT_FALSE(IsJws(Jws(R"({"typ":"p2p-a","typ":"p2p-b"})")));
  EXPECT_FALSE(IsJws(Jws(R"({"typ":["p2p-a"]})")));
  EXPECT_FALSE(IsJws(Jws(R"(["typ","p2p-a"])")));
  EXPECT_FALSE(IsJws(Jws(R"({"typ":"p2p-a")")));
  EXPECT_FALSE(IsJws("no dot"));
  EXPECT_FALSE(IsJws(Jws(R"({"typ":"p2p-a"})") + ".x"));
  EXPECT_FALSE(IsJws(Jws(R"({"typ":"p2p-a"})") + "\n"));
  EXPECT_FALSE(IsJws(""));
}

TEST(Statement, ACertificateIsParsedToItsLastByte) {
  std::string tbs = Tbs();
  EXPECT_TRUE(CheckStatement({StatementKind::kCertificate, tbs}));
  EXPECT_FALSE(CheckStatement({StatementKind::kCertificate, tbs + "x"}));
  EXPECT_FALSE(CheckStatement({StatementKind::kCertificate, tbs.substr(0, tbs.size() - 1)}));
  EXPECT_FALSE(CheckStatement({StatementKind::kCertificate, Jws(R"({"typ":"p2p-a"})")}));
}

TEST(Statement, ACheckpointIsFourLinesAndNothingElse) {
  const auto is = [](const std::string& text) {
    return CheckStatement({StatementKind::kCheckpoint, text}).has_value();
  };
  const std::string root = base::Base64Encode(std::string(32, 'r'));
  const std::string good = "p2p-gateway/AAECAw\n12\n" + root + "\nat=1800000000\n";
  EXPECT_TRUE(is(good));
  EXPECT_FALSE(IsJws(good));
  EXPECT_FALSE(is(good + "x\n"));
  EXPECT_FALSE(is(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(is("p2p-gateway/\n12\n" + root + "\nat=1\n"));
  EXPECT_FALSE(is("another/AAECAw\n12\n" + root + "\nat=1\n"));
  EXPECT_FALSE(is("p2p-gateway/A\n-2\n" + root + "\nat=1\n"));
  EXPECT_FALSE(is("p2p-gateway/A\n12\n" + root + "\n1\n"));
  EXPECT_FALSE(is("p2p-gateway/A\n12\nAAAA\nat=1\n"));
  EXPECT_FALSE(is(Jws(R"({"typ":"p2p-a"})")));
}

TEST(Statement, OneKindIsNeverTakenForAnother) {
  const std::string samples[] = {Jws(R"({"typ":"p2p-a"})"), Tbs(), MakeSelfTest()};
  const StatementKind kinds[] = {StatementKind::kJws, StatementKind::kCertificate,
                                 StatementKind::kSelfTest};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_EQ(CheckStatement({kinds[j], samples[i]}).has_value(), i == j);
    }
    EXPECT_FALSE(CheckStatement({StatementKind::kCrl, samples[i]}));
    EXPECT_FALSE(CheckStatement({StatementKind::kOcsp, samples[i]}));
    EXPECT_FALSE(CheckStatement({static_cast<StatementKind>(77), samples[i]}));
  }
}

}  // namespace
}  // namespace paygate::hsm
