// Revocation lists as OpenSSL reads them.
#include "protocol/crl.h"

#include <gtest/gtest.h>

#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/openssl.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;

CrlPtr Parse(const std::string& der) {
  const uint8_t* at = Bytes(der);
  CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  EXPECT_EQ(at, Bytes(der) + der.size());
  return crl;
}

int64_t NumberOf(const CrlPtr& crl, int nid, int* critical = nullptr) {
  std::unique_ptr<ASN1_INTEGER, Deleter<ASN1_INTEGER_free>> number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), nid, critical, nullptr)));
  return number ? ASN1_INTEGER_get(number.get()) : -1;
}

struct Crl : testing::TestWithParam<hsm::KeyType> {
  TestPki pki{GetParam()};
  Certificate leaf = pki.Leaf(Role::kParticipantSignature, NewKey().public_key());
  std::string serial = base::HexDecode(leaf.serial_hex()).value();
  CrlTemplate what{.number = 200,
                   .base_number = std::nullopt,
                   .this_update = kTestNow,
                   .next_update = kTestNow + std::chrono::hours(24)};
};

TEST_P(Crl, OfACompleteListNamesWhatIsRevokedWhenAndWhy) {
  std::string entries;
  AppendCrlEntry(entries, serial, kTestNow - std::chrono::hours(1), CrlReason::kKeyCompromise);
  AppendCrlEntry(entries, std::string("\x40\x01", 2), kTestNow, CrlReason::kUnspecified);
  what.entries = entries;
  what.delta_url = "https://pki.example/v1/crl/delta";
  const auto made = BuildCrl(what, pki.issuing, *pki.issuing_signer);
  ASSERT_TRUE(made) << made.error().message;
  const CrlPtr crl = Parse(*made);
  ASSERT_TRUE(crl);
  EXPECT_EQ(X509_CRL_verify(crl.get(), pki.issuing.key().get()), 1);
  EXPECT_EQ(X509_CRL_get_version(crl.get()), 1);
  EXPECT_EQ(NumberOf(crl, NID_crl_number), 200);
  EXPECT_EQ(NumberOf(crl, NID_delta_crl), -1);
  EXPECT_GE(X509_CRL_get_ext_by_NID(crl.get(), NID_freshest_crl, -1), 0);
  ASSERT_EQ(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl.get())), 2);
  X509_REVOKED* entry = nullptr;
  ASSERT_EQ(X509_CRL_get0_by_cert(crl.get(), &entry, leaf.parsed().x509.get()), 1);
  std::unique_ptr<ASN1_ENUMERATED, Deleter<ASN1_ENUMERATED_free>> reason(
      static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr,
                                                             nullptr)));
  ASSERT_TRUE(reason);
  EXPECT_EQ(ASN1_ENUMERATED_get(reason.get()), 1);
  EXPECT_TRUE(ReadCrl(*made, pki.issuing));
  EXPECT_FALSE(ReadCrl(*made, pki.root)) << "another key signed it";
  EXPECT_FALSE(ReadCrl("no list", pki.issuing));
}

TEST_P(Crl, OfADeltaNamesItsBaseCritically) {
  what.base_number = 150;
  const CrlPtr crl = Parse(BuildCrl(what, pki.issuing, *pki.issuing_signer).value());
  ASSERT_TRUE(crl);
  EXPECT_EQ(X509_CRL_verify(crl.get(), pki.issuing.key().get()), 1);
  int critical = 0;
  EXPECT_EQ(NumberOf(crl, NID_delta_crl, &critical), 150);
  EXPECT_EQ(critical, 1);
  EXPECT_EQ(NumberOf(crl, NID_crl_number), 200);
  EXPECT_EQ(X509_CRL_get_REVOKED(crl.get()), nullptr) << "absent when empty";
}

TEST_P(Crl, IsReadBackAndNoOtherByteIsTakenForIt) {
  std::string entries;
  AppendCrlEntry(entries, serial, kTestNow - std::chrono::hours(1), CrlReason::kKeyCompromise);
  what.entries = entries;
  const std::string der = BuildCrl(what, pki.issuing, *pki.issuing_signer).value();
  const auto read = VerifyCrl(der, pki.issuing);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->this_update, kTestNow);
  ASSERT_EQ(read->entries.size(), 1u);
  EXPECT_EQ(read->entries[0].serial_hex, leaf.serial_hex());
  EXPECT_EQ(read->entries[0].revoked_at, kTestNow - std::chrono::hours(1));
  EXPECT_FALSE(VerifyCrl(der, pki.root));
  EXPECT_FALSE(VerifyCrl(der + "x", pki.issuing));
  for (size_t at = 0; at < der.size(); ++at) {
    std::string changed = der;
    changed[at] ^= static_cast<char>(1 << at % 8);
    EXPECT_FALSE(VerifyCrl(changed, pki.issuing)) << "byte " << at;
  }
  what.base_number = 150;
  EXPECT_FALSE(VerifyCrl(BuildCrl(what, pki.issuing, *pki.issuing_signer).value(), pki.issuing))
      << "a delta is half the truth";
}

TEST_P(Crl, IsNotMadeWithAnotherKeyOrWithTimesInDisorder) {
  EXPECT_FALSE(BuildCrl(what, pki.root, *pki.issuing_signer));
  what.base_number = 201;
  EXPECT_FALSE(BuildCrl(what, pki.issuing, *pki.issuing_signer));
  what.base_number.reset();
  what.next_update = what.this_update;
  EXPECT_FALSE(BuildCrl(what, pki.issuing, *pki.issuing_signer));
}

INSTANTIATE_TEST_SUITE_P(Keys, Crl,
                         testing::Values(hsm::KeyType::kP256, hsm::KeyType::kRsa2048,
                                         hsm::KeyType::kEd25519));

}  // namespace
}  // namespace paygate::protocol
