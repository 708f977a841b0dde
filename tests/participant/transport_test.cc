#include "participant/transport.h"

#include "tests/participant/http_server.h"
#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;

class Transports : public testing::Test {
 protected:
  // A certificate for 127.0.0.1 under the fake gateway's root.
  std::unique_ptr<HttpServer> ServeTls(const char* address = "127.0.0.1") {
    auto key = protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign);
    auto issuer = gateway.issuing().key.AsSigner();
    auto leaf = protocol::BuildCertificate({.role = protocol::Role::kTlsServer,
                                            .subject_cn = "front",
                                            .subject_key = key->public_key(),
                                            .not_before = clock.Now() - std::chrono::hours(1),
                                            .not_after = clock.Now() + std::chrono::hours(1),
                                            .ip_addresses = {address}},
                                           &gateway.issuing().certificate, **issuer);
    EXPECT_TRUE(leaf) << leaf.error().ToString();
    return std::make_unique<HttpServer>(gateway,
                                        leaf->ToPem() + gateway.issuing().certificate.ToPem(),
                                        *key->ToPkcs8(base::SecretBytes::CopyOf("correct horse")));
  }
  // TLS looks at the machine's clock, so the fake gateway does too.
  base::SystemClock clock;
  doubles::FakeGateway gateway{clock};
};

TEST_F(Transports, SpeaksTlsToAServerUnderThePinnedRootAndKeepsTheConnection) {
  auto server = ServeTls();
  auto transport = OpenHttpsTransport({.url = server->url(), .root_pem = gateway.root_pem()});
  ASSERT_TRUE(transport) << transport.error().ToString();
  for (int i = 0; i < 3; ++i) {
    auto answer = (*transport)->Get("/v1/gateway");
    ASSERT_TRUE(answer) << answer.error().ToString();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->content_type, kJoseType);
    auto problem = (*transport)->Post("/v1/payments", "no JWE");
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->status, 400);
    EXPECT_EQ(problem->content_type, kProblemType);
  }
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(Transports, RefusesAServerUnderAnotherRoot) {
  auto server = ServeTls();
  doubles::FakeGateway other(clock);
  auto transport = OpenHttpsTransport({.url = server->url(), .root_pem = other.root_pem()});
  auto answer = (*transport)->Get("/v1/gateway");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCertificateInvalid);
  EXPECT_EQ(gateway.documents_given, 0);
}

TEST_F(Transports, RefusesACertificateForAnotherAddress) {
  auto server = ServeTls("127.0.0.2");
  auto transport = OpenHttpsTransport({.url = server->url(), .root_pem = gateway.root_pem()});
  auto answer = (*transport)->Get("/v1/gateway");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCertificateInvalid);
}

TEST_F(Transports, PlainHttpIsForLoopbackAndOnlyIfAskedFor) {
  EXPECT_FALSE(OpenHttpsTransport({.url = "http://127.0.0.1:1"}));
  EXPECT_FALSE(OpenHttpsTransport({.url = "http://gw.example", .allow_plain_loopback = true}));
  EXPECT_FALSE(
      OpenHttpsTransport({.url = "http://localhost.evil.example", .allow_plain_loopback = true}));
  EXPECT_TRUE(OpenHttpsTransport(
      {.url = "http://127.0.0.1:1", .root_pem = gateway.root_pem(), .allow_plain_loopback = true}));
}

TEST_F(Transports, AnUrlHasNothingAfterItsPort) {
  for (const char* url : {"https://", "https://h/path", "https://u@h", "ftp://h", "h:1", ""}) {
    EXPECT_FALSE(OpenHttpsTransport({.url = url, .root_pem = gateway.root_pem()})) << url;
  }
}

TEST_F(Transports, AnAnswerBeyondTheBoundIsCutOff) {
  HttpServer server(gateway, "", "");
  auto transport = OpenHttpsTransport({.url = server.url(),
                                       .root_pem = gateway.root_pem(),
                                       .allow_plain_loopback = true,
                                       .max_body_bytes = 100});
  auto answer = (*transport)->Get("/v1/gateway");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kClosed);
}

TEST_F(Transports, NobodyListeningIsClosed) {
  std::string url;
  {
    HttpServer server(gateway, "", "");
    url = server.url();
  }
  auto transport = OpenHttpsTransport(
      {.url = url, .root_pem = gateway.root_pem(), .allow_plain_loopback = true});
  auto answer = (*transport)->Get("/v1/gateway");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kClosed);
}

}  // namespace
}  // namespace paygate::participant
