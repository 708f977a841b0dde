// The whole gateway on the financial network instead of a bank in a box: the adapter iso20022 and
// two simulated banks, with every fault of theirs, and with processes killed on the way.
#include <signal.h>

#include "tests/integration/network_payment.h"

namespace paygate::integration {
namespace {

struct NetworkTruth : NetworkPayment {
  // The buyer's receipt and the seller's confirmation are the banks' truth.
  void ExpectTruth(const protocol::PaymentResultPayload& receipt) {
    const bool completed = receipt.result == PaymentResult::kCompleted;
    EXPECT_NE(receipt.result, PaymentResult::kPending);
    EXPECT_EQ(network.TruthOf(receipt.payment_id), completed ? "completed" : "rejected");
    bool told = false;
    const auto seen = [&] {
      for (const auto& message : seller->Mailbox(0, 0)) {
        const auto found = Must(protocol::PaymentResultPayload::Parse(
            seller->Verified(message.jws, protocol::kTypPaymentConfirmation)));
        if (found.payment_id == receipt.payment_id && found.result == receipt.result) told = true;
      }
      return told;
    };
    EXPECT_TRUE(Eventually(seen, kLong));
    EXPECT_TRUE(network.LedgerIsRight());
    paid += completed ? 1 : 0;
    EXPECT_EQ(network.BalanceOf(buyer->customer.iban), std::to_string(1000 - paid) + ".00");
    EXPECT_EQ(network.BalanceOf(seller->customer.iban), std::to_string(1000 + paid) + ".00");
  }

  int paid = 0;
};

TEST_F(NetworkTruth, MovesTheMoneyBetweenTwoBanksAndNamesTheBanksReference) {
  const auto receipt = PayToTheEnd("a book");
  EXPECT_EQ(receipt.result, PaymentResult::kCompleted);
  ExpectTruth(receipt);
}

TEST_F(NetworkTruth, EveryFaultOfABankEndsInOneDebitAndTrueReceipts) {
  for (const char* fault :
       {R"("reject","reason":"AC06")", R"("lost")", R"("answer-lost")", R"("late","delay_ms":200)",
        R"("pending","delay_ms":1500)", R"("contradict","delay_ms":0)", R"("out-of-order")",
        R"("cut")", R"("malformed")", R"("wrong-signature")", R"("admi")", R"("restart")"}) {
    SCOPED_TRACE(fault);
    network.AddRule(std::string("{\"times\":1,\"fault\":") + fault + "}");
    const auto receipt = PayToTheEnd(fault);
    EXPECT_EQ(receipt.result, std::string(fault).starts_with("\"reject")
                                  ? PaymentResult::kFailed
                                  : PaymentResult::kCompleted);
    // The simulator that started anew has its rules of the configuration: none.
    if (std::string(fault) != R"("restart")") network.ClearRules();
    ExpectTruth(receipt);
  }
}

TEST_F(NetworkTruth, SurvivesTheDeathOfTheBankHostAndOfTheBanksInFlight) {
  for (const bool of_banks : {false, true}) {
    SCOPED_TRACE(of_banks ? "banks" : "bank host");
    // Applied and not answered: the payment is in flight for as long as we like.
    network.AddRule(R"({"times":1,"fault":"silent","delay_ms":60000})");
    const auto csblk = seller->Sell("a lamp", "1.00");
    const Said said = buyer->Pay(csblk);
    ASSERT_EQ(said.status, 202) << said.code;
    if (of_banks) {
      network.Kill();
      network.Start();
    } else {
      gateway.Kill("paygate-bank", SIGKILL);
    }
    const auto receipt = FollowedToTheEnd(buyer->ReceiptIn(said));
    EXPECT_EQ(receipt.result, PaymentResult::kCompleted);
    ExpectTruth(receipt);
  }
}

}  // namespace
}  // namespace paygate::integration
