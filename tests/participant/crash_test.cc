// The program is killed at every step, before and after it is done, and started again.
#include <set>

#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using protocol::PaymentResult;

constexpr int kMostSteps = 60;

// Every body that was ever sent to `path`.
std::set<std::string> Bodies(const doubles::FakeGateway& gateway, const std::string& path) {
  std::set<std::string> bodies;
  for (const auto& request : gateway.PostsTo(path)) bodies.insert(request.body);
  return bodies;
}

struct Deaths : Market, testing::WithParamInterface<bool> {
  bool after_the_step() const { return GetParam(); }
};

TEST_P(Deaths, OfABuyerLeaveOneAuthorisationAndOnePayment) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    const std::string csblk = seller.Sell();
    gateway.posts.clear();
    const int paid_before = gateway.payments_made();
    const size_t seen_before = gateway.authorisations_seen();
    ASSERT_TRUE(buyer.Start(step, after_the_step()));
    auto first = buyer.Pay(csblk);
    const bool died = buyer.dead();
    ASSERT_TRUE(died || (first && first->value)) << first.error().ToString();

    ASSERT_TRUE(buyer.Start());
    auto resumed = buyer.client().Resume();
    ASSERT_TRUE(resumed) << resumed.error().ToString();
    EXPECT_LE(resumed->size(), 1u);
    for (const auto& one : *resumed) EXPECT_TRUE(one.payment) << "step " << step;
    auto again = buyer.Pay(csblk);  // a person who tries again
    if (!again) {
      EXPECT_EQ(again.error().code, base::ErrorCode::kAlreadyPaid);
    }
    EXPECT_EQ(gateway.payments_made(), paid_before + 1) << "step " << step;
    EXPECT_EQ(gateway.authorisations_seen(), seen_before + 1) << "step " << step;
    EXPECT_EQ(Bodies(gateway, "/v1/payments").size(), 1u) << "step " << step;
    EXPECT_EQ(buyer.OpenMessages(), 0u);
    if (!died) break;
  }
  EXPECT_GE(step, 4);  // challenge, journal, message 3, receipt, journal
  EXPECT_LT(step, kMostSteps);
}

TEST_P(Deaths, OfASellerLeaveOneConfirmationForOneSale) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    gateway.posts.clear();
    const size_t sales_before = seller.client().Sales()->size();
    ASSERT_TRUE(seller.Start(step, after_the_step()));
    auto sale = seller.client().Sell("Blue bicycle", Price("120.00"), "");
    const bool died = seller.dead();
    ASSERT_TRUE(seller.Start());
    auto resumed = seller.client().Resume();
    ASSERT_TRUE(resumed);
    for (const auto& one : *resumed) EXPECT_TRUE(one.sale) << "step " << step;
    const auto sent = Bodies(gateway, "/v1/seller-blocks");
    EXPECT_LE(sent.size(), 1u);
    EXPECT_EQ(seller.client().Sales()->size(), sales_before + sent.size()) << "step " << step;
    EXPECT_EQ(seller.OpenMessages(), 0u);
    if (!died) break;
  }
  EXPECT_GE(step, 4);
  EXPECT_LT(step, kMostSteps);
}

TEST_P(Deaths, OfANewcomerCostNoEnrolmentCode) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    Person newcomer(gateway, clock);
    gateway.posts.clear();
    if (newcomer.Start(step, after_the_step(), true)) {
      (void)newcomer.client().Register(kBuyerIban, "CODE-0123456789abcdef");
    }
    const bool died = newcomer.dead();
    ASSERT_TRUE(newcomer.Start(-1, false, true)) << "step " << step;
    ASSERT_TRUE(newcomer.client().Resume());
    if (!newcomer.client().identity()) {
      auto answer = newcomer.client().Register(kBuyerIban, "CODE-0123456789abcdef");
      ASSERT_TRUE(answer && answer->value) << "step " << step;
    }
    EXPECT_EQ(Bodies(gateway, "/v1/registrations").size(), 1u) << "step " << step;
    EXPECT_EQ(newcomer.OpenMessages(), 0u);
    if (!died) break;
  }
  EXPECT_GE(step, 6);
  EXPECT_LT(step, kMostSteps);
}

TEST_P(Deaths, OfAReaderLoseNoMessage) {
  int step = 0;
  for (; step < kMostSteps; ++step) {
    auto paid = buyer.Pay(seller.Sell());
    ASSERT_TRUE(paid && paid->value);
    ASSERT_TRUE(seller.Start(step, after_the_step()));
    (void)seller.client().Inbox(std::chrono::seconds(0));
    const bool died = seller.dead();
    ASSERT_TRUE(seller.Start());
    ASSERT_TRUE(seller.client().Inbox(std::chrono::seconds(0)));
    EXPECT_TRUE(
        seller.platter.contains("confirmations/" + paid->value->payload.payment_id + ".json"));
    if (!died) break;
  }
  EXPECT_GE(step, 2);
  EXPECT_LT(step, kMostSteps);
}

INSTANTIATE_TEST_SUITE_P(Crash, Deaths, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("AfterTheStep") : std::string("BeforeTheStep");
});

}  // namespace
}  // namespace paygate::participant
