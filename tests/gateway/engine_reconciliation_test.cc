// Reconciliation with a bank that states what the test says, and a clock that the test turns.
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

struct ReconciliationTest : EngineTest {
  ReconciliationTest() { bank.statement_complete_until = clock.Now() + std::chrono::days(1); }

  ReconciliationReport Reconcile(Reconciler::Wish wish = {}) {
    const uint64_t run = Must(engine->reconciler().Start(wish));
    EXPECT_TRUE(Eventually([&] {
      engine->Tick();
      const auto report = engine->reconciler().Report();
      return report.ended && report.run >= run;
    }));
    return engine->reconciler().Report();
  }
  // "open-here of ID", …
  std::vector<std::string> Found(Reconciler::Wish wish = {}) {
    const auto report = Reconcile(wish);
    EXPECT_EQ(report.failure, "");
    EXPECT_EQ(report.count, report.differences.size());
    std::vector<std::string> found;
    for (const auto& each : report.differences) {
      EXPECT_FALSE(Clue(each.difference).empty());
      found.push_back(std::string(Name(each.difference)) + " of " + each.id);
    }
    return found;
  }
  using Words = std::vector<std::string>;

  std::string Ended(Outcome outcome, std::string reason = {}) {
    Said said;
    std::thread thread([&] { said = buyer->Pay(seller->Sell("A thing", "5.00")); });
    EXPECT_TRUE(Eventually([&] { return bank.Answer(outcome, reason); }));
    thread.join();
    EXPECT_EQ(said.status, 201) << said.code;
    return buyer->ReceiptIn(said).payment_id;
  }
  std::string Paid() { return Ended(Outcome::kCompleted); }
  bank::Booking& Book(const std::string& id) {
    bank.bookings.push_back({.id = id,
                             .minor_units = 500,
                             .currency = "GBP",
                             .bank_reference = "REF1",
                             .booked = clock.Now()});
    return bank.bookings.back();
  }
};

TEST_F(ReconciliationTest, FindsNothingWhereBothSayTheSameAndReadsEachBookingOnce) {
  const std::string paid = Paid();
  Book(paid);
  (void)Ended(Outcome::kRejected, "AM04");
  Said said;
  std::thread thread([&] { said = seller->Refund(paid, "2.00"); });
  ASSERT_TRUE(Eventually([&] { return bank.Answer(Outcome::kCompleted); }));
  thread.join();
  const std::string refund = seller->RefundReceiptIn(said).refund_id;
  auto& back = Book(refund);
  back.is_return = true;
  back.minor_units = 200;
  const auto first = Reconcile();
  EXPECT_EQ(first.count, 0u);
  EXPECT_EQ(first.bookings, 2u);
  EXPECT_EQ(first.waiting, 0u);
  RestartEngine();  // what was read is durable
  EXPECT_EQ(Reconcile().bookings, 0u);
  Book(Paid());
  const auto next = Reconcile();
  EXPECT_EQ(next.count, 0u);
  EXPECT_EQ(next.bookings, 1u);
  EXPECT_EQ(Reconcile({.whole = true}).bookings, 3u);
}

TEST_F(ReconciliationTest, NamesWhatTheBankBookedAndNobodyOrdered) {
  Book("nobody");
  EXPECT_EQ(Found(), Words({"unknown-here of nobody"}));
  EXPECT_EQ(Found(), Words({"unknown-here of nobody"})) << "until it is mended";
  RestartEngine();
  EXPECT_EQ(Found(), Words({"unknown-here of nobody"}));
  bank.bookings.clear();
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Found({.whole = true}), Words()) << "the bank has taken it back";
}

TEST_F(ReconciliationTest, NamesWhatIsCompletedHereAndNotListedOnceTheStatementReachesIt) {
  bank.statement_complete_until = clock.Now() + config.engine.clock_skew_s;
  const std::string paid = Paid();
  const auto early = Reconcile();
  EXPECT_EQ(early.count, 0u);
  EXPECT_EQ(early.waiting, 1u);
  bank.statement_complete_until += std::chrono::seconds(1);
  const auto late = Reconcile();
  ASSERT_EQ(late.count, 1u);
  EXPECT_EQ(late.differences[0].difference, Difference::kNotListed);
  EXPECT_EQ(late.differences[0].id, paid);
  EXPECT_EQ(late.differences[0].state, "completed");
  EXPECT_EQ(late.differences[0].reference, "REF1");
  EXPECT_EQ(late.waiting, 0u);
  Book(paid);
  EXPECT_EQ(Found(), Words()) << "listed at last";
}

TEST_F(ReconciliationTest, NamesEveryFieldThatDiffers) {
  const std::string more = Paid(), euro = Paid(), kind = Paid(), reference = Paid();
  Book(more).minor_units = 501;
  Book(euro).currency = "EUR";
  Book(kind).is_return = true;
  Book(reference).bank_reference = "REF2";
  auto found = Found();
  std::ranges::sort(found);
  Words wanted({"amount-differs of " + euro, "amount-differs of " + more, "kind-differs of " + kind,
                "reference-differs of " + reference});
  std::ranges::sort(wanted);
  EXPECT_EQ(found, wanted);
}

TEST_F(ReconciliationTest, NamesWhatFailedHereAndIsBooked) {
  const std::string failed = Ended(Outcome::kRejected, "AM04");
  Book(failed);
  EXPECT_EQ(Found(), Words({"failed-here of " + failed}));
  EXPECT_FALSE(Completed(failed)) << "the first outcome stands";
}

TEST_F(ReconciliationTest, AsksAtOnceAboutWhatIsOpenHereAndBookedThere) {
  const std::string open = PendingPayment().payment_id;
  bank.Answer(Outcome::kPending);
  ASSERT_TRUE(Eventually([&] { return bank.waiting() == 0; }));
  Book(open);
  const size_t asked = bank.calls().size();
  EXPECT_EQ(Reconcile().count, 0u) << "its end may be on its way";
  // Not a second passes on the engine's clock.
  ASSERT_TRUE(Eventually([&] {
    engine->Tick();
    return bank.calls().size() > asked;
  }));
  EXPECT_EQ(bank.calls().back().first, ScriptedBank::Call::kStatus);
  EXPECT_FALSE(Stored(open)->settlement) << "the statement alone ends nothing";
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(open));
  EXPECT_EQ(Found(), Words());
}

TEST_F(ReconciliationTest, NeverEndsAnIntentByAStatementHoweverLongItsOwnBankIsSilent) {
  const std::string open = PendingPayment().payment_id;
  bank.Answer(Outcome::kUnknown);
  Book(open);  // by any of the banks: who lists it need not be who was asked to pay it
  EXPECT_EQ(Reconcile().count, 0u);
  for (int hour = 0; hour < 3; ++hour) {
    clock.Advance(std::chrono::hours(1));
    EXPECT_EQ(Found(), Words({"open-here of " + open}));
    EXPECT_TRUE(Eventually([&] {
      engine->Tick();
      return bank.Answer(Outcome::kUnknown);
    }));
    EXPECT_EQ(bank.calls().back().first, ScriptedBank::Call::kStatus);
  }
  EXPECT_FALSE(Stored(open)->settlement);
}

TEST_F(ReconciliationTest, KeepsAnOpenOrderInSightUntilItsEnd) {
  const std::string open = PendingPayment().payment_id;
  Book(open);
  EXPECT_EQ(Reconcile().waiting, 1u);
  bank.bookings.clear();
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Reconcile({.whole = true}).waiting, 1u) << "listed no more, and its end may come";
  EXPECT_EQ(Must(store->reconciliation().ListUnreconciled("", 10)).size(), 1u);
}

TEST_F(ReconciliationTest, KeepsNothingForABankThatStatesNothing) {
  bank.statement = false;
  (void)Paid();
  EXPECT_FALSE(engine->reconciler().Start({}));
  EXPECT_TRUE(Eventually([&] {
    clock.Advance(std::chrono::seconds(10));
    engine->Tick();
    return Must(store->reconciliation().ListUnreconciled("", 10)).empty();
  }));
  EXPECT_EQ(bank.statements_asked, 0);
}

TEST_F(ReconciliationTest, OfTheWholeStatementMissesWhatWasListedOnce) {
  const std::string kept = Paid(), dropped = Paid();
  Book(kept);
  Book(dropped);
  EXPECT_EQ(Found(), Words());
  bank.bookings.pop_back();
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Found(), Words()) << "what is new agrees";
  EXPECT_EQ(Found({.whole = true}), Words({"not-listed of " + dropped}));
  EXPECT_EQ(Found(), Words({"not-listed of " + dropped})) << "and that stands";
  EXPECT_EQ(Found({.whole = true, .since = clock.Now() + std::chrono::seconds(1)}), Words())
      << "older than what was asked for";
}

TEST_F(ReconciliationTest, ReadsPageAfterPage) {
  bank.statement_page = 2;
  for (int i = 0; i < 7; ++i) Book("nobody " + std::to_string(i));
  EXPECT_EQ(Reconcile().count, 7u);
  EXPECT_GE(bank.statements_asked, 4);
}

TEST_F(ReconciliationTest, WithoutAStatementSaysSoAndTriesAgainSoon) {
  bank.statement_answered = false;
  const auto report = Reconcile();
  EXPECT_NE(report.failure, "");
  const int asked = bank.statements_asked;
  const auto began = clock.Now();
  EXPECT_TRUE(Eventually([&] {
    clock.Advance(std::chrono::seconds(1));
    engine->Tick();
    return bank.statements_asked > asked;
  }));
  EXPECT_LT(clock.Now() - began, std::chrono::minutes(30)) << "long before the hour is over";
}

TEST_F(ReconciliationTest, RunsByTheTimer) {
  Book("nobody");
  for (int run = 0; run < 2; ++run) {
    const int asked = bank.statements_asked;
    clock.Advance(config.engine.reconciliation_interval_s + std::chrono::seconds(1));
    EXPECT_TRUE(Eventually([&] {
      engine->Tick();
      clock.Advance(std::chrono::seconds(run == 0 ? 1 : 0));
      return bank.statements_asked > asked && engine->reconciler().Report().ended;
    }));
  }
  EXPECT_EQ(engine->reconciler().Report().count, 1u);
}

}  // namespace
}  // namespace paygate::gateway::engine
