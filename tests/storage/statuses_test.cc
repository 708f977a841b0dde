// Certificates by issuer and serial: real ones, since the store reads their names.
#include "base/encoding.h"
#include "tests/protocol/test_pki.h"
#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using protocol::Certificate;
using protocol::Role;

struct StatusesTest : StoreTest {
  Registration Register(const std::string& id) {
    const Registration registration{
        .request_digest = "request of " + id,
        .participant_id = id,
        .signature_certificate =
            pki.Leaf(Role::kParticipantSignature, protocol::NewKey().public_key()).der(),
        .encryption_certificate =
            pki.Leaf(Role::kParticipantEncryption,
                     protocol::NewKey(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt).public_key())
                .der(),
        .registered_jws = "registered",
        .registered_at = At(0)};
    EXPECT_TRUE(store_->registrations().Complete(registration));
    return registration;
  }
  static std::string SerialOf(const std::string& der) {
    return base::HexDecode(Certificate::Parse(der).value().serial_hex()).value();
  }
  std::vector<RevokedCertificate> RevokedSince(base::UnixTime since) {
    std::vector<RevokedCertificate> all;
    EXPECT_TRUE(store_->statuses().ForEachRevoked(
        ca, since, [&](const RevokedCertificate& r) { all.push_back(r); }));
    return all;
  }
  protocol::TestPki pki;
  const std::string ca = pki.issuing.subject_key_id();
};

TEST_F(StatusesTest, ACertificateIsFoundByItsIssuerAndSerialAndByNoOthers) {
  const Registration r = Register("alice");
  Reopen();
  for (const std::string& der : {r.signature_certificate, r.encryption_certificate}) {
    const auto found = store_->statuses().FindBySerial(ca, SerialOf(der)).value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->participant_id, "alice");
    EXPECT_EQ(found->revoked, RevocationReason::kNone);
    EXPECT_FALSE(store_->statuses().FindBySerial(std::string(20, 'x'), SerialOf(der)).value());
  }
  EXPECT_FALSE(store_->statuses().FindBySerial(ca, "no such").value());
  EXPECT_FALSE(store_->statuses().FindBySerial(ca, "").value());
}

TEST_F(StatusesTest, WhatIsRevokedIsListedOnceInItsOrderAndSurvivesARestart) {
  const Registration alice = Register("alice"), bob = Register("bob");
  const uint64_t before = store_->statuses().Revocations();
  auto& certificates = store_->certificates();
  ASSERT_TRUE(certificates.Revoke("bob", RevocationReason::kSuperseded, At(100)));
  EXPECT_NE(store_->statuses().Revocations(), before);
  ASSERT_TRUE(certificates.Revoke("alice", RevocationReason::kKeyCompromise, At(200)));
  ASSERT_TRUE(certificates.Revoke("alice", RevocationReason::kSuperseded, At(300)));
  Reopen();
  const auto all = RevokedSince({});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].reason, RevocationReason::kSuperseded);
  EXPECT_EQ(all[0].revoked_at, At(100));
  EXPECT_EQ(all[3].reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(all[3].not_after,
            Certificate::Parse(alice.signature_certificate).value().not_after());
  EXPECT_EQ(RevokedSince(At(100)).size(), 4u);
  const auto later = RevokedSince(At(101));
  ASSERT_EQ(later.size(), 2u);
  EXPECT_TRUE(later[0].serial == SerialOf(alice.signature_certificate) ||
              later[1].serial == SerialOf(alice.signature_certificate));
  EXPECT_EQ(store_->statuses().FindBySerial(ca, SerialOf(bob.signature_certificate))
                .value()
                ->revoked,
            RevocationReason::kSuperseded);
}

TEST_F(StatusesTest, ANumberOfAListIsNeverGivenTwice) {
  EXPECT_EQ(store_->statuses().NextCrlNumber(ca).value(), 1u);
  EXPECT_EQ(store_->statuses().NextCrlNumber(ca).value(), 2u);
  EXPECT_EQ(store_->statuses().NextCrlNumber("another").value(), 1u);
  Reopen();
  EXPECT_EQ(store_->statuses().NextCrlNumber(ca).value(), 3u);
}

}  // namespace
}  // namespace paygate::storage
