// CRL and OCSP of the running gateway, judged by the openssl command.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "base/encoding.h"
#include "base/file.h"
#include "tests/doubles/scratch_token.h"
#include "tests/integration/raw_participant.h"
#include "tests/integration/rotation.h"

namespace paygate::integration {
namespace {

using protocol::Certificate;
using protocol::RevocationReason;
using testing::HasSubstr;
using testing::Not;

struct CertificateStatus : testing::Test {
  CertificateStatus() {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    seller->Register();
    buyer->Register();
  }

  std::string Pki(const std::string& file) const { return gateway.directory() + "/pki/" + file; }
  std::string Pem(const std::string& der) {
    const std::string path = gateway.directory() + "/" + std::to_string(files++) + ".pem";
    Must(base::WriteNewFile(path, Must(Certificate::Parse(der)).ToPem()));
    return path;
  }
  // What `openssl ocsp` says of a certificate, with or without a nonce.
  std::string Ocsp(const std::string& pem, const std::string& ca, bool nonce = false,
                   const std::string& hash = "-sha1") {
    return doubles::RunProgram({"/usr/bin/openssl", "ocsp", "-issuer", ca, hash, "-cert", pem,
                                "-CAfile", Pki("root.pem"), "-url", gateway.url() + "/v1/ocsp",
                                nonce ? "-nonce" : "-no_nonce"})
        .output;
  }
  // GET of a list; PEM files of it and of the root's certificate for `openssl verify`.
  std::string Fetch(const std::string& path) {
    const auto answer = Must(seller->transport->Get(path));
    EXPECT_EQ(answer.status, 200) << path << answer.body;
    EXPECT_EQ(answer.content_type, "application/pkix-crl");
    const std::string file = gateway.directory() + "/" + std::to_string(files++) + ".crl";
    Must(base::WriteNewFile(file, answer.body));
    return file;
  }
  std::string Verify(const std::string& pem, const std::string& ca, const std::string& crl) {
    return doubles::RunProgram({"/usr/bin/openssl", "verify", "-crl_check", "-CRLfile", crl,
                                "-CAfile", Pki("root.pem"), "-untrusted", ca, pem})
        .output;
  }
  std::string CrlText(const std::string& crl) {
    return doubles::RunProgram({"/usr/bin/openssl", "crl", "-in", crl, "-noout", "-text"}).output;
  }
  void Revoke(RawParticipant& who) {
    ASSERT_EQ(who.SendRevocation(who.RevocationJws(RevocationReason::kKeyCompromise)).status, 200);
  }
  // Once the list names the certificate; false after 30 s.
  bool Listed(const std::string& path, const std::string& der) {
    std::string serial = Must(Certificate::Parse(der)).serial_hex();
    for (char& c : serial) c = static_cast<char>(std::toupper(c));
    return Eventually([&] { return CrlText(Fetch(path)).find(serial) != std::string::npos; });
  }
  bool Published(const std::string& path) {
    return Eventually([&] { return Must(seller->transport->Get(path)).status == 200; });
  }

  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
  int files = 0;
};

TEST_F(CertificateStatus, OpensslAndTheGatewayAgreeOnWhoIsRevoked) {
  const std::string ca = Pki("issuing-ca.pem");
  ASSERT_TRUE(Published("/v1/crl"));
  for (const auto& certificate : {buyer->signature_certificate, buyer->encryption_certificate,
                                  buyer->gateway_signature->der(),
                                  buyer->gateway_encryption->der()}) {
    const std::string pem = Pem(certificate);
    for (const bool nonce : {false, true}) {
      const std::string said = Ocsp(pem, ca, nonce, nonce ? "-sha256" : "-sha1");
      EXPECT_THAT(said, HasSubstr("Response verify OK"));
      EXPECT_THAT(said, HasSubstr(pem + ": good"));
      EXPECT_THAT(said, Not(HasSubstr("no nonce in response")));
    }
    // The roles' critical EKUs are ours: whether the chain is good is not openssl's to say.
    EXPECT_THAT(Verify(pem, ca, Fetch("/v1/crl")), Not(HasSubstr("revoked")));
  }
  EXPECT_THAT(Verify(Pem(buyer->signature_certificate), ca, Fetch("/v1/crl")), HasSubstr(": OK"));

  Revoke(*buyer);
  for (const auto& certificate : {buyer->signature_certificate, buyer->encryption_certificate}) {
    const std::string pem = Pem(certificate);
    const std::string said = Ocsp(pem, ca);
    EXPECT_THAT(said, HasSubstr(pem + ": revoked")) << "from the next request on";
    EXPECT_THAT(said, HasSubstr("Reason: keyCompromise"));
    ASSERT_TRUE(Listed("/v1/crl", certificate));
    EXPECT_THAT(Verify(pem, ca, Fetch("/v1/crl")), HasSubstr("certificate revoked"));
    EXPECT_TRUE(Listed("/v1/crl/delta", certificate));
  }
  EXPECT_THAT(Ocsp(Pem(seller->signature_certificate), ca), HasSubstr(": good"));
  EXPECT_THAT(CrlText(Fetch("/v1/crl/delta")), HasSubstr("X509v3 Delta CRL Indicator: critical"));
  // A number is never given twice, whatever happens to the engine.
  const auto number = [&] {
    const std::string text = CrlText(Fetch("/v1/crl"));
    const size_t at = text.find("X509v3 CRL Number:");
    return std::stoi(text.substr(text.find_first_of("0123456789", at + 18)));
  };
  const int before = number();
  gateway.Kill("engine_with_clock", SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    const auto answer = seller->transport->Get("/v1/crl");
    return answer && answer->status == 200;
  }));
  EXPECT_GT(number(), before);
  EXPECT_THAT(Ocsp(Pem(buyer->signature_certificate), ca), HasSubstr(": revoked"));
}

TEST_F(CertificateStatus, EachIssuingCaHasAListOfItsOwnAfterARotation) {
  Rotation rotation(gateway);
  rotation.MakeIssuingCa("issuing-ca-2", "issuing-ca-2.pem");
  rotation.Configure("certificates", "issuing_ca",
                     rotation.Files({"issuing-ca-2.pem", "issuing-ca.pem"}));
  rotation.Configure("token", "issuing_ca_key", "[\"issuing-ca-2\", \"issuing-ca\"]");
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  RawParticipant newcomer(gateway, gateway.Customers()[2]);
  newcomer.Register();
  Revoke(*buyer);
  Revoke(newcomer);
  const auto list_of = [&](const std::string& ca) {
    const auto certificate = Must(Certificate::ParsePem(Must(base::ReadFile(Pki(ca)))));
    return "/v1/crl/" + base::HexEncode(certificate.subject_key_id());
  };
  for (const auto& [who, ca] : {std::pair{buyer.get(), "issuing-ca.pem"},
                                std::pair{&newcomer, "issuing-ca-2.pem"}}) {
    ASSERT_TRUE(Published(list_of(ca)));
    const std::string pem = Pem(who->signature_certificate);
    EXPECT_TRUE(Listed(list_of(ca), who->signature_certificate));
    EXPECT_THAT(Verify(pem, Pki(ca), Fetch(list_of(ca))), HasSubstr("certificate revoked"));
    EXPECT_THAT(Ocsp(pem, Pki(ca)), HasSubstr(": revoked"));
  }
  EXPECT_EQ(Must(seller->transport->Get(list_of("root.pem"))).status, 404);
  EXPECT_THAT(Verify(Pki("issuing-ca.pem"), Pki("root.pem"), Fetch("/v1/crl/root")),
              HasSubstr(": OK"));
  // A certificate of one CA asked about in the other's name is known to neither.
  EXPECT_THAT(Ocsp(Pem(newcomer.signature_certificate), Pki("issuing-ca.pem")),
              HasSubstr("unauthorized"));
}

}  // namespace
}  // namespace paygate::integration
