// The adapter's conversation with real banks of the simulator, over real mutual TLS: every fault.
#include "bank/adapters/iso20022/rules.h"
#include "bank/adapters/iso20022/schema.h"
#include "base/encoding.h"
#include "tests/banksim/network_fixture.h"
#include "tests/iso20022/samples.h"

namespace paygate::banksim {
namespace {

using namespace testing;

TEST_F(BanksimNetwork, PaysBetweenTwoBanksAndWithinOne) {
  const auto between = Submit(PreparedFor("between"));
  EXPECT_EQ(between.judgement.outcome, Outcome::kCompleted);
  EXPECT_TRUE(between.bank_reference.starts_with(std::string(kBuyerBank) + "/BS"));
  EXPECT_LE(between.bank_reference.size(), 35u);
  EXPECT_NE(between.evidence.find("ACSC"), std::string::npos);
  const std::string other = network_.Ibans(kBuyerBank)[1];
  const auto within = PreparedBetween("within", buyer_, other, 100, Now(), Now() + 60);
  EXPECT_EQ(Submit(within).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(network_.BalanceOf(buyer_), "996.50");
  EXPECT_EQ(network_.BalanceOf(seller_), "1002.50");
  EXPECT_EQ(network_.BalanceOf(other), "1001.00");
  EXPECT_TRUE(network_.LedgerIsRight());
  EXPECT_EQ(network_.TruthOf(PaymentId("within")), "completed");
  EXPECT_EQ(network_.TruthOf(PaymentId("never")), "none");
  EXPECT_EQ(network_.Stop(), 0);
}

TEST_F(BanksimNetwork, TheEvidenceIsTheBanksSignatureOverItsExactWords) {
  const auto end = Submit(PreparedFor("evidence"));
  const size_t empty = end.evidence.find("\r\n\r\n");
  ASSERT_NE(empty, std::string::npos);
  const std::string head = "Message-Signature: ";
  ASSERT_TRUE(end.evidence.starts_with(head));
  auto key = iso::VerifyingKey::Load(network_.directory() + "/" + kBuyerBank + "-signing.pem");
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(key->Verify(end.evidence.substr(head.size(), empty - head.size()),
                          end.evidence.substr(empty + 4)));
}

TEST_F(BanksimNetwork, OneOrderMovesMoneyOnceHoweverOftenItIsSent) {
  const auto prepared = PreparedFor("once");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Submit(prepared).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(Ask(prepared).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(network_.BalanceOf(buyer_), "997.50");
}

TEST_F(BanksimNetwork, TellsEveryReasonWhyABankRefuses) {
  EXPECT_EQ(Submit(PreparedFor("poor", 100'001)).judgement.reason, "AM04");
  const auto unknown =
      PreparedBetween("unknown", buyer_, "GB40SELR00000099999999", 1, Now(), Now() + 60);
  EXPECT_EQ(Submit(unknown).judgement.reason, "AC03");
  // Too late: not believed when it answers the order itself, but when it answers the question.
  const auto late = PreparedBetween("late", buyer_, seller_, 1, Now() - 100, Now() - 50);
  EXPECT_EQ(Submit(late).judgement.outcome, Outcome::kUnknown);
  const auto asked = Ask(late);
  EXPECT_EQ(asked.judgement.outcome, Outcome::kRejected);
  EXPECT_EQ(asked.judgement.reason, "TM01");
  EXPECT_EQ(network_.BalanceOf(buyer_), "1000.00");
}

struct FaultCase {
  const char* name;
  const char* rule;
  Outcome submit;     // what the first sending says
  const char* truth;  // what the banks know right after it
  bool hasty = false;  // sent by who does not wait for what comes only after a minute
};

TEST_F(BanksimNetwork, EachFaultLeavesOneDebitAndTheTruth) {
  const FaultCase cases[] = {
      {"reject", R"({"fault":"reject","reason":"AC06"})", Outcome::kRejected, "rejected"},
      {"lost", R"({"fault":"lost"})", Outcome::kUnknown, "none"},
      {"answer lost", R"({"fault":"answer-lost"})", Outcome::kUnknown, "completed"},
      {"silent", R"({"fault":"silent","delay_ms":600000})", Outcome::kUnknown, "completed", true},
      {"late", R"({"fault":"late","delay_ms":200})", Outcome::kCompleted, "completed"},
      {"too late", R"({"fault":"late","delay_ms":600000})", Outcome::kUnknown, "completed", true},
      {"pending", R"({"fault":"pending","delay_ms":5000})", Outcome::kPending, "pending"},
      {"twice", R"({"fault":"twice","delay_ms":0})", Outcome::kCompleted, "completed"},
      {"contradict", R"({"fault":"contradict","delay_ms":0})", Outcome::kCompleted, "completed"},
      {"out of order", R"({"fault":"out-of-order","delay_ms":50})", Outcome::kCompleted,
       "completed"},
      {"cut", R"({"fault":"cut"})", Outcome::kUnknown, "completed"},
      {"malformed", R"({"fault":"malformed"})", Outcome::kUnknown, "completed"},
      {"wrong signature", R"({"fault":"wrong-signature"})", Outcome::kUnknown, "completed"},
      {"slow", R"({"fault":"slow","delay_ms":500})", Outcome::kCompleted, "completed"},
      {"too slow", R"({"fault":"slow","delay_ms":600000})", Outcome::kUnknown, "completed",
       true},
      {"admi", R"({"fault":"admi"})", Outcome::kUnknown, "none"},
      {"restart", R"({"fault":"restart"})", Outcome::kUnknown, "completed"},
  };
  const auto hasty =
      Opened(network_.AdapterConfig("answer_timeout_s = 1\nlate_answer_wait_s = 1\n"));
  ASSERT_TRUE(hasty);
  int64_t expected = 100'000;
  for (const FaultCase& c : cases) {
    SCOPED_TRACE(c.name);
    network_.AddRule(std::string(c.rule).insert(1, R"("times":1,)"));
    const auto prepared = PreparedFor(c.name);
    const auto first = c.hasty ? SubmitBy(*hasty, prepared) : Submit(prepared);
    EXPECT_EQ(first.judgement.outcome, c.submit);
    if (std::string(c.name) != "restart") {
      const auto truth = [&] { return network_.TruthOf(PaymentId(c.name)); };
      // Who does not wait may be ahead of the bank.
      EXPECT_TRUE(c.hasty ? Eventually([&] { return truth() == c.truth; }) : truth() == c.truth);
      network_.ClearRules();
    }
    const auto end = Settle(prepared);
    EXPECT_EQ(end.judgement.outcome,
              c.truth == std::string("rejected") ? Outcome::kRejected : Outcome::kCompleted);
    if (end.judgement.outcome == Outcome::kCompleted) expected -= 250;
    EXPECT_EQ(network_.BalanceOf(buyer_),
              base::FormatMinorUnits(expected, *base::Currency::Parse("GBP")));
    EXPECT_TRUE(network_.LedgerIsRight());
  }
  EXPECT_TRUE(Eventually([&] { return Log().find("contradicts") != std::string::npos; })) << Log();
  EXPECT_NE(Log().find("signature does not hold"), std::string::npos);
}

TEST_F(BanksimNetwork, ABankThatCannotBeReachedWasProvablyNotSentAnything) {
  network_.Ask("POST", std::string("/banks/") + kBuyerBank + "/offline");
  const auto prepared = PreparedFor("offline");
  // The connection that was there may have taken the bytes; a new one cannot be had.
  Outcome outcome = Submit(prepared).judgement.outcome;
  if (outcome == Outcome::kUnknown) outcome = Submit(prepared).judgement.outcome;
  EXPECT_EQ(outcome, Outcome::kNotSent);
  EXPECT_EQ(Ask(prepared).judgement.outcome, Outcome::kUnknown);
  EXPECT_EQ(network_.TruthOf(PaymentId("offline")), "none");
  network_.Ask("POST", std::string("/banks/") + kBuyerBank + "/online");
  EXPECT_EQ(Settle(prepared).judgement.outcome, Outcome::kCompleted);
}

TEST_F(BanksimNetwork, NotFoundIsFinalOnlyByTheClockOfTheBankThatEnforcesTheDeadline) {
  const auto prepared = PreparedBetween("skew", buyer_, seller_, 1, Now() - 100, Now() - 50);
  EXPECT_EQ(Ask(prepared).judgement.outcome, Outcome::kNotFound);
  network_.Ask("POST", std::string("/banks/") + kBuyerBank + "/clock?skew_s=-80");
  // By its own clock the bank would still execute what may be on its way.
  EXPECT_EQ(Ask(prepared).judgement.outcome, Outcome::kUnknown);
  EXPECT_EQ(Submit(prepared).judgement.outcome, Outcome::kCompleted);
  network_.Ask("POST", std::string("/banks/") + kBuyerBank + "/clock?skew_s=80");
  const auto early = PreparedFor("early", 1, 60);
  EXPECT_EQ(Ask(early).judgement.outcome, Outcome::kNotFound);
  EXPECT_EQ(Settle(early).judgement.reason, "TM01");
}

TEST_F(BanksimNetwork, GivesMoneyBackUpToWhatWasPaid) {
  const auto paid = Submit(PreparedFor("refunded", 250));
  const auto give_back = [&](const std::string& refund, int64_t amount,
                             const std::string& reference) {
    auto bytes = iso::PrepareReturn(banks_->config(), {.refund_id = refund,
                                                       .payment_id = PaymentId("refunded"),
                                                       .bank_reference = reference,
                                                       .amount = amount,
                                                       .currency = "GBP",
                                                       .fraction_digits = 2,
                                                       .deadline = Now() + 60,
                                                       .created = Now()});
    EXPECT_TRUE(bytes.has_value());
    return *iso::ParsePrepared(*bytes);
  };
  const auto half = give_back("r1", 125, paid.bank_reference);
  EXPECT_EQ(Submit(half).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(Submit(half).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(Ask(half).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(network_.BalanceOf(buyer_), "998.75");
  EXPECT_EQ(Submit(give_back("r2", 126, paid.bank_reference)).judgement.reason, "AM09");
  EXPECT_EQ(Submit(give_back("r3", 125, paid.bank_reference)).judgement.outcome,
            Outcome::kCompleted);
  EXPECT_EQ(network_.BalanceOf(buyer_), "1000.00");
  EXPECT_FALSE(iso::PrepareReturn(banks_->config(), {.refund_id = "r4",
                                                     .payment_id = PaymentId("refunded"),
                                                     .bank_reference = "NOBODYXX/1",
                                                     .amount = 1,
                                                     .currency = "GBP",
                                                     .fraction_digits = 2,
                                                     .deadline = Now() + 60,
                                                     .created = Now()}));
  EXPECT_TRUE(network_.LedgerIsRight());
}

TEST_F(BanksimNetwork, EnrolsOnceAndKnowsTheParticipantAfterwards) {
  using Verdict = iso::VerificationEnd::Verdict;
  const std::string code = network_.CodeOf(buyer_);
  iso::VerificationRequest enrol{.account = buyer_,
                                 .participant_id = "ID-B",
                                 .registration_digest = "R1",
                                 .enrolment_code = code};
  iso::VerificationRequest wrong = enrol;
  wrong.enrolment_code = "guess";
  wrong.registration_digest = "R0";
  EXPECT_EQ(Verify(wrong).verdict, Verdict::kRefused);
  EXPECT_EQ(Verify({.account = buyer_, .participant_id = "ID-B"}).verdict, Verdict::kRefused);
  network_.AddRule(R"({"fault":"late","message":"acmt.023","delay_ms":100,"times":1})");
  EXPECT_EQ(Verify(enrol).verdict, Verdict::kVerified);
  EXPECT_EQ(Verify(enrol).verdict, Verdict::kVerified) << "the same registration again";
  const auto known = Verify({.account = buyer_, .participant_id = "ID-B"});
  EXPECT_EQ(known.verdict, Verdict::kVerified);
  EXPECT_EQ(known.currency, "GBP");
  EXPECT_EQ(Verify({.account = buyer_, .participant_id = "ID-X"}).verdict, Verdict::kRefused);
  enrol.registration_digest = "R2";
  EXPECT_EQ(Verify(enrol).verdict, Verdict::kRefused) << "the code is used";
  network_.AddRule(R"({"fault":"answer-lost","message":"acmt.023"})");
  EXPECT_EQ(Verify({.account = buyer_, .participant_id = "ID-B"}).verdict, Verdict::kNoAnswer);
}

TEST_F(BanksimNetwork, KilledUnderLoadItLosesNothingAnsweredAndDoublesNothing) {
  constexpr int kPayments = 120;
  std::vector<iso::Prepared> orders;
  for (int n = 0; n < kPayments; ++n) orders.push_back(PreparedFor("load " + std::to_string(n), 1));
  std::atomic<int> ended = 0;
  std::vector<std::atomic<Outcome>> outcomes(kPayments);
  for (int n = 0; n < kPayments; ++n)
    ASSERT_TRUE(banks_->Submit(orders[n], [&, n](iso::TransferEnd e) {
      outcomes[n] = e.judgement.outcome;
      ++ended;
    }));
  while (ended < kPayments / 4) std::this_thread::yield();
  network_.Kill();
  while (ended < kPayments) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  network_.Start();
  for (int n = 0; n < kPayments; ++n) {
    if (outcomes[n] == Outcome::kCompleted) {
      EXPECT_EQ(network_.TruthOf(PaymentId("load " + std::to_string(n))), "completed");
    }
    EXPECT_EQ(Settle(orders[n]).judgement.outcome, Outcome::kCompleted) << n;
  }
  EXPECT_EQ(network_.BalanceOf(buyer_), "998.80");
  EXPECT_TRUE(network_.LedgerIsRight());
}

TEST_F(BanksimNetwork, StatementsAndNotificationsAreValidAndComplete) {
  Submit(PreparedFor("statement", 250));
  const std::string statement = network_.Ask("GET", "/statements/" + buyer_);
  const std::string notification = network_.Ask("GET", "/notifications/" + seller_);
  EXPECT_NE(statement.find("<Amt Ccy=\"GBP\">997.50</Amt>"), std::string::npos) << statement;
  EXPECT_NE(statement.find(iso::UetrOf(PaymentId("statement"))), std::string::npos);
  EXPECT_NE(notification.find("<CdtDbtInd>CRDT</CdtDbtInd>"), std::string::npos);
  const std::string schemas = iso::testing::SharedDirectory() + "/xsd";
  if (!std::filesystem::exists(schemas)) GTEST_SKIP() << "SKIP: no schemas (set PAYGATE_SHARED)";
  auto checked = iso::Schemas::Open(schemas);
  ASSERT_TRUE(checked.has_value());
  EXPECT_TRUE((*checked)->Check(statement));
  EXPECT_TRUE((*checked)->Check(notification));
}

TEST_F(BanksimNetwork, BadRequestsToTheAdminChangeNothing) {
  int status = 0;
  network_.Ask("POST", "/rules", "{not json", &status);
  EXPECT_EQ(status, 400);
  EXPECT_NE(network_.Ask("POST", "/rules", R"({"fault":"nonsense"})", &status).find("answer-lost"),
            std::string::npos);
  EXPECT_EQ(status, 400);
  network_.Ask("POST", "/rules", R"({"fault":"lost","rat":1})", &status);
  EXPECT_EQ(status, 400);
  network_.Ask("GET", "/statements/GB00", "", &status);
  EXPECT_EQ(status, 404);
  EXPECT_EQ(network_.Get("/rules").size(), 0u);
}

class BanksimStrict : public BanksimNetwork {
 protected:
  BanksimStrict()
      : BanksimNetwork([](const std::string& directory) {
          const std::string xsd = iso::testing::SharedDirectory() + "/xsd";
          std::string command =
              "sed -i 's|^signing_key.*|&\\nduplicates = \"AM05\"|' " + directory + "/banksim.toml";
          if (std::filesystem::exists(xsd))
            command += " && sed -i '1i schemas = \"" + std::filesystem::absolute(xsd).string() +
                       "\"' " + directory + "/banksim.toml";
          if (std::system(command.c_str()) != 0) throw std::runtime_error("sed");
        }) {}
};

TEST_F(BanksimStrict, ADuplicateIsNotARejection) {
  const auto prepared = PreparedFor("duplicate");
  EXPECT_EQ(Submit(prepared).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(Submit(prepared).judgement.outcome, Outcome::kUnknown);
  EXPECT_EQ(Ask(prepared).judgement.outcome, Outcome::kCompleted);
  EXPECT_EQ(network_.BalanceOf(buyer_), "997.50");
}

}  // namespace
}  // namespace paygate::banksim
