#include "tools/load/truth.h"

#include <gtest/gtest.h>

namespace paygate::load {
namespace {

struct Truth : testing::Test {
  Truth() {
    buyer.customer.iban = "GB33BUKB20201555555555";
    seller.customer.iban = "GB82WEST12345698765432";
  }
  // One payment, honest: told, confirmed, done.
  void Pay(const std::string& id, Told told = Told::kCompleted) {
    const bool completed = told == Told::kCompleted;
    ledger.Sent({.payment_id = id,
                 .buyer = &buyer,
                 .seller = &seller,
                 .amount = 100,
                 .told = told,
                 .bank_reference = {},
                 .jwe = {},
                 .confirmations = completed ? 1u : 0u,
                 .confirmed_completed = completed});
    if (completed) book[id] = Done();
  }
  BankTransfer Done() const {
    return {.debtor = buyer.customer.iban,
            .creditor = seller.customer.iban,
            .amount = 100,
            .executed = 1};
  }
  TruthReport Report() const { return Compare({&ledger}, bank.get(), before, book, true); }

  Participant buyer, seller;
  Ledger ledger;
  BankBook book, before;
  std::unique_ptr<Bank> bank = EmbeddedBank("tool", "config");
};

TEST_F(Truth, IsGoodWhenAllWasToldAsItWasDone) {
  Pay("a");
  Pay("b", Told::kFailed);
  Pay("c", Told::kRefused);
  const auto report = Report();
  EXPECT_TRUE(report.good()) << report.findings.front();
  EXPECT_EQ(report.payments, 3u);
  EXPECT_EQ(report.completed, 1u);
}

TEST_F(Truth, FindsAPaymentThatTheBankNeverMade) {
  Pay("a");
  book.erase("a");
  EXPECT_EQ(Report().lost, 1u);
}

TEST_F(Truth, FindsOneThatWasMadeTwice) {
  Pay("a");
  book["a"].executed = 2;
  EXPECT_EQ(Report().doubled, 1u);
}

TEST_F(Truth, FindsOneThatWasRefusedAndMade) {
  for (const Told told : {Told::kRefused, Told::kFailed}) {
    Pay(told == Told::kFailed ? "failed" : "refused", told);
  }
  book["failed"] = book["refused"] = Done();
  EXPECT_EQ(Report().misreported, 2u);
}

TEST_F(Truth, FindsAnotherAmountAndAnotherAccount) {
  Pay("a");
  Pay("b");
  Pay("c");
  book["a"].amount = 101;
  book["b"].debtor = seller.customer.iban;
  book["c"].creditor = buyer.customer.iban;
  EXPECT_EQ(Report().misreported, 3u);
}

TEST_F(Truth, FindsWhatNobodyAsked) {
  Pay("a");
  book["x"] = Done();
  EXPECT_EQ(Report().foreign, 1u);
  before["x"] = Done();
  EXPECT_TRUE(Report().good()) << "it was there before the run";
}

TEST_F(Truth, FindsThatTheEndWasNeverTold) {
  Pay("a", Told::kNothing);
  Pay("b", Told::kPending);
  EXPECT_EQ(Report().undecided, 2u);
}

TEST_F(Truth, FindsTwoEndsOfOnePayment) {
  Pay("a");
  ledger.Tell(0, Told::kFailed, {});
  EXPECT_EQ(Report().contradicted, 1u);
}

TEST_F(Truth, FindsASellerWhoWasNotToldOnceAndRightly) {
  Pay("none");
  Pay("twice");
  Pay("otherwise");
  ledger.at(0).confirmations = 0;
  ledger.at(1).confirmations = 2;
  ledger.at(2).confirmed_completed = false;
  EXPECT_EQ(Report().unconfirmed, 3u);
}

TEST_F(Truth, WithoutABankStillComparesWhatWasTold) {
  Pay("a");
  ledger.at(0).confirmations = 0;
  const auto report = Compare({&ledger}, nullptr, {}, {}, true);
  EXPECT_EQ(report.lost, 0u);
  EXPECT_EQ(report.unconfirmed, 1u);
}

TEST_F(Truth, SaysNoAccountNumber) {
  Pay("a");
  book["a"].amount = 7;
  book["x"] = Done();
  for (const std::string& line : Report().findings) {
    EXPECT_EQ(line.find("GB"), std::string::npos) << line;
  }
}

TEST(ParseJournal, ReadsWhatTheEmbeddedBankPrints) {
  const auto book = ParseJournal(
      "2026-11-27T10:00:00Z opened      vault:GBP -1000.00 (-1000.00)  A 1000.00 (1000.00)\n"
      "2026-11-27T10:00:01Z executed   payment=one  A -0.01 (999.99)  B 0.01 (0.01)\n"
      "2026-11-27T10:00:01Z executed   payment=one  A -0.01 (999.98)  B 0.01 (0.02)\n"
      "2026-11-27T10:00:02Z accepted   payment=two  A -1.00 (998.98)  suspense:GBP 1.00 (1.00)\n"
      "2026-11-27T10:00:03Z settled    payment=two  suspense:GBP -1.00 (0.00)  B 1.00 (1.02)\n"
      "2026-11-27T10:00:04Z rejected   payment=three reason=AM04\n");
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->at("one").executed, 2u);
  EXPECT_EQ(book->at("one").debtor, "A");
  EXPECT_EQ(book->at("one").amount, 1);
  EXPECT_EQ(book->at("two").executed, 1u);
  EXPECT_EQ(book->at("two").debtor, "A");
  EXPECT_EQ(book->at("two").creditor, "B");
  EXPECT_EQ(book->at("two").amount, 100);
  EXPECT_FALSE(book->contains("three"));
  EXPECT_FALSE(ParseJournal("t executed payment=x A\n"));
}

TEST(ParseTransactions, ReadsWhatTheSimulatorAnswers) {
  const auto book = ParseTransactions(
      R"([{"id":"PG1","state":"completed","debtor":"A","creditor":"B","amount":"0.05"},)"
      R"({"id":"PG2","state":"rejected","debtor":"A","creditor":"B","amount":"0.05"},)"
      R"({"id":"PG3","state":"completed","return_of":"PG1","amount":"0.05"}])");
  ASSERT_TRUE(book);
  EXPECT_EQ(book->at("PG1").executed, 1u);
  EXPECT_EQ(book->at("PG1").amount, 5);
  EXPECT_EQ(book->at("PG2").executed, 0u);
  EXPECT_FALSE(book->contains("PG3"));
  EXPECT_FALSE(ParseTransactions("{}"));
}

}  // namespace
}  // namespace paygate::load
