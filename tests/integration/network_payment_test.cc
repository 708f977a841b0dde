// The whole gateway on the financial network instead of a bank in a box: the adapter iso20022 and
// two simulated banks, with every fault of theirs, and with processes killed on the way.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "tests/banksim/scratch_network.h"
#include "tests/doubles/places.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using banksim::testing::ScratchNetwork;
using protocol::PaymentResult;

constexpr std::chrono::seconds kLong{90};

// Points the gateway's configuration at the network instead of the embedded bank.
ScratchGateway::Options On(const ScratchNetwork& network) {
  return {.engine = {"payment_wait_s = 1", "inquiry_interval_s = 1"},
          .prepare = [&network](const std::string& directory) {
            std::ofstream(directory + "/adapter.toml") 
                << network.AdapterConfig("answer_timeout_s = 3\nlate_answer_wait_s = 3\n");
            std::stringstream text;
            text << std::ifstream(directory + "/gateway.toml").rdbuf();
            std::string config = text.str();
            const size_t from = config.find("[bank]"), to = config.find("[programs]");
            config.replace(from, to - from,
                           "[bank]\nname = \"iso20022\"\nplugin = \"" +
                               doubles::Library("libpaygate_bank_iso20022.so") + "\"\nconfig = \"" +
                               directory + "/adapter.toml\"\n\n");
            std::ofstream(directory + "/gateway.toml") << config;
          }};
}

struct NetworkPayment : testing::Test {
  NetworkPayment() : gateway(On(network)) {
    seller = std::make_unique<RawParticipant>(gateway, CustomerOf(banksim::testing::kSellerBank));
    buyer = std::make_unique<RawParticipant>(gateway, CustomerOf(banksim::testing::kBuyerBank));
    seller->Register();
    buyer->Register();
  }

  Customer CustomerOf(const std::string& bank) const {
    const std::string iban = network.Ibans(bank)[0];
    return {.name = "A customer",
            .iban = iban,
            .currency = "GBP",
            .enrolment_code = network.CodeOf(iban),
            .balance = 100'000};
  }

  // Pays, and follows it to its end: the receipt in the reply, or later in the mailbox.
  protocol::PaymentResultPayload PayToTheEnd(const std::string& goods) {
    const auto csblk = seller->Sell(goods, "1.00");
    const Said said = buyer->Pay(csblk);
    EXPECT_TRUE(said.status == 201 || said.status == 202) << said.status << said.code;
    auto receipt = buyer->ReceiptIn(said);
    if (said.status == 202) {
      EXPECT_EQ(receipt.result, PaymentResult::kPending);
    }
    return FollowedToTheEnd(receipt);
  }

  protocol::PaymentResultPayload FollowedToTheEnd(protocol::PaymentResultPayload receipt) {
    const auto ended = [&] {
      if (receipt.result != PaymentResult::kPending) return true;
      for (const auto& message : buyer->Mailbox(0, 0)) {
        const auto found = Must(protocol::PaymentResultPayload::Parse(
            buyer->Verified(message.jws, protocol::kTypReceipt)));
        if (found.payment_id == receipt.payment_id) receipt = found;
      }
      return receipt.result != PaymentResult::kPending;
    };
    EXPECT_TRUE(Eventually(ended, kLong));
    return receipt;
  }

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

  ScratchNetwork network;
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
  int paid = 0;
};

TEST_F(NetworkPayment, MovesTheMoneyBetweenTwoBanksAndNamesTheBanksReference) {
  const auto receipt = PayToTheEnd("a book");
  EXPECT_EQ(receipt.result, PaymentResult::kCompleted);
  ExpectTruth(receipt);
}

TEST_F(NetworkPayment, EveryFaultOfABankEndsInOneDebitAndTrueReceipts) {
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

TEST_F(NetworkPayment, SurvivesTheDeathOfTheBankHostAndOfTheBanksInFlight) {
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
