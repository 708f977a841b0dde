// Lifecycle: a running gateway whose certificates live 100 days, with a seller, a buyer and
// Mallory. The gateway's clock is turned together with everybody's.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tests/integration/raw_participant.h"

namespace paygate::integration {

struct Lifecycle : testing::Test {
  static constexpr std::chrono::days kLife{100};  // renewable from the 10th day to the 130th

  Lifecycle() : Lifecycle({.engine = {"certificate_lifetime_s = 8640000"}}) {}
  explicit Lifecycle(ScratchGateway::Options options) : gateway(std::move(options)) {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    mallory = std::make_unique<RawParticipant>(gateway, customers[2]);
    for (RawParticipant* each : All()) each->Register();
  }
  void TearDown() override {
    EXPECT_TRUE(gateway.LedgerIsRight());
    EXPECT_EQ(gateway.Differences(), "");
  }

  std::vector<RawParticipant*> All() { return {seller.get(), buyer.get(), mallory.get()}; }
  void Turn(std::chrono::seconds by) {
    gateway.TurnClock(by);
    for (RawParticipant* each : All()) each->clock_offset += by;
  }
  // An honest renewal, whole.
  Said Renew(RawParticipant& who) {
    RawParticipant::NewKeys keys;
    const Said said = who.SendRenewal(who.RenewalJws(who.NewRenewal(keys)), keys);
    if (said.status == 201) who.Adopt(std::move(keys), said);
    return said;
  }
  bool PaymentWorks() { return buyer->Pay(seller->Sell("An honest thing", "1.00")).status == 201; }

  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer, mallory;
};

}  // namespace paygate::integration
