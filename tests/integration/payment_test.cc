// A payment, end to end, on real parts: what the product promises when everybody is honest, and
// when processes die under it.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using protocol::PaymentResult;
using testing::HasSubstr;
using testing::Not;

struct Payment : testing::Test {
  explicit Payment(ScratchGateway::Options options = {}) : gateway(std::move(options)) {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    seller->Register();
    buyer->Register();
  }
  void TearDown() override { EXPECT_EQ(gateway.Differences(), ""); }
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
};

TEST_F(Payment, MovesTheMoneyOnceAndGivesBothSidesSignedResults) {
  const int64_t all = gateway.TotalMoney();
  const auto csblk = seller->Sell("One bicycle", "120.00");
  const Said said = buyer->Pay(csblk);
  ASSERT_EQ(said.status, 201) << said.code;
  const auto receipt = buyer->ReceiptIn(said);
  EXPECT_EQ(receipt.result, PaymentResult::kCompleted);
  EXPECT_EQ(receipt.sub, buyer->id);
  EXPECT_EQ(receipt.csblk, csblk.jws);

  const auto messages = seller->Mailbox(0, 10);
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_EQ(messages[0].member, "confirmation");
  const auto confirmation = Must(protocol::PaymentResultPayload::Parse(
      seller->Verified(messages[0].jws, protocol::kTypPaymentConfirmation)));
  EXPECT_EQ(confirmation.payment_id, receipt.payment_id);
  EXPECT_EQ(confirmation.sub, seller->id);
  EXPECT_EQ(confirmation.bank_reference, receipt.bank_reference);

  EXPECT_EQ(gateway.BalanceOf(buyer->customer.iban), buyer->customer.balance - 12000);
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 12000);
  EXPECT_EQ(gateway.TotalMoney(), all);
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(Payment, OfOneCsblkByTwoBuyersAtTheSameInstantHappensOnce) {
  RawParticipant other(gateway, gateway.Customers()[2]);
  other.Register();
  const auto csblk = seller->Sell("One bicycle", "120.00");
  std::vector<Said> said(2);
  std::vector<RawParticipant*> buyers{buyer.get(), &other};
  std::vector<std::string> authorisations, handshakes;
  for (RawParticipant* each : buyers) {
    const auto bblk = each->NewBblk(csblk);
    const auto challenge = each->AskBuyer(bblk);
    authorisations.push_back(each->Authorisation(bblk, challenge, csblk.jws));
    handshakes.push_back(challenge.handshake);
  }
  std::atomic<int> ready = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      said[i] = buyers[i]->SendAuthorisation(authorisations[i], handshakes[i], csblk.disclosure);
    });
  }
  for (auto& thread : threads) thread.join();
  const int paid = (said[0].status == 201) + (said[1].status == 201);
  EXPECT_EQ(paid, 1) << said[0].code << " " << said[1].code;
  const Said& refused = said[0].status == 201 ? said[1] : said[0];
  EXPECT_TRUE(refused.is_signed);
  EXPECT_THAT(refused.code, testing::AnyOf("already-paid", "in-flight"));
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 12000);
}

TEST_F(Payment, AskedForAgainGivesTheSameReceiptEvenAfterTheHandshakeExpired) {
  const auto csblk = seller->Sell("A lamp", "9.99");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const Said first =
      buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  ASSERT_EQ(first.status, 201);
  gateway.TurnClock(std::chrono::hours(1));
  const Said again =
      buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.payload, first.payload);
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 999);
}

TEST_F(Payment, WorksAfterAnyOfTheProcessesWasKilled) {
  int64_t expected = seller->customer.balance;
  for (const char* victim :
       {"paygate-token", "paygate-bank", "engine_with_clock", "paygate-front"}) {
    gateway.Kill(victim, SIGKILL);
    SCOPED_TRACE(victim);
    // An honest participant tries again until the process is back.
    ASSERT_TRUE(Eventually([&] {
      try {
        return buyer->Pay(seller->Sell("A cup", "1.00")).status == 201;
      } catch (const std::runtime_error&) {
        return false;
      }
    }));
    expected += 100;
    EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), expected);
  }
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(Payment, SurvivesRestartsOfTheWholeGateway) {
  const auto csblk = seller->Sell("A book", "20.00");
  gateway.Stop();
  gateway.Start();
  RawParticipant again(gateway, buyer->customer);  // a new connection: the port may have changed
  buyer->transport = std::move(again.transport);
  EXPECT_EQ(buyer->Pay(csblk).status, 201);
}

TEST_F(Payment, IsRefusedAfterAFailedWriteUntilTheEngineIsRestarted) {
  ASSERT_EQ(buyer->Pay(seller->Sell("A pen", "1.00")).status, 201);  // the day's key is made
  const auto csblk = seller->Sell("A book", "20.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const auto authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  // From now on no file of the engine's may grow: the next durable write fails.
  const rlimit none{.rlim_cur = 1, .rlim_max = 1};
  ASSERT_EQ(prlimit(gateway.PidOf("engine_with_clock"), RLIMIT_FSIZE, &none, nullptr), 0);
  const Said said =
      buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  EXPECT_EQ(said.status, 503);
  EXPECT_EQ(said.code, "store-unavailable");
  EXPECT_GT(said.retry_after_s, 0);
  EXPECT_EQ(Must(buyer->transport->Get("/v1/gateway")).status, 503) << "nothing is promised now";
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 100);

  gateway.Kill("engine_with_clock", SIGTERM);
  ASSERT_TRUE(Eventually([&] {
    try {
      return buyer->Pay(csblk).status == 201;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 2100);
}

TEST_F(Payment, LeavesNoAccountNumberOrCodeOnTheGatewaysDiskOrInItsLog) {
  ASSERT_EQ(buyer->Pay(seller->Sell("A chair", "45.00")).status, 201);
  gateway.Stop();
  std::string disk = gateway.Log();
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(gateway.directory() + "/state")) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    disk.append(std::istreambuf_iterator<char>(in), {});
  }
  ASSERT_THAT(disk, HasSubstr(buyer->id));  // it is the right place to look
  for (const RawParticipant* each : {seller.get(), buyer.get()}) {
    EXPECT_EQ(disk.find(each->customer.iban), disk.npos);
    EXPECT_EQ(disk.find(each->customer.iban.substr(8)), disk.npos);
    EXPECT_EQ(disk.find(each->customer.enrolment_code), disk.npos);
    EXPECT_EQ(disk.find(each->binding), disk.npos);
  }
  for (const char* pin : {"/token/paygate.pin", "/token/paygate-root.pin"}) {
    std::ifstream in(gateway.directory() + pin);
    std::string value;
    std::getline(in, value);
    ASSERT_FALSE(value.empty());
    EXPECT_EQ(disk.find(value), disk.npos);
  }
}

TEST_F(Payment, WorksForParticipantsWithEd25519AndRsaKeys) {
  RawParticipant ed(gateway, gateway.Customers()[2], hsm::KeyType::kEd25519);
  RawParticipant rsa(gateway, gateway.Customers()[3], hsm::KeyType::kRsa2048);
  ed.Register();
  rsa.Register();
  EXPECT_EQ(rsa.Pay(ed.Sell("A violin", "300.00")).status, 201);
  EXPECT_EQ(ed.Pay(rsa.Sell("A bow", "50.00")).status, 201);
}

TEST_F(Payment, LongPollAnswersAsSoonAsThereIsAMessage) {
  const auto csblk = seller->Sell("A lamp", "5.00");
  std::vector<protocol::Single> messages;
  std::thread poll([&] { messages = seller->Mailbox(0, 30); });
  ASSERT_EQ(buyer->Pay(csblk).status, 201);
  poll.join();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].member, "confirmation");
}

// ---- A gateway with an RSA-2048 suite ----

TEST(PaymentWithAnRsaGateway, Completes) {
  ScratchGateway gateway({.arguments = {"--key-type", "RSA-2048"}});
  const auto customers = gateway.Customers();
  RawParticipant seller(gateway, customers[0]), buyer(gateway, customers[1]);
  seller.Register();
  buyer.Register();
  EXPECT_EQ(buyer.Pay(seller.Sell("A clock", "30.00")).status, 201);
}

// ---- A bank that does not answer at once, or says no ----

// Gives each of the first accounts a behaviour.
ScratchGateway::Options WithBehaviours(std::vector<std::string> behaviours) {
  return {.engine = {"payment_wait_s = 1", "inquiry_interval_s = 1"},
          .prepare = [behaviours](const std::string& directory) {
            std::ifstream in(directory + "/bank/accounts.toml");
            std::string out, line;
            size_t account = 0;
            while (std::getline(in, line)) {
              out += line + "\n";
              if (line != "[[account]]") continue;
              if (account < behaviours.size() && !behaviours[account].empty()) {
                out += "behaviour = \"" + behaviours[account] + "\"\n";
              }
              ++account;
            }
            std::ofstream(directory + "/bank/accounts.toml") << out;
          }};
}

struct SlowBank : Payment {
  SlowBank() : Payment(WithBehaviours({"", "pending", "reject:AM04", "no-answer"})) {}
};

TEST_F(SlowBank, PendingIsSignedAndEndsInBothMailboxes) {
  const Said said = buyer->Pay(seller->Sell("A sofa", "200.00"));
  ASSERT_EQ(said.status, 202);
  const auto pending = buyer->ReceiptIn(said);
  EXPECT_EQ(pending.result, PaymentResult::kPending);

  std::vector<protocol::Single> to_buyer, to_seller;
  ASSERT_TRUE(Eventually([&] { return !(to_buyer = buyer->Mailbox(0, 10)).empty(); }));
  ASSERT_TRUE(Eventually([&] { return !(to_seller = seller->Mailbox(0, 10)).empty(); }));
  ASSERT_EQ(to_buyer[0].member, "receipt");
  const auto final = Must(protocol::PaymentResultPayload::Parse(
      buyer->Verified(to_buyer[0].jws, protocol::kTypReceipt)));
  EXPECT_EQ(final.result, PaymentResult::kCompleted);
  EXPECT_EQ(final.payment_id, pending.payment_id);
  EXPECT_EQ(to_seller[0].member, "confirmation");
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 20000);
}

TEST_F(SlowBank, AFailedPaymentMovesNothingTellsOnlyTheBuyerWhyAndLeavesTheCsblkPayable) {
  RawParticipant poor(gateway, gateway.Customers()[2]);
  poor.Register();
  const auto csblk = seller->Sell("A sofa", "200.00");
  for (int i = 0; i < 3; ++i) {
    const Said said = poor.Pay(csblk);
    ASSERT_EQ(said.status, 201) << said.code;
    const auto receipt = poor.ReceiptIn(said);
    EXPECT_EQ(receipt.result, PaymentResult::kFailed);
    EXPECT_EQ(receipt.reason, "AM04");
  }
  EXPECT_EQ(poor.Pay(csblk).code, "account-refused");  // not a fourth try
  const auto told = seller->Mailbox();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(Must(protocol::PaymentResultPayload::Parse(
                     seller->Verified(told[0].jws, protocol::kTypPaymentConfirmation)))
                .reason,
            "");
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance);
  // Somebody else can still pay it.
  EXPECT_EQ(buyer->Pay(csblk).status, 202);
}

TEST_F(SlowBank, AnAnswerThatIsLostIsAskedForUntilTheBankTells) {
  RawParticipant unlucky(gateway, gateway.Customers()[3]);
  unlucky.Register();
  ASSERT_EQ(unlucky.Pay(seller->Sell("A desk", "80.00")).status, 202);
  // The bank client's own deadline makes it unknown; then the bank is asked, not told again.
  gateway.Kill("paygate-bank", SIGKILL);
  ASSERT_TRUE(Eventually([&] { return !unlucky.Mailbox(0, 5).empty(); }));
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 8000);
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(SlowBank, AnOpenPaymentIsTakenUpAgainAfterTheEngineWasKilled) {
  ASSERT_EQ(buyer->Pay(seller->Sell("A desk", "80.00")).status, 202);
  gateway.Kill("engine_with_clock", SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    try {
      return !buyer->Mailbox(0, 5).empty();
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  EXPECT_EQ(gateway.BalanceOf(seller->customer.iban), seller->customer.balance + 8000);
}

}  // namespace
}  // namespace paygate::integration
