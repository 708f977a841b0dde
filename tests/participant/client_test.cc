// An honest gateway, and what goes wrong without anybody's ill will.
#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::PaymentResult;

HttpAnswer Busy(int retry_after_s) {
  return {
      .status = 503,
      .content_type = std::string(kProblemType),
      .body = protocol::Problem{.code = "overloaded", .title = "t", .status = 503, .instance = "1"}
                  .Print(),
      .retry_after_s = retry_after_s};
}

TEST_F(Market, SellsPaysAndHoldsBothResults) {
  const std::string csblk = seller.Sell();
  auto view = buyer.client().Inspect(csblk);
  ASSERT_TRUE(view) << view.error().ToString();
  EXPECT_EQ(view->sblk.goods, "Blue bicycle");
  EXPECT_EQ(view->sblk.price, Price("120.00"));
  EXPECT_EQ(view->seller_id, seller.id());
  EXPECT_EQ(view->account, kSellerIban);

  auto paid = buyer.client().Pay(*view);
  ASSERT_TRUE(paid) << paid.error().ToString();
  ASSERT_TRUE(paid->value);
  EXPECT_EQ(paid->value->payload.result, PaymentResult::kCompleted);
  EXPECT_EQ(buyer.OpenMessages(), 0u);

  auto inbox = seller.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(inbox) << inbox.error().ToString();
  ASSERT_EQ(inbox->size(), 1u);
  ASSERT_TRUE(inbox->front().payment) << inbox->front().set_aside;
  EXPECT_EQ(inbox->front().payment->payload.payment_id, paid->value->payload.payment_id);
  EXPECT_TRUE(seller.client().Inbox(std::chrono::seconds(0))->empty());

  for (Person* person : {&buyer, &seller}) {
    auto receipts = person->client().Receipts();
    ASSERT_TRUE(receipts);
    ASSERT_EQ(receipts->size(), 1u);
    EXPECT_TRUE(receipts->front()) << receipts->front().error().ToString();
  }
}

TEST_F(Market, NoFileBesideTheParticipantsOwnHoldsAnAccountNumberInClear) {
  buyer.Pay(seller.Sell()).value();
  for (const auto& request : gateway.posts) {
    EXPECT_EQ(request.body.find(kBuyerIban), std::string::npos);
  }
}

TEST_F(Market, RefusesToPayTwiceWhatItHoldsAReceiptFor) {
  const std::string csblk = seller.Sell();
  ASSERT_TRUE(buyer.Pay(csblk));
  auto again = buyer.Pay(csblk);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyPaid);
  EXPECT_EQ(gateway.authorisations_seen(), 1u);
}

TEST_F(Market, PaysAgainAfterAPaymentThatFailed) {
  const std::string csblk = seller.Sell();
  gateway.bank_says = PaymentResult::kFailed;
  auto failed = buyer.Pay(csblk);
  ASSERT_TRUE(failed && failed->value);
  EXPECT_EQ(failed->value->payload.result, PaymentResult::kFailed);
  gateway.bank_says = PaymentResult::kCompleted;
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value);
  EXPECT_EQ(paid->value->payload.result, PaymentResult::kCompleted);
  EXPECT_EQ(gateway.payments_made(), 1);
}

TEST_F(Market, KeepsAPendingPaymentOpenUntilTheMailboxBringsItsEnd) {
  const std::string csblk = seller.Sell();
  gateway.bank_says = PaymentResult::kPending;
  auto pending = buyer.Pay(csblk);
  ASSERT_TRUE(pending && pending->value);
  EXPECT_EQ(pending->value->payload.result, PaymentResult::kPending);
  EXPECT_EQ(buyer.OpenMessages(), 1u);
  auto again = buyer.Pay(csblk);  // asks for the same one again
  ASSERT_TRUE(again && again->value);
  EXPECT_EQ(gateway.authorisations_seen(), 1u);

  gateway.SettlePending(PaymentResult::kCompleted);
  auto inbox = buyer.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(inbox && inbox->size() == 1 && inbox->front().payment);
  EXPECT_EQ(inbox->front().payment->payload.result, PaymentResult::kCompleted);
  EXPECT_EQ(buyer.OpenMessages(), 0u);
}

TEST_F(Market, SendsTheIdenticalMessageAgainWhenTheAnswerIsLost) {
  const std::string csblk = seller.Sell();
  int lost = 2;
  gateway.after = [&](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/payments" || lost-- <= 0) return std::nullopt;
    return Fail(ErrorCode::kTimeout, "lost");
  };
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value) << paid.error().ToString();
  const auto sent = gateway.PostsTo("/v1/payments");
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].body, sent[1].body);
  EXPECT_EQ(sent[0].body, sent[2].body);
  EXPECT_EQ(gateway.payments_made(), 1);
}

TEST_F(Market, WaitsAsLongAsABusyGatewayAsksAndNoLongerThanItsBound) {
  const std::string csblk = seller.Sell();
  int busy = 2;
  gateway.before = [&](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/payments" || busy <= 0) return std::nullopt;
    return Busy(busy-- == 2 ? 3 : 3600);
  };
  const auto start = clock.Now();
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value);
  EXPECT_EQ(clock.Now() - start, std::chrono::seconds(13));
}

TEST_F(Market, LeavesAnUnansweredPaymentOpenAndFindsItsReceiptLater) {
  const std::string csblk = seller.Sell();
  gateway.after = [](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/payments") return std::nullopt;
    return Fail(ErrorCode::kTimeout, "lost");
  };
  auto paid = buyer.Pay(csblk);
  ASSERT_FALSE(paid);
  EXPECT_EQ(paid.error().code, ErrorCode::kTimeout);
  gateway.after = nullptr;
  clock.Advance(std::chrono::hours(100));  // long after the handshake
  ASSERT_TRUE(buyer.Start());
  auto resumed = buyer.client().Resume();
  ASSERT_TRUE(resumed && resumed->size() == 1 && resumed->front().payment);
  EXPECT_EQ(gateway.authorisations_seen(), 1u);
  EXPECT_EQ(buyer.OpenMessages(), 0u);
}

TEST_F(Market, StartsAnewOnlyWhenTheGatewayCanNoLongerTakeTheFirst) {
  const std::string csblk = seller.Sell();
  gateway.before = [](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/payments") return std::nullopt;
    return Fail(ErrorCode::kClosed, "never arrived");
  };
  ASSERT_FALSE(buyer.Pay(csblk));
  // A gateway, or whoever sits before it, that calls a handshake expired which is not, decides
  // nothing.
  gateway.before = [](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/payments") return std::nullopt;
    auto answer = Busy(0);
    answer.status = 409;
    answer.body =
        protocol::Problem{.code = "handshake-expired", .title = "t", .status = 409, .instance = "1"}
            .Print();
    return base::Result<HttpAnswer>(answer);
  };
  ASSERT_FALSE(buyer.Pay(csblk));
  EXPECT_EQ(buyer.OpenMessages(), 1u);
  gateway.before = nullptr;
  clock.Advance(std::chrono::seconds(66));
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value) << paid.error().ToString();
  EXPECT_EQ(gateway.authorisations_seen(), 1u);
  EXPECT_EQ(buyer.OpenMessages(), 0u);
}

TEST_F(Market, ASignedRefusalIsFinal) {
  const std::string csblk = seller.Sell();
  gateway.refuse_with = "account-refused";
  auto refused = buyer.Pay(csblk);
  ASSERT_TRUE(refused && refused->refusal);
  EXPECT_EQ(refused->refusal->code, "account-refused");
  EXPECT_TRUE(refused->refusal->is_signed);
  EXPECT_EQ(buyer.OpenMessages(), 0u);
}

TEST_F(Market, FollowsTheGatewayToItsNewKeys) {
  const std::string csblk = seller.Sell();
  gateway.Rotate();
  auto paid =
      buyer.Pay(csblk);  // decryption-failed, then the document anew; the CSBLK's old signer
  ASSERT_TRUE(paid && paid->value) << paid.error().ToString();
  EXPECT_TRUE(seller.client().Inbox(std::chrono::seconds(0))->front().payment);
  auto receipts = buyer.client().Receipts();
  for (auto& receipt : *receipts) EXPECT_TRUE(receipt);
}

TEST_F(Market, SealsTheSameMessageAnewWhenTheKeyChangedWhileItWasOut) {
  const std::string csblk = seller.Sell();
  bool rotated = false;
  gateway.before = [&](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path == "/v1/payments" && !std::exchange(rotated, true)) gateway.Rotate();
    return std::nullopt;
  };
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value) << paid.error().ToString();
  EXPECT_EQ(gateway.authorisations_seen(), 1u);
}

TEST_F(Market, OnlyTheNamedBuyerMayPay) {
  auto sale = seller.client().Sell("Portrait", Price("5.00"), seller.id());
  ASSERT_TRUE(sale && sale->value);
  const size_t before = gateway.posts.size();
  auto paid = buyer.Pay(sale->value->csblk);
  ASSERT_FALSE(paid);
  EXPECT_EQ(paid.error().code, ErrorCode::kNotYours);
  EXPECT_EQ(gateway.posts.size(), before);
}

TEST_F(Market, AnExpiredCsblkIsShownButNotPaid) {
  const std::string csblk = seller.Sell();
  clock.Advance(std::chrono::hours(25));
  ASSERT_TRUE(buyer.client().Inspect(csblk));
  auto paid = buyer.Pay(csblk);
  ASSERT_FALSE(paid);
  EXPECT_EQ(paid.error().code, ErrorCode::kCsblkExpired);
  EXPECT_TRUE(gateway.PostsTo("/v1/payments").empty());
}

TEST_F(Market, ReadsAMailboxOfSeveralPages) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(buyer.Pay(seller.Sell())->value);
  auto inbox = seller.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(inbox);
  EXPECT_EQ(inbox->size(), 5u);
}

TEST_F(Market, AWrongPassphraseOpensNothing) {
  const auto wrong = buyer.client().Unlock(base::SecretBytes::CopyOf("wrong horse"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kPermissionDenied);
  for (const auto& [name, bytes] : buyer.platter) {
    if (name.starts_with("keys/")) {
      EXPECT_NE(bytes.find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos) << name;
    }
  }
}

TEST_F(Market, IsRegisteredOnce) {
  auto again = buyer.client().Register(kBuyerIban, "CODE-0123456789abcdef");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

TEST_F(Market, TheEnrolmentCodeIsForgottenOnceUsed) {
  for (const auto& [name, bytes] : buyer.platter)
    EXPECT_FALSE(name.starts_with("journal/")) << name;
}

}  // namespace
}  // namespace paygate::participant
