// What a bank may say to a renewal, and what may happen while it is asked.
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

class EngineRenewalTest : public EngineTest {
 protected:
  static Config ShortLived(Config config) {
    config.engine.certificate_lifetime_s = std::chrono::days(60);
    return config;
  }
  // Certificates of 60 days can be renewed at once.
  EngineRenewalTest() {
    StopEngine();
    config = ShortLived(config);
    StartEngine();
    late = Participant("GB82WEST12345698765432");
    for (auto* each : {seller.get(), buyer.get()}) {
      each->transport = std::make_unique<EngineTransport>(*engine);
    }
  }
  Said Renew() { return late->SendRenewal(jws, keys); }

  RawParticipant::NewKeys keys;
  std::unique_ptr<RawParticipant> late;
  std::string jws;
};

TEST_F(EngineRenewalTest, WaitsForTheBankAndIsRefusedForGoodByIt) {
  jws = late->RenewalJws(late->NewRenewal(keys));
  bank.verification.verdict = bank::Verdict::kNoAnswer;
  EXPECT_EQ(Renew().code, "bank-unavailable") << "decides nothing";
  bank.verification = {.verdict = bank::Verdict::kRefused, .reason = "AC04"};
  const Said refused = Renew();
  EXPECT_EQ(refused.code, "account-refused");
  EXPECT_TRUE(refused.is_signed);
  bank.verification = {.verdict = bank::Verdict::kVerified};
  EXPECT_EQ(Renew().payload, refused.payload) << "a refusal is final";
  jws = late->RenewalJws(late->NewRenewal(keys));
  EXPECT_EQ(Renew().status, 201) << "another renewal is another question";
}

TEST_F(EngineRenewalTest, OfAParticipantWhoIsRevokedMeanwhileMakesNoCertificate) {
  jws = late->RenewalJws(late->NewRenewal(keys));
  bank.while_verifying = [&] {
    ASSERT_TRUE(store->certificates().Revoke(
        late->id, storage::RevocationReason::kKeyCompromise, clock.Now()));
  };
  EXPECT_EQ(Renew().code, "certificate-revoked");
  EXPECT_EQ(store->certificates().FindByParticipant(late->id).value().size(), 1u);
}

TEST_F(EngineRenewalTest, ByTwoMessagesAtOnceMakesOnePair) {
  jws = late->RenewalJws(late->NewRenewal(keys));
  const RawParticipant::NewKeys other_keys;
  const std::string other = late->RenewalJws(late->NewRenewal(other_keys));
  bool asked = false;
  Said second;
  bank.while_verifying = [&] {
    if (std::exchange(asked, true)) return;
    second = late->SendRenewal(other, other_keys);
  };
  EXPECT_EQ(Renew().code, "certificate-invalid");
  EXPECT_EQ(second.status, 201) << second.code;
  EXPECT_EQ(store->certificates().FindByParticipant(late->id).value().size(), 2u);
}

TEST_F(EngineRenewalTest, IsRefusedWhileTheParticipantIsHeldAndRevocationIsNot) {
  ASSERT_TRUE(store->certificates().Hold(late->id, "asked by the bank", clock.Now()));
  jws = late->RenewalJws(late->NewRenewal(keys));
  const Said held = Renew();
  EXPECT_EQ(held.code, "account-refused");
  EXPECT_FALSE(held.is_signed) << "it decides nothing";
  EXPECT_EQ(late->SendMailbox(0, 0).code, "account-refused");
  ASSERT_TRUE(store->certificates().Release(late->id, clock.Now()));
  EXPECT_EQ(Renew().status, 201) << "the identical message, once released";
  ASSERT_TRUE(store->certificates().Hold(late->id, "", clock.Now()));
  EXPECT_EQ(late->SendRevocation(late->RevocationJws(protocol::RevocationReason::kKeyCompromise))
                .status, 200) << "theft can be told at any time";
}

TEST_F(EngineRenewalTest, ASaleOfASellerWhoIsHeldIsPaidAfterTheRelease) {
  const auto csblk = late->Sell("A thing", "5.00");
  ASSERT_TRUE(store->certificates().Hold(late->id, "", clock.Now()));
  EXPECT_EQ(buyer->Pay(csblk).code, "account-refused");
  ASSERT_TRUE(store->certificates().Release(late->id, clock.Now()));
  const Said said = Turning([&] { return buyer->Pay(csblk); });
  EXPECT_EQ(said.status, 202) << said.code;
}

}  // namespace
}  // namespace paygate::gateway::engine
