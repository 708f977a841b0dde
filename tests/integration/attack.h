// Attack: a running gateway with a seller, a buyer and Mallory. After each test nobody has been
// debited, the next honest payment works, and the bank's ledger is right.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/raw_participant.h"

namespace paygate::integration {

struct Attack : testing::Test {
  Attack() {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    mallory = std::make_unique<RawParticipant>(gateway, customers[2]);
    for (RawParticipant* each : {seller.get(), buyer.get(), mallory.get()}) each->Register();
    money = Balances();
  }

  std::vector<int64_t> Balances() const {
    std::vector<int64_t> all;
    for (const Customer& customer : gateway.Customers()) all.push_back(customer.balance);
    return all;
  }
  void TearDown() override {
    if (IsSkipped() || HasFatalFailure()) return;
    EXPECT_EQ(Balances(), money) << "somebody was debited";
    EXPECT_EQ(HonestPayment().status, 201) << "the next honest payment does not work";
    EXPECT_TRUE(gateway.LedgerIsRight());
  }
  Said HonestPayment() { return buyer->Pay(seller->Sell("An honest thing", "1.00")); }

  // Message 3 of a payment with a BBLK, CSBLK and time of the attacker's choice.
  Said PayWith(RawParticipant& who, const protocol::Bblk& bblk, const std::string& csblk_jws,
               const std::string& seller_disclosure, std::optional<int64_t> iat = std::nullopt) {
    const auto challenge = who.AskBuyer(bblk);
    return who.SendAuthorisation(who.Authorisation(bblk, challenge, csblk_jws, iat),
                                 challenge.handshake, seller_disclosure);
  }

  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer, mallory;
  std::vector<int64_t> money;
};

}  // namespace paygate::integration
