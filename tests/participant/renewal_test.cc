// Renewals and revocations of a participant's program, killed at every step and told lies.
#include <set>

#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using protocol::RevocationReason;
constexpr int kMostSteps = 60;

base::SecretBytes Passphrase() { return base::SecretBytes::CopyOf("correct horse"); }

std::set<std::string> Bodies(const doubles::FakeGateway& gateway, const std::string& path) {
  std::set<std::string> bodies;
  for (const auto& request : gateway.PostsTo(path)) bodies.insert(request.body);
  return bodies;
}

struct Renewals : Market {};
struct RenewalDeaths : Market, testing::WithParamInterface<bool> {};

TEST_F(Renewals, KeepIdAndAccountAndReadWhatCameBefore) {
  auto paid = buyer.Pay(seller.Sell());
  ASSERT_TRUE(paid && paid->value);  // its confirmation is encrypted to the old certificate
  const Identity before = *seller.client().identity();
  auto renewed = seller.client().Renew(Passphrase());
  ASSERT_TRUE(renewed && renewed->value) << renewed.error().ToString();
  EXPECT_EQ(renewed->value->id, before.id);
  EXPECT_EQ(renewed->value->binding, before.binding);
  EXPECT_EQ(renewed->value->generation, 1u);
  EXPECT_NE(renewed->value->signature_certificate, before.signature_certificate);
  ASSERT_TRUE(buyer.Pay(seller.Sell())->value);
  ASSERT_TRUE(seller.client().Renew(Passphrase()));
  ASSERT_TRUE(seller.Start());  // a new run knows all of it
  EXPECT_EQ(seller.client().identity()->generation, 2u);
  ASSERT_TRUE(buyer.Pay(seller.Sell())->value);
  auto messages = seller.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(messages);
  EXPECT_EQ(messages->size(), 3u);
  for (const auto& message : *messages) EXPECT_TRUE(message.payment) << message.set_aside;
}

TEST_P(RenewalDeaths, LeaveOneRenewalAndWorkingKeys) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    Person seller(gateway, clock);  // one at generation 0: each key costs a scrypt
    seller.Register(kSellerIban);
    const int before = gateway.renewals_made();
    const uint32_t generation = seller.client().identity()->generation;
    gateway.posts.clear();
    ASSERT_TRUE(seller.Start(step, GetParam()));
    auto first = seller.client().Renew(Passphrase());
    const bool died = seller.dead();
    ASSERT_TRUE(died || (first && first->value)) << first.error().ToString();

    ASSERT_TRUE(seller.Start()) << "step " << step;
    ASSERT_TRUE(seller.client().Resume());
    if (seller.client().identity()->generation == generation) {  // it was never sent
      EXPECT_EQ(gateway.renewals_made(), before) << "step " << step;
      auto again = seller.client().Renew(Passphrase());
      ASSERT_TRUE(again && again->value) << "step " << step;
    }
    EXPECT_EQ(seller.client().identity()->generation, generation + 1);
    EXPECT_EQ(gateway.renewals_made(), before + 1) << "step " << step;
    EXPECT_EQ(Bodies(gateway, "/v1/renewals").size(), 1u) << "step " << step;
    EXPECT_EQ(seller.OpenMessages(), 0u);
    ASSERT_TRUE(buyer.Pay(seller.Sell())->value) << "step " << step;
    if (!died) break;
  }
  EXPECT_GE(step, 5);  // two keys, journal, message, identity, journal
  EXPECT_LT(step, kMostSteps);
}

TEST_P(RenewalDeaths, LeaveOneRevocation) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    Person leaver(gateway, clock);
    leaver.Register(kBuyerIban);
    const size_t before = gateway.revocations_seen();
    ASSERT_TRUE(leaver.Start(step, GetParam()));
    (void)leaver.client().Revoke(RevocationReason::kKeyCompromise);
    const bool died = leaver.dead();
    ASSERT_TRUE(leaver.Start());
    ASSERT_TRUE(leaver.client().Resume());
    if (gateway.revocations_seen() == before) {
      auto again = leaver.client().Revoke(RevocationReason::kKeyCompromise);
      ASSERT_TRUE(again && again->value) << "step " << step;
    }
    EXPECT_EQ(gateway.revocations_seen(), before + 1) << "step " << step;
    EXPECT_EQ(leaver.OpenMessages(), 0u);
    auto sale = leaver.client().Sell("A thing", Price("1.00"), "");
    ASSERT_FALSE(sale) << "nothing more is signed by one who is revoked";
    EXPECT_EQ(sale.error().code, base::ErrorCode::kPermissionDenied);
    if (!died) break;
  }
  EXPECT_GE(step, 3);
  EXPECT_LT(step, kMostSteps);
}

INSTANTIATE_TEST_SUITE_P(Crash, RenewalDeaths, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("AfterTheStep") : std::string("BeforeTheStep");
});

TEST_F(Renewals, ThatAreRefusedLeaveTheOldCertificatesInForce) {
  gateway.refuse_with = "account-refused";
  auto refused = seller.client().Renew(Passphrase());
  ASSERT_TRUE(refused && refused->refusal);
  EXPECT_EQ(refused->refusal->code, "account-refused");
  EXPECT_EQ(seller.OpenMessages(), 0u);
  EXPECT_EQ(seller.client().identity()->generation, 0u);
  gateway.refuse_with.clear();
  EXPECT_TRUE(seller.client().Renew(Passphrase())->value);
}

TEST_F(Renewals, WithCertificatesForAnotherIdOrAccountAreNotBelieved) {
  gateway.on_registered = [&](protocol::RegisteredPayload& registered) {
    registered.sub = protocol::NewNonce();
  };
  EXPECT_FALSE(seller.client().Renew(Passphrase()));
  EXPECT_EQ(seller.client().identity()->generation, 0u);
  gateway.on_registered = [&](protocol::RegisteredPayload& registered) {
    const auto other = gateway.Issue(protocol::Role::kParticipantSignature, registered.sub,
                                     std::string(32, 'b'));
    registered.signature_certificate = other.certificate.der();
  };
  Person another(gateway, clock);
  gateway.on_registered = nullptr;
  another.Register(kBuyerIban);
  gateway.on_registered = [&](protocol::RegisteredPayload& registered) {
    registered.signature_certificate = another.client().identity()->signature_certificate;
  };
  EXPECT_FALSE(buyer.client().Renew(Passphrase()));
  EXPECT_EQ(buyer.client().identity()->generation, 0u);
}

}  // namespace
}  // namespace paygate::participant
