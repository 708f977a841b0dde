// OCSP requests as OpenSSL makes them, and our responses as OpenSSL verifies them.
#include "protocol/ocsp.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/openssl.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Deleter<OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Deleter<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Deleter<OCSP_BASICRESP_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;

struct Ocsp : testing::TestWithParam<hsm::KeyType> {
  RequestPtr Ask(const EVP_MD* hash, bool nonce) {
    RequestPtr request(OCSP_REQUEST_new());
    OCSP_request_add0_id(request.get(), OCSP_cert_to_id(hash, leaf.parsed().x509.get(),
                                                        pki.issuing.parsed().x509.get()));
    if (nonce) OCSP_request_add1_nonce(request.get(), nullptr, 16);
    return request;
  }
  std::string Respond(const OcspRequest& request, OcspStatus status) {
    const OcspSingle single{request.certificates[0].der, status};
    return BuildOcspResponse({.this_update = kTestNow,
                              .next_update = kTestNow + std::chrono::hours(1),
                              .certificates = {&single, 1},
                              .nonce = request.nonce},
                             pki.issuing, *pki.issuing_signer)
        .value();
  }
  // The basic response, verified up to the root.
  BasicPtr Verified(const std::string& der) {
    const uint8_t* at = Bytes(der);
    const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    EXPECT_TRUE(response);
    EXPECT_EQ(OCSP_response_status(response.get()), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    BasicPtr basic(OCSP_response_get1_basic(response.get()));
    const StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), pki.root.parsed().x509.get());
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), base::ToNumericDate(kTestNow));
    EXPECT_EQ(OCSP_basic_verify(basic.get(), nullptr, store.get(), 0), 1);
    ERR_print_errors_fp(stderr);
    return basic;
  }
  TestPki pki{GetParam()};
  Certificate leaf = pki.Leaf(Role::kParticipantSignature, NewKey().public_key());
};

TEST_P(Ocsp, ARequestByEitherHashNamesIssuerAndSerial) {
  for (const EVP_MD* hash : {EVP_sha1(), EVP_sha256()}) {
    const auto parsed = ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, Ask(hash, false).get()));
    ASSERT_TRUE(parsed) << parsed.error().message;
    ASSERT_EQ(parsed->certificates.size(), 1u);
    EXPECT_EQ(base::HexEncode(parsed->certificates[0].serial), leaf.serial_hex());
    EXPECT_TRUE(parsed->certificates[0].IssuedBy(pki.issuing));
    EXPECT_FALSE(parsed->certificates[0].IssuedBy(pki.root));
    EXPECT_EQ(parsed->nonce, "");
  }
  const auto other = ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, Ask(EVP_sha384(), false).get()));
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->certificates[0].IssuedBy(pki.issuing));
}

TEST_P(Ocsp, GoodAndRevokedAreBelievedByOpenSslAndTheNonceComesBack) {
  const RequestPtr request = Ask(EVP_sha1(), true);
  const auto parsed = ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, request.get()));
  ASSERT_TRUE(parsed);
  for (const bool revoked : {false, true}) {
    const BasicPtr basic = Verified(
        Respond(*parsed, {revoked, kTestNow - std::chrono::hours(2), CrlReason::kKeyCompromise}));
    EXPECT_EQ(OCSP_check_nonce(request.get(), basic.get()), 1);
    int status = -1, reason = -1;
    ASN1_GENERALIZEDTIME *at = nullptr, *from = nullptr, *until = nullptr;
    ASSERT_EQ(OCSP_resp_find_status(
                  basic.get(), OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), 0)),
                  &status, &reason, &at, &from, &until),
              1);
    EXPECT_EQ(status, revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD);
    if (revoked) {
      EXPECT_EQ(reason, OCSP_REVOKED_STATUS_KEYCOMPROMISE);
    }
    EXPECT_TRUE(until);
  }
}

TEST_P(Ocsp, WhatIsNoRequestIsMalformed) {
  const std::string good = ToDer(i2d_OCSP_REQUEST, Ask(EVP_sha1(), true).get());
  ASSERT_TRUE(ParseOcspRequest(good));
  EXPECT_FALSE(ParseOcspRequest(""));
  EXPECT_FALSE(ParseOcspRequest(good + "x"));
  EXPECT_FALSE(ParseOcspRequest(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(ParseOcspRequest(std::string(5000, '0')));
  const RequestPtr empty(OCSP_REQUEST_new());
  EXPECT_FALSE(ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, empty.get())));
  RequestPtr many(OCSP_REQUEST_new());
  for (size_t i = 0; i <= kMaxOcspCertificates; ++i) {
    OCSP_request_add0_id(many.get(), OCSP_cert_to_id(EVP_sha1(), leaf.parsed().x509.get(),
                                                     pki.issuing.parsed().x509.get()));
  }
  EXPECT_FALSE(ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, many.get())));
  RequestPtr long_nonce = Ask(EVP_sha1(), false);
  OCSP_request_add1_nonce(long_nonce.get(), nullptr, 200);
  EXPECT_FALSE(ParseOcspRequest(ToDer(i2d_OCSP_REQUEST, long_nonce.get())));
}

TEST_P(Ocsp, AnAnswerOfOursIsReadBackAndNothingButIt) {
  const auto id = OcspCertIdOf(leaf, pki.issuing);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_FALSE(OcspCertIdOf(leaf, pki.root)) << "did not issue it";
  for (const bool revoked : {false, true}) {
    const OcspStatus status{revoked, revoked ? kTestNow - std::chrono::hours(2) : base::UnixTime{},
                            revoked ? CrlReason::kSuperseded : CrlReason::kUnspecified};
    const std::string der = Respond({.certificates = {*id}, .nonce = {}}, status);
    const auto said = VerifyOcspResponse(der, pki.issuing);
    ASSERT_TRUE(said) << said.error().message;
    EXPECT_EQ(said->this_update, kTestNow);
    ASSERT_EQ(said->certificates.size(), 1u);
    EXPECT_EQ(said->certificates[0].status, status);
    EXPECT_EQ(base::HexEncode(said->certificates[0].id.serial), leaf.serial_hex());
    EXPECT_FALSE(VerifyOcspResponse(der, pki.root));
    EXPECT_FALSE(VerifyOcspResponse(der, TestPki(GetParam()).issuing));
    EXPECT_FALSE(VerifyOcspResponse(der + "x", pki.issuing));
    for (size_t at = 0; at < der.size(); ++at) {
      std::string changed = der;
      changed[at] ^= static_cast<char>(1 << at % 8);
      EXPECT_FALSE(VerifyOcspResponse(changed, pki.issuing)) << "byte " << at;
    }
  }
  // Asked with a nonce is for who asked.
  EXPECT_FALSE(VerifyOcspResponse(Respond({.certificates = {*id}, .nonce = "\x04\x01x"}, {}),
                                  pki.issuing));
  EXPECT_FALSE(VerifyOcspResponse(PrintOcspError(OcspError::kTryLater), pki.issuing));
}

TEST_P(Ocsp, AnErrorIsAStatusAndNothingElse) {
  const std::string der = PrintOcspError(OcspError::kTryLater);
  const uint8_t* at = Bytes(der);
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  ASSERT_TRUE(response);
  EXPECT_EQ(OCSP_response_status(response.get()), OCSP_RESPONSE_STATUS_TRYLATER);
}

INSTANTIATE_TEST_SUITE_P(Keys, Ocsp,
                         testing::Values(hsm::KeyType::kP256, hsm::KeyType::kRsa2048));

}  // namespace
}  // namespace paygate::protocol
