// The whole gateway on the financial network instead of a bank in a box: the adapter iso20022 and
// two simulated banks, a seller at one and a buyer at the other.
#pragma once

#include <gtest/gtest.h>

#include "tests/integration/on_network.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {

using protocol::PaymentResult;

struct NetworkPayment : testing::Test {
  static constexpr std::chrono::seconds kLong{90};

  NetworkPayment() : gateway(On(network)) {
    seller = std::make_unique<RawParticipant>(
        gateway, CustomerOf(network, banksim::testing::kSellerBank));
    buyer = std::make_unique<RawParticipant>(
        gateway, CustomerOf(network, banksim::testing::kBuyerBank));
    seller->Register();
    buyer->Register();
  }
  void TearDown() override {
    EXPECT_TRUE(network.LedgerIsRight());
    EXPECT_EQ(gateway.Differences(), differences);
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

  ScratchNetwork network;
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
  std::string differences;  // that a test leaves behind on purpose
};

}  // namespace paygate::integration
