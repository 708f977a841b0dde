// CRL and OCSP in the engine: what a burst costs, and when lists are made.
#include <gtest/gtest.h>
#include <openssl/ocsp.h>

#include "base/encoding.h"
#include "gateway/engine/crls.h"
#include "gateway/engine/ocsp.h"
#include "tests/doubles/ocsp_question.h"
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

// Certificates whose status a test sets; the store's own are tested with the store.
class Statuses final : public storage::CertificateStatuses {
 public:
  base::Result<std::optional<storage::RegisteredCertificates>> FindBySerial(
      std::string_view, std::string_view serial) const override {
    if (base::HexEncode(serial) != known) return std::optional<storage::RegisteredCertificates>();
    storage::RegisteredCertificates pair;
    pair.revoked = reason;
    pair.revoked_at = at;
    return std::optional(pair);
  }
  base::Status ForEachRevoked(
      std::string_view, base::UnixTime since,
      const std::function<void(const storage::RevokedCertificate&)>& visit) const override {
    if (reason == storage::RevocationReason::kNone || at < since) return {};
    visit({*base::HexDecode(known), reason, at, at + std::chrono::days(100)});
    return {};
  }
  uint64_t Revocations() const override { return revocations; }
  base::Result<uint64_t> NextCrlNumber(std::string_view) override { return ++number; }

  std::string known;
  storage::RevocationReason reason = storage::RevocationReason::kNone;
  base::UnixTime at{};
  std::atomic<uint64_t> revocations = 0;
  std::atomic<uint64_t> number = 0;
};

struct StatusTest : EngineTest {
  StatusTest() {
    certificate = Must(Certificate::Parse(buyer->signature_certificate));
    statuses.known = certificate->serial_hex();
  }
  std::string Request(bool nonce = false) {
    return doubles::OcspQuestion(certificate->der(), keys->Issuing().certificate.der(), nonce);
  }
  Response Send(const std::string& request, const std::string& source = "192.0.2.1") {
    Response response;
    ocsp.Post(request, source, Reply(1, [&](Response r) { response = std::move(r); }));
    EXPECT_EQ(response.status, 200u);
    EXPECT_EQ(response.content_type, "application/ocsp-response");
    return response;
  }
  Response List(const std::string& rest) {
    Response response;
    crls->Get(rest, "192.0.2.1", Reply(1, [&](Response r) { response = std::move(r); }));
    return response;
  }
  bool MadeAfter(uint64_t number) {
    return Eventually([&] {
      crls->Tick();
      return statuses.number > number;
    });
  }
  // Ticks without end make no list now.
  bool NoneDue() {
    const uint64_t before = statuses.number;
    for (int i = 0; i < 20; ++i) crls->Tick();
    workers.Drain();
    return statuses.number == before;
  }

  std::optional<Certificate> certificate;
  Statuses statuses;
  Envelope envelope{*in_force};
  Ocsp ocsp{clock, envelope, statuses};
  base::WorkerPool workers{"crl", 1, 16};
  std::unique_ptr<Crls> crls =
      std::make_unique<Crls>(clock, envelope, statuses, workers, "https://pay.example");
};

TEST_F(StatusTest, ABurstOfQuestionsCostsOneSignature) {
  const std::string request = Request();
  const std::string first = Send(request).body;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Send(request).body, first);
  EXPECT_EQ(ocsp.signatures(), 1u);
  clock.Advance(kOcspLifetime / 2 + std::chrono::seconds(1));
  EXPECT_NE(Send(request).body, first) << "signed anew before it lapses";
  EXPECT_EQ(ocsp.signatures(), 2u);
}

TEST_F(StatusTest, RevokedIsSaidFromTheNextQuestionOn) {
  const std::string request = Request(), good = Send(request).body;
  statuses.reason = storage::RevocationReason::kKeyCompromise;
  statuses.at = clock.Now();
  EXPECT_NE(Send(request).body, good);
  EXPECT_EQ(ocsp.signatures(), 2u);
}

TEST_F(StatusTest, NoncesAreLimitedBySourceAndThenLeftOut) {
  for (uint64_t i = 0; i < kOcspSignedPerSource; ++i) Send(Request(true));
  EXPECT_EQ(ocsp.signatures(), kOcspSignedPerSource);
  const std::string without = Send(Request(true)).body;
  EXPECT_EQ(Send(Request()).body, without) << "the kept answer, without nonce";
  EXPECT_EQ(ocsp.signatures(), kOcspSignedPerSource + 1);
  Send(Request(true), "192.0.2.2");
  EXPECT_EQ(ocsp.signatures(), kOcspSignedPerSource + 2) << "another source";
  clock.Advance(std::chrono::seconds(1));
  Send(Request(true));
  EXPECT_EQ(ocsp.signatures(), kOcspSignedPerSource + 3) << "another second";
}

TEST_F(StatusTest, WhatIsNoQuestionOrNotOursCostsNoSignature) {
  const std::string malformed = protocol::PrintOcspError(protocol::OcspError::kMalformedRequest);
  EXPECT_EQ(Send("not DER").body, malformed);
  statuses.known = "another";
  EXPECT_EQ(Send(Request()).body,
            protocol::PrintOcspError(protocol::OcspError::kUnauthorized));
  EXPECT_EQ(ocsp.signatures(), 0u);
}

TEST_F(StatusTest, AQuestionInAPathIsPercentEncodedBase64) {
  const auto get = [&](const std::string& path) {
    Response response;
    ocsp.Get(path, "192.0.2.1", Reply(1, [&](Response r) { response = std::move(r); }));
    return response.body;
  };
  std::string text = base::Base64Encode(Request()), escaped;
  for (char c : text) {
    escaped += c == '+' ? "%2B" : c == '/' ? "%2f" : c == '=' ? "%3D" : std::string(1, c);
  }
  const std::string posted = Send(Request()).body;
  EXPECT_EQ(get(escaped), posted);
  EXPECT_EQ(get(text), posted);
  const std::string malformed = protocol::PrintOcspError(protocol::OcspError::kMalformedRequest);
  for (const char* bad : {"", "%", "%2", "%zz", "!!!!"}) EXPECT_EQ(get(bad), malformed) << bad;
}

TEST_F(StatusTest, ListsAreMadeOnChangeAtMostOnceASecondAndBeforeTheyLapse) {
  EXPECT_EQ(List("").status, 503u) << "none is made yet";
  ASSERT_TRUE(MadeAfter(0));
  ASSERT_TRUE(Eventually([&] { return List("").status == 200; }));
  const std::string empty = List("").body;
  statuses.reason = storage::RevocationReason::kSuperseded;
  statuses.at = clock.Now();
  ++statuses.revocations;
  clock.Advance(std::chrono::seconds(2));
  ASSERT_TRUE(MadeAfter(1));
  ASSERT_TRUE(Eventually([&] { return List("").body != empty; }));
  EXPECT_EQ(List("/" + base::HexEncode(keys->Issuing().certificate.subject_key_id())).body,
            List("").body);
  EXPECT_LT(List("/delta").body.size(), List("").body.size() + 100);
  EXPECT_EQ(List("/0123").status, 404u);
  EXPECT_EQ(List("/root").status, 404u);
  clock.Advance(kCrlReissue);
  ASSERT_TRUE(MadeAfter(2));
  ++statuses.revocations;
  EXPECT_TRUE(NoneDue()) << "within the second";
}

}  // namespace
}  // namespace paygate::gateway::engine
