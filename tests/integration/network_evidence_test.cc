// Evidence of a payment on the financial network: the bank's signed answer is in it, and who has
// the bank's public key sees what the bank said.
#include <gmock/gmock.h>

#include "base/file.h"
#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"
#include "tests/integration/on_network.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using banksim::testing::kBuyerBank;
using banksim::testing::kSellerBank;
using protocol::PaymentResult;
using testing::HasSubstr;

struct NetworkEvidence : testing::Test {
  using Ran = doubles::ShellRan;
  NetworkEvidence()
      : gateway({.prepare = [this](const std::string& directory) { PutOn(network, directory); }}) {
    for (auto [who, bank] : {std::pair{&seller, kSellerBank}, {&buyer, kBuyerBank}}) {
      *who = std::make_unique<RawParticipant>(gateway, CustomerOf(network, bank));
      (*who)->Register();
    }
    Must(base::WriteNewFile(gateway.directory() + "/root.pem", gateway.RootPem()));
  }
  Ran Verify(const std::string& payment_id, const std::string& bank) const {
    const std::string file = gateway.directory() + "/" + payment_id + ".json";
    const Ran made =
        doubles::Shell(doubles::Program("paygatectl") + " --config " + gateway.directory() +
                       "/gateway.toml evidence --force --out " + file + " -- " + payment_id);
    EXPECT_EQ(made.code, 0) << made.out;
    return doubles::Shell(doubles::Program("paygate-audit") + " verify-evidence " + file +
                          " --root " + gateway.directory() + "/root.pem" +
                          (bank.empty() ? "" : " --bank-signer " + network.directory() + "/" +
                                                   bank + "-signing.pem"));
  }

  ScratchNetwork network;
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
};

TEST_F(NetworkEvidence, HasTheAnswerOfTheBuyersBankSigned) {
  const auto paid = buyer->ReceiptIn(buyer->Pay(seller->Sell("a book", "5.00")));
  ASSERT_EQ(paid.result, PaymentResult::kCompleted);
  ASSERT_EQ(seller->Refund(paid.payment_id, "1.00").status, 201);
  Ran ran = Verify(paid.payment_id, "");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("not checked: the bank's signature on its answer"));
  ran = Verify(paid.payment_id, kBuyerBank);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the payment "));
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the refund "));
  ran = Verify(paid.payment_id, kSellerBank);
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("the signature is not by this key"));
}

TEST_F(NetworkEvidence, OfARejectedPaymentHasTheBanksNoSigned) {
  network.AddRule(R"({"times":1,"fault":"reject","reason":"AC06"})");
  const auto failed = buyer->ReceiptIn(buyer->Pay(seller->Sell("a book", "5.00")));
  ASSERT_EQ(failed.result, PaymentResult::kFailed);
  const Ran ran = Verify(failed.payment_id, kBuyerBank);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the payment "));
  EXPECT_THAT(ran.out, HasSubstr("reason AC06: no money moved"));
}

}  // namespace
}  // namespace paygate::integration
