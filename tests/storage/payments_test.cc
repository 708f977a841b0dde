#include <atomic>
#include <barrier>
#include <thread>

#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using base::ErrorCode;
using testing::ElementsAre;
using testing::IsEmpty;

class Payments : public StoreTest {};

TEST_F(Payments, ReturnAfterARestartAsTheyWereRecorded) {
  Issue("sale");
  const IntentRecord given = MakeIntent("payment", "sale");
  ASSERT_EQ(Record(given), RecordVerdict::kRecorded);
  Reopen();
  const Payment found = store_->payments().Find("payment").value().value();
  const IntentRecord& r = found.intent.record();
  EXPECT_EQ(r.payment_id, given.payment_id);
  EXPECT_EQ(r.csblk_id, given.csblk_id);
  EXPECT_EQ(r.buyer_id, given.buyer_id);
  EXPECT_EQ(r.seller_id, given.seller_id);
  EXPECT_EQ(r.authorisation, given.authorisation);
  EXPECT_EQ(r.reply_certificate, given.reply_certificate);
  EXPECT_EQ(r.amount, given.amount);
  EXPECT_EQ(r.authorised_at, given.authorised_at);
  EXPECT_EQ(r.recorded_at, given.recorded_at);
  EXPECT_EQ(r.deadline, given.deadline);
  EXPECT_EQ(r.prepared_key, given.prepared_key);
  EXPECT_EQ(r.prepared, given.prepared);
  EXPECT_FALSE(found.settlement);
  EXPECT_EQ(StateOf("sale"), CsblkState::kInFlight);
  EXPECT_FALSE(store_->payments().Find("another").value());
}

TEST_F(Payments, ACompletedOneMakesItsCsblkPaidForEver) {
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("payment", "sale", "alice"));
  ASSERT_TRUE(Settle(Completed(intent)));
  Reopen();
  EXPECT_EQ(StateOf("sale"), CsblkState::kPaid);
  const RecordResult again =
      store_->authorisations().RecordIntent(MakeIntent("other", "sale", "bob")).value();
  EXPECT_EQ(again.verdict, RecordVerdict::kAlreadyPaid);
  EXPECT_EQ(again.paid_payment_id, "payment");
  EXPECT_EQ(again.paid_buyer_id, "alice");
  EXPECT_EQ(Record(MakeIntent("payment", "sale", "alice")), RecordVerdict::kSeenBefore);
  const Payment found = store_->payments().Find("payment").value().value();
  EXPECT_TRUE(found.settlement->outcome().completed);
  EXPECT_EQ(found.settlement->outcome().bank_reference, "ref");
  EXPECT_EQ(found.settlement->outcome().evidence, "signed");
  EXPECT_EQ(found.settlement->settled_at(), At(5));
  EXPECT_EQ(found.results.receipt, "receipt of payment");
  EXPECT_EQ(found.results.confirmation, "confirmation of payment");
  EXPECT_THAT(found.intent.record().prepared, IsEmpty());
}

TEST_F(Payments, AFailedOneLeavesTheCsblkPayableThreeTimesForOneBuyer) {
  Issue("sale");
  for (int i = 0; i < kMaxFailedTries; ++i) {
    const Intent intent = Recorded(MakeIntent("p" + std::to_string(i), "sale", "alice"));
    ASSERT_TRUE(Settle(Failed(intent)));
    ASSERT_EQ(StateOf("sale"), CsblkState::kPayable);
  }
  Reopen();
  EXPECT_EQ(Record(MakeIntent("p3", "sale", "alice")), RecordVerdict::kTooManyTries);
  EXPECT_EQ(Record(MakeIntent("p4", "sale", "bob")), RecordVerdict::kRecorded);
}

TEST_F(Payments, AreRefusedWhileAnotherIsInFlightAndAfterCancellation) {
  EXPECT_EQ(Record(MakeIntent("p0", "never issued")), RecordVerdict::kCsblkUnknown);
  Issue("sale");
  const Intent first = Recorded(MakeIntent("p1", "sale"));
  EXPECT_EQ(Record(MakeIntent("p2", "sale")), RecordVerdict::kInFlight);
  ASSERT_TRUE(Settle(Failed(first)));
  ASSERT_TRUE(store_->csblks().Cancel("sale", "seller", At(9)));
  EXPECT_EQ(Record(MakeIntent("p3", "sale")), RecordVerdict::kCancelled);
  EXPECT_FALSE(store_->payments().Find("p3").value());
}

TEST_F(Payments, TheFirstSettlementStands) {
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  ASSERT_TRUE(Settle(Completed(intent), {{"seller", "jwe"}}));
  EXPECT_EQ(CodeOf(Settle(Failed(intent), {{"seller", "jwe"}})), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Settle(Completed(intent))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(store_->authorisations().RecordOutcome(Failed(intent))),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(StateOf("sale"), CsblkState::kPaid);
  EXPECT_EQ(store_->mailbox().Read("seller", 0, 50, 65536).value().messages.size(), 1u);
}

TEST_F(Payments, AreNotSettledWithoutBothResults) {
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  EXPECT_EQ(CodeOf(store_->authorisations().Settle(Completed(intent), {"receipt", ""}, {})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(StateOf("sale"), CsblkState::kInFlight);
}

TEST_F(Payments, AreNotSettledInAStoreThatNeverRecordedThem) {
  Issue("sale");
  const Intent foreign = Recorded(MakeIntent("payment", "sale"));
  TemporaryDirectory elsewhere;
  auto other = rocksdb::OpenRocksStore(elsewhere.store()).value();
  EXPECT_EQ(CodeOf(other->authorisations().Settle(Completed(foreign), MakeResults("payment"), {})),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(other->authorisations().RecordOutcome(Completed(foreign))),
            ErrorCode::kNotFound);
}

TEST_F(Payments, WhoseOutcomeAloneIsKnownStayOpenUntilTheResultsAreStored) {
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  ASSERT_TRUE(store_->authorisations().RecordOutcome(Completed(intent)));
  EXPECT_THAT(store_->payments().PreparedKeysInUse(), IsEmpty());
  Reopen();
  EXPECT_EQ(StateOf("sale"), CsblkState::kPaid);
  EXPECT_THAT(OpenPayments(), ElementsAre("payment"));
  EXPECT_THAT(store_->payments().PreparedKeysInUse(), IsEmpty());
  const Payment open = store_->payments().Find("payment").value().value();
  ASSERT_TRUE(open.settlement);
  EXPECT_THAT(open.results.receipt, IsEmpty());
  EXPECT_THAT(open.intent.record().prepared, IsEmpty());

  EXPECT_EQ(CodeOf(Settle(Failed(open.intent))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(store_->authorisations().RecordOutcome(Completed(intent))),
            ErrorCode::kAlreadyExists);
  ASSERT_TRUE(Settle(*open.settlement, {{"seller", "jwe"}}));
  EXPECT_THAT(OpenPayments(), IsEmpty());
  EXPECT_EQ(store_->payments().Find("payment").value()->results.receipt, "receipt of payment");
}

TEST_F(Payments, AFailureWhoseResultsAreLateCountsOneTry) {
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("p0", "sale"));
  ASSERT_TRUE(store_->authorisations().RecordOutcome(Failed(intent)));
  const Intent second = Recorded(MakeIntent("p1", "sale"));
  ASSERT_TRUE(Settle(Failed(intent)));
  EXPECT_EQ(StateOf("sale"), CsblkState::kInFlight);  // the second's
  ASSERT_TRUE(Settle(Failed(second)));
  EXPECT_EQ(Record(MakeIntent("p2", "sale")), RecordVerdict::kRecorded);
}

TEST_F(Payments, ThatAreOpenAreListedOldestFirstNameTheirStorageKeys) {
  for (const char* sale : {"a", "b", "c"}) Issue(sale);
  IntentRecord newest = MakeIntent("newest", "a", "buyer", 300);
  newest.prepared_key = "day 2";
  const Intent oldest = Recorded(MakeIntent("oldest", "b", "buyer", 100));
  Recorded(newest);
  Recorded(MakeIntent("middle", "c", "buyer", 200));
  for (int restart = 0; restart < 2; ++restart, Reopen()) {
    EXPECT_THAT(OpenPayments(), ElementsAre("oldest", "middle", "newest"));
    EXPECT_EQ(store_->payments().OpenCount(), 3u);
    EXPECT_THAT(store_->payments().PreparedKeysInUse(), ElementsAre("2026-11-22", "day 2"));
  }
  ASSERT_TRUE(Settle(Completed(oldest)));
  EXPECT_THAT(OpenPayments(), ElementsAre("middle", "newest"));
  EXPECT_THAT(store_->payments().PreparedKeysInUse(), ElementsAre("2026-11-22", "day 2"));
  ASSERT_TRUE(Settle(Completed(store_->payments().Find("middle").value()->intent)));
  EXPECT_THAT(store_->payments().PreparedKeysInUse(), ElementsAre("day 2"));
}

TEST_F(Payments, AskedForByManyAtOncePayACsblkOnce) {
  constexpr int kThreads = 64, kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    const std::string sale = "sale " + std::to_string(round);
    Issue(sale);
    std::atomic<int> recorded = 0, in_flight = 0;
    std::barrier start(kThreads);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          const std::string id = sale + " by " + std::to_string(i);
          start.arrive_and_wait();
          const RecordVerdict verdict = Record(MakeIntent(id, sale, "buyer " + std::to_string(i)));
          recorded += verdict == RecordVerdict::kRecorded;
          in_flight += verdict == RecordVerdict::kInFlight;
        });
      }
    }
    EXPECT_EQ(recorded, 1);
    EXPECT_EQ(in_flight, kThreads - 1);
  }
  EXPECT_EQ(OpenPayments().size(), static_cast<size_t>(kRounds));
}

TEST_F(Payments, AreSettledOnceWhoeverIsFirst) {
  constexpr int kThreads = 16;
  Issue("sale");
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  std::atomic<int> settled = 0;
  std::atomic<bool> completed = false;
  std::barrier start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        const bool ok(Settle(i % 2 ? Completed(intent) : Failed(intent), {{"seller", "jwe"}}));
        settled += ok;
        if (ok) completed = i % 2;
      });
    }
  }
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(StateOf("sale"), completed ? CsblkState::kPaid : CsblkState::kPayable);
  EXPECT_EQ(store_->mailbox().Read("seller", 0, 50, 65536).value().newest, 1u);
}

TEST_F(Payments, AreSeenWholeByReadersWhileTheySettle) {
  constexpr int kPayments = 40;
  std::vector<Intent> intents;
  for (int i = 0; i < kPayments; ++i) {
    const std::string n = std::to_string(i);
    Issue("sale " + n);
    intents.push_back(Recorded(MakeIntent("payment " + n, "sale " + n)));
  }
  std::atomic<bool> done = false;
  std::jthread reader([&] {
    while (!done) {
      for (const Intent& intent : intents) {
        const auto found = store_->payments().Find(intent.payment_id());
        ASSERT_TRUE(found) << found.error().ToString();
        const Payment& p = found->value();
        ASSERT_EQ(p.settlement.has_value(), !p.results.receipt.empty());
        ASSERT_EQ(p.settlement.has_value(), p.intent.record().prepared.empty());
      }
    }
  });
  for (const Intent& intent : intents) ASSERT_TRUE(Settle(Completed(intent)));
  done = true;
}

class SignedRefusals : public StoreTest {};

TEST_F(SignedRefusals, AreFinal) {
  Issue("sale");
  ASSERT_TRUE(store_->refusals().Record("payment", "refusal jws", At(0)));
  Reopen();
  EXPECT_EQ(Record(MakeIntent("payment", "sale")), RecordVerdict::kSeenBefore);
  EXPECT_EQ(store_->refusals().Find("payment").value(), "refusal jws");
  EXPECT_FALSE(store_->payments().Find("payment").value());
  EXPECT_EQ(CodeOf(store_->refusals().Record("payment", "another", At(1))),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(store_->refusals().Find("payment").value(), "refusal jws");
  EXPECT_FALSE(store_->refusals().Find("unknown").value());
}

TEST_F(SignedRefusals, CannotTakeBackWhatWasAccepted) {
  Issue("sale");
  ASSERT_EQ(Record(MakeIntent("payment", "sale")), RecordVerdict::kRecorded);
  EXPECT_EQ(CodeOf(store_->refusals().Record("payment", "jws", At(0))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(store_->refusals().Record("confirmation of sale", "jws", At(0))),
            ErrorCode::kAlreadyExists);
  EXPECT_FALSE(store_->refusals().Find("payment").value());
}

TEST_F(SignedRefusals, AndRecordingsExcludeEachOtherWhoeverIsFirst) {
  constexpr int kRounds = 50;
  for (int i = 0; i < kRounds; ++i) {
    const std::string id = "payment " + std::to_string(i), sale = "sale " + std::to_string(i);
    Issue(sale);
    bool recorded = false, refused = false;
    std::barrier start(2);
    {
      std::jthread a([&] {
        start.arrive_and_wait();
        recorded = Record(MakeIntent(id, sale)) == RecordVerdict::kRecorded;
      });
      std::jthread b([&] {
        start.arrive_and_wait();
        refused = store_->refusals().Record(id, "jws", At(0)).has_value();
      });
    }
    ASSERT_NE(recorded, refused);
    ASSERT_EQ(recorded, store_->payments().Find(id).value().has_value());
    ASSERT_EQ(refused, store_->refusals().Find(id).value().has_value());
  }
}

}  // namespace
}  // namespace paygate::storage
