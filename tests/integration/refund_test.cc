// Refunds on the running gateway (paper 7.4, protocol.md section 7), through the wallet, and what
// an attacker tries.
#include <signal.h>

#include <atomic>
#include <thread>

#include "protocol/jws.h"
#include "tests/integration/wallets.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else

struct RefundWallets : Wallets {
  RefundWallets() {
    Register("seller", 0);
    Register("buyer", 1);
    all = gateway.TotalMoney();
    seller_had = BalanceOf(0);
    buyer_had = BalanceOf(1);
    const std::string csblk = File("bicycle");
    EXPECT_EQ(Run("seller", "sell Bicycle 120.00 GBP --out " + csblk).code, 0);
    payment_id = Run("buyer", "pay --yes --json " + csblk)["payment_id"];
    EXPECT_EQ(payment_id.size(), 43u);
  }
  void TearDown() override {
    EXPECT_EQ(gateway.TotalMoney(), all);
    Wallets::TearDown();
  }
  // In minor units, what the buyer has not got back.
  void StillPaid(int64_t amount) {
    EXPECT_EQ(BalanceOf(0), seller_had + amount);
    EXPECT_EQ(BalanceOf(1), buyer_had - amount);
  }
  int64_t all = 0, seller_had = 0, buyer_had = 0;
  std::string payment_id;
};

TEST_F(RefundWallets, InPartThenTheRestAndBothKeepTheProof) {
  StillPaid(12000);
  Ran ran = Run("seller", "refund --yes --json -- " + payment_id + " 20.00 GBP");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(ran["status"], "completed");
  StillPaid(10000);
  ran = Run("seller", "inbox --wait 10 --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  ran = Run("seller", "refund --json -- " + payment_id);
  EXPECT_EQ(ran.code, 2) << "no terminal and no --yes: " << ran.out;
  StillPaid(10000);
  ran = Run("seller", "refund --yes --json -- " + payment_id);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_TRUE(ran.Has(R"("amount":{"amount":"100.00")")) << ran.out;
  EXPECT_TRUE(ran.Has(R"("refunded_total":{"amount":"120.00")")) << ran.out;
  StillPaid(0);
  EXPECT_EQ(Run("seller", "refund --yes -- " + payment_id).code, 6) << "nothing is left";
  ran = Run("seller", "refund --yes --json -- " + payment_id + " 0.01 GBP");
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(ran["code"], "refund-exceeds-payment");
  StillPaid(0);

  ran = Run("buyer", "inbox --wait 10 --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_TRUE(ran.Has(R"("kind":"refund-confirmation")")) << ran.out;
  for (const char* who : {"seller", "buyer"}) {
    ran = Run(who, "receipts");
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_TRUE(ran.Has("120.00 GBP refunded")) << ran.out;
  }
}

TEST_F(RefundWallets, OfAnothersSaleOrMoreThanThePriceAreRefusedAndNothingMoves) {
  Register("mallory", 2);
  for (const char* who : {"mallory", "buyer"}) {
    const Ran ran = Run(who, "refund --yes --json -- " + payment_id + " 1.00 GBP");
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_EQ(ran["code"], "not-yours");
  }
  EXPECT_EQ(Run("seller", "refund --yes --json -- " + payment_id + " 120.01 GBP")["code"],
            "refund-exceeds-payment");
  EXPECT_EQ(Run("seller", "refund --yes --json -- " + payment_id + " 1.00 EUR")["code"],
            "unsupported-currency");
  EXPECT_EQ(Run("seller", "refund --yes --json -- " + payment_id + " 1 GBP").code, 2);
  EXPECT_EQ(Run("seller", "refund --yes --json nonsense 1.00 GBP").code, 5);
  StillPaid(12000);
}

struct Refunds : testing::Test {
  Refunds() {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    seller->Register();
    buyer->Register();
  }
  void TearDown() override {
    EXPECT_TRUE(gateway.LedgerIsRight());
    EXPECT_EQ(gateway.Differences(), "");
  }
  std::string Paid(const char* amount) {
    return buyer->ReceiptIn(buyer->Pay(seller->Sell("A thing", amount))).payment_id;
  }
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
};

TEST_F(Refunds, AskedForAllAtOnceNeverExceedThePrice) {
  constexpr int kThreads = 8;
  const std::string paid = Paid("10.00");
  const int64_t seller_had = gateway.BalanceOf(seller->customer.iban);
  std::vector<RefundBlock> refunds;
  std::vector<std::string> authorisations, handshakes;
  for (int i = 0; i < kThreads; ++i) {
    refunds.push_back(seller->NewRefund(paid, "3.00"));
    const auto challenge = seller->AskRefund(refunds.back());
    authorisations.push_back(seller->RefundAuthorisation(refunds.back(), challenge));
    handshakes.push_back(challenge.handshake);
  }
  std::vector<std::unique_ptr<participant::Transport>> ways;  // a connection for each
  for (int i = 0; i < kThreads; ++i) {
    ways.push_back(Must(participant::OpenHttpsTransport(
        {.url = gateway.url(), .root_pem = gateway.RootPem()})));
  }
  std::vector<participant::HttpAnswer> answers(kThreads);
  std::atomic<int> ready = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const std::string jwe = seller->Seal(PrintSingle("authorisation", authorisations[i]),
                                             {"handshake", handshakes[i]});
        ++ready;
        while (ready < kThreads) std::this_thread::yield();
        if (auto answer = ways[i]->Post("/v1/refunds", jwe)) answers[i] = *answer;
      });
    }
  }
  int taken = 0;
  for (const auto& answer : answers) {
    taken += answer.status == 201 || answer.status == 202;
    if (answer.status < 300) continue;
    const std::string refusal = Must(ParseSingle(seller->Open(answer.body), "refusal"));
    EXPECT_EQ(Must(RefusalPayload::Parse(seller->Verified(refusal, kTypRefusal))).code,
              "refund-exceeds-payment");
  }
  EXPECT_EQ(taken, 3) << "three times 3.00 of 10.00";
  EXPECT_TRUE(Eventually(
      [&] { return gateway.BalanceOf(seller->customer.iban) == seller_had - 900; }));
}

TEST_F(Refunds, SurviveADeathOfTheEngineAndAReplayChangesNothing) {
  const std::string paid = Paid("10.00");
  const int64_t seller_had = gateway.BalanceOf(seller->customer.iban);
  const auto refund = seller->NewRefund(paid, "4.00");
  const auto challenge = seller->AskRefund(refund);
  const std::string jws = seller->RefundAuthorisation(refund, challenge);
  const Said first = seller->SendRefund(jws, challenge.handshake);
  ASSERT_EQ(first.status, 201) << first.code;
  gateway.Kill("engine_with_clock", SIGKILL);
  Said again;
  // The supervisor starts it anew; until then there is no answer, or 503.
  EXPECT_TRUE(Eventually([&] {
    try {
      again = seller->SendRefund(jws, challenge.handshake);
    } catch (const std::runtime_error&) {
      return false;
    }
    return again.status != 503;
  }));
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.payload, first.payload);
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller_had - 400);
  // Under a new handshake it is still the same message.
  const Said replayed = seller->SendRefund(jws, seller->AskRefund(refund).handshake);
  EXPECT_EQ(replayed.payload, first.payload);
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller_had - 400);
}

TEST_F(Refunds, ASellerWithoutTheMoneyIsToldThatTheBankRefused) {
  const std::string paid = Paid("10.00");
  // The seller spends all there is.
  const int64_t has = gateway.BalanceOf(seller->customer.iban);
  const std::string all = base::FormatMinorUnits(has, Must(base::Currency::Parse("GBP")));
  ASSERT_EQ(seller->Pay(buyer->Sell("Everything", all)).status, 201);
  const Said said = seller->Refund(paid, "10.00");
  ASSERT_EQ(said.status, 201) << said.code;
  EXPECT_EQ(seller->RefundReceiptIn(said).result, PaymentResult::kFailed);
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), 0);
}

}  // namespace
}  // namespace paygate::integration
