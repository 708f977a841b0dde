// Refunds through every answer that a bank can give (protocol.md section 7).
#include "base/crypto.h"
#include "protocol/jws.h"
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

using protocol::RefundResultPayload;
using storage::RefundState;

struct RefundTest : EngineTest {
  // A completed payment of 5.00; its payment_id.
  std::string Paid() {
    const Said said = Answered([&] { return buyer->Pay(seller->Sell("A thing", "5.00")); },
                               Outcome::kCompleted);
    EXPECT_EQ(said.status, 201) << said.code;
    return buyer->ReceiptIn(said).payment_id;
  }
  Said Refund(const std::string& payment_id, const char* amount, Outcome outcome) {
    return Answered([&] { return seller->Refund(payment_id, amount); }, outcome, "AM04");
  }
  RefundResultPayload PendingRefund(const std::string& payment_id, const char* amount) {
    const Said said = Turning([&] { return seller->Refund(payment_id, amount); });
    EXPECT_EQ(said.status, 202) << said.code;
    return seller->RefundReceiptIn(said);
  }
  // The refund confirmations in the buyer's mailbox.
  std::vector<RefundResultPayload> Confirmations() {
    std::vector<RefundResultPayload> found;
    for (const auto& message : buyer->Mailbox()) {
      if (message.member != "refund_confirmation") continue;
      found.push_back(Must(RefundResultPayload::Parse(
          buyer->Verified(message.jws, protocol::kTypRefundConfirmation))));
    }
    return found;
  }
  std::vector<storage::Refund> Refunds(const std::string& payment_id) {
    return Must(store->payments().Refunds(payment_id));
  }
};

TEST_F(RefundTest, InPartAndInFullGiveBothSidesSignedResults) {
  const std::string paid = Paid();
  const Said part = Refund(paid, "2.00", Outcome::kCompleted);
  ASSERT_EQ(part.status, 201) << part.code;
  const auto first = seller->RefundReceiptIn(part);
  EXPECT_EQ(first.result, PaymentResult::kCompleted);
  EXPECT_EQ(first.sub, seller->id);
  EXPECT_EQ(first.payment_id, paid);
  EXPECT_EQ(first.amount.ToString(), "2.00 GBP");
  EXPECT_EQ(first.refunded_total->ToString(), "2.00 GBP");
  EXPECT_EQ(bank.calls().back().second, "return " + first.refund_id + " of REF1");
  const auto rest = seller->RefundReceiptIn(Refund(paid, "3.00", Outcome::kCompleted));
  EXPECT_EQ(rest.refunded_total->ToString(), "5.00 GBP");
  const auto told = Confirmations();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].sub, buyer->id);
  EXPECT_EQ(told[0].refund_id, first.refund_id);
  EXPECT_EQ(told[1].refunded_total->ToString(), "5.00 GBP");
  const size_t asked = bank.calls().size();
  const Said more = seller->Refund(paid, "0.01");
  EXPECT_EQ(more.code, "refund-exceeds-payment");
  EXPECT_TRUE(more.is_signed);
  EXPECT_EQ(bank.calls().size(), asked) << "the bank never heard of it";
}

TEST_F(RefundTest, ThatTheBankRejectsLeaveTheMoneyToBeRefunded) {
  const std::string paid = Paid();
  const Said failed = Refund(paid, "5.00", Outcome::kRejected);
  ASSERT_EQ(failed.status, 201) << failed.code;
  const auto receipt = seller->RefundReceiptIn(failed);
  EXPECT_EQ(receipt.result, PaymentResult::kFailed);
  EXPECT_FALSE(receipt.refunded_total);
  EXPECT_EQ(Confirmations().at(0).result, PaymentResult::kFailed);
  EXPECT_EQ(seller->RefundReceiptIn(Refund(paid, "5.00", Outcome::kCompleted)).result,
            PaymentResult::kCompleted);
}

TEST_F(RefundTest, WhoseOutcomeIsUnknownAreAskedAboutAndEndInBothMailboxes) {
  const std::string paid = Paid();
  const auto pending = PendingRefund(paid, "5.00");
  EXPECT_EQ(pending.result, PaymentResult::kPending);
  EXPECT_EQ(seller->Refund(paid, "0.01").code, "refund-exceeds-payment") << "an open one counts";
  bank.Answer(Outcome::kUnknown);
  const auto [call, bytes] = NextCall();
  EXPECT_EQ(call, ScriptedBank::Call::kStatus);
  EXPECT_EQ(bytes, "return " + pending.refund_id + " of REF1");
  bank.Answer(Outcome::kPending);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.refund_id));
  EXPECT_EQ(Confirmations().at(0).result, PaymentResult::kCompleted);
  const auto messages = seller->Mailbox();
  ASSERT_EQ(messages.back().member, "receipt");
  EXPECT_EQ(Must(RefundResultPayload::Parse(
                     seller->Verified(messages.back().jws, protocol::kTypRefundReceipt)))
                .refund_id,
            pending.refund_id);
}

TEST_F(RefundTest, ThatTheBankNeverReceivedFailAfterTheDeadlineAndNoSooner) {
  const std::string paid = Paid();
  const auto pending = PendingRefund(paid, "1.00");
  bank.Answer(Outcome::kUnknown);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  bank.Answer(Outcome::kNotFound);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kSubmit);
  bank.Answer(Outcome::kUnknown);
  clock.Advance(std::chrono::minutes(10));
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  EXPECT_EQ(Refunds(paid).at(0).state, RefundState::kOpen);
  bank.Answer(Outcome::kNotFound);
  ASSERT_TRUE(Settles(pending.refund_id));
  EXPECT_EQ(Refunds(paid).at(0).state, RefundState::kFailed);
}

TEST_F(RefundTest, OpenAtARestartAreAskedAboutBeforeAnythingIsSent) {
  const std::string paid = Paid();
  const auto pending = PendingRefund(paid, "5.00");
  RestartEngine();
  const auto [call, bytes] = NextCall();
  EXPECT_EQ(call, ScriptedBank::Call::kStatus);
  EXPECT_EQ(bytes, "return " + pending.refund_id + " of REF1");
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.refund_id));
  EXPECT_EQ(Refunds(paid).at(0).refunded_total, 500);
}

TEST_F(RefundTest, AreDurableWhileTheTokenIsAwayAndTheirResultsFollow) {
  const std::string paid = Paid();
  const auto pending = PendingRefund(paid, "5.00");
  token_away = true;
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Eventually([&] { return Refunds(paid).at(0).state == RefundState::kCompleted; }));
  EXPECT_EQ(Stored(pending.refund_id)->results.receipt, "");
  RestartEngine();
  token_away = false;
  ASSERT_TRUE(Eventually([&] {
    clock.Advance(std::chrono::seconds(1));
    engine->Tick();
    return !Stored(pending.refund_id)->results.receipt.empty();
  }));
  EXPECT_EQ(bank.waiting(), 0u) << "the bank has spoken; it is not asked again";
  EXPECT_EQ(Confirmations().size(), 1u);
}

TEST_F(RefundTest, ResentGetTheSameAnswerAndTheBankHearsOnce) {
  const std::string paid = Paid();
  const auto refund = seller->NewRefund(paid, "1.00");
  const auto challenge = seller->AskRefund(refund);
  const std::string jws = seller->RefundAuthorisation(refund, challenge);
  const auto send = [&] { return seller->SendRefund(jws, challenge.handshake); };
  const size_t before = bank.calls().size();
  const Said first = Answered(send, Outcome::kCompleted);
  ASSERT_EQ(first.status, 201) << first.code;
  EXPECT_EQ(send().payload, first.payload);
  EXPECT_EQ(bank.calls().size(), before + 1);
  EXPECT_EQ(Refunds(paid).size(), 1u);
  EXPECT_EQ(Confirmations().size(), 1u);
}

TEST_F(RefundTest, OfWhatIsNotOnesToRefundAreRefusedAndNothingChanges) {
  const std::string paid = Paid();
  const size_t asked = bank.calls().size();
  auto mallory = Participant("DE89370400440532013000");
  EXPECT_EQ(mallory->Refund(paid, "1.00").code, "not-yours");
  EXPECT_EQ(buyer->Refund(paid, "1.00").code, "not-yours");
  EXPECT_EQ(seller->Refund(base::Sha256Base64Url("nothing"), "1.00").code, "not-found");
  EXPECT_EQ(seller->Refund(paid, "5.01").code, "refund-exceeds-payment");
  const auto euro = seller->NewRefund(paid, "1.00", "EUR");
  const auto challenge = seller->AskRefund(euro);
  EXPECT_EQ(seller->SendRefund(seller->RefundAuthorisation(euro, challenge), challenge.handshake)
                .code,
            "unsupported-currency");
  const auto other = seller->NewRefund(paid, "5.00");
  EXPECT_EQ(seller->SendRefund(seller->RefundAuthorisation(other, challenge), challenge.handshake)
                .code,
            "block-mismatch") << "another refund than was challenged";
  EXPECT_EQ(seller->SendRefund(seller->RefundAuthorisation(other, challenge), "").status, 400);
  EXPECT_EQ(bank.calls().size(), asked);
  EXPECT_TRUE(Refunds(paid).empty());
  EXPECT_EQ(store->payments().OpenCount(), 0u);
}

TEST_F(RefundTest, OfAPaymentThatIsOpenOrFailedAreRefused) {
  const auto pending = PendingPayment();
  EXPECT_EQ(seller->Refund(pending.payment_id, "1.00").code, "in-flight");
  bank.Answer(Outcome::kRejected, "AM04");
  ASSERT_TRUE(Settles(pending.payment_id));
  EXPECT_EQ(seller->Refund(pending.payment_id, "1.00").code, "not-found");
  EXPECT_TRUE(Refunds(pending.payment_id).empty());
}

TEST_F(RefundTest, WithoutABankThatGivesBackTheSellerIsToldToComeBack) {
  const std::string paid = Paid();
  bank.returns = false;
  EXPECT_EQ(seller->Refund(paid, "1.00").code, "bank-unavailable");
  bank.returns = true;
  bank.away = true;
  EXPECT_EQ(seller->Refund(paid, "1.00").code, "bank-unavailable");
  EXPECT_TRUE(Refunds(paid).empty());
}

}  // namespace
}  // namespace paygate::gateway::engine
