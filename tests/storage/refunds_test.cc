#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using base::ErrorCode;
using testing::IsEmpty;

// A payment of 12.50 by "alice" to "seller", completed.
class Refunds : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Pay("payment", "sale");
  }
  void Pay(const std::string& payment_id, const std::string& sale) {
    Issue(sale);
    ASSERT_TRUE(Settle(Completed(Recorded(MakeIntent(payment_id, sale, "alice")))));
  }
  static IntentRecord MakeRefund(const std::string& refund_id, int64_t minor_units,
                                 const char* currency = "GBP") {
    IntentRecord refund = MakeIntent(refund_id, "sale", "alice", 10);
    refund.amount =
        base::Money::Of(minor_units, base::Currency::Parse(currency).value()).value();
    refund.refund_of = "payment";
    return refund;
  }
  RecordResult Ask(const IntentRecord& refund) {
    return store_->authorisations().RecordRefund(refund).value();
  }
  Intent Taken(const std::string& refund_id, int64_t minor_units) {
    return Ask(MakeRefund(refund_id, minor_units)).intent.value();
  }
  // The bank's word, then the results.
  base::Status End(const Settlement& settlement) {
    RETURN_IF_ERROR(store_->authorisations().RecordOutcome(settlement));
    return Settle(settlement, {{"alice", "jwe"}});
  }
  std::vector<Refund> All() { return store_->payments().Refunds("payment").value(); }
  int64_t Back() {
    int64_t sum = 0;
    for (const Refund& r : All()) sum += r.state == RefundState::kCompleted ? r.amount : 0;
    return sum;
  }
};

TEST_F(Refunds, ReturnAfterARestartAsTheyWereRecordedAndSettled) {
  EXPECT_THAT(All(), IsEmpty());
  const Intent refund = Taken("refund", 500);
  Reopen();
  EXPECT_THAT(OpenPayments(), testing::ElementsAre("refund"));
  const Payment open = store_->payments().Find("refund").value().value();
  EXPECT_EQ(open.intent.record().refund_of, "payment");
  EXPECT_EQ(open.intent.record().prepared, "sealed bytes of refund");
  EXPECT_EQ(open.intent.record().amount.minor_units(), 500);
  ASSERT_TRUE(End(Completed(refund)));
  Reopen();
  EXPECT_THAT(OpenPayments(), IsEmpty());
  ASSERT_EQ(All().size(), 1u);
  EXPECT_EQ(All()[0].refund_id, "refund");
  EXPECT_EQ(All()[0].state, RefundState::kCompleted);
  EXPECT_EQ(All()[0].refunded_total, 500);
  const Payment done = store_->payments().Find("refund").value().value();
  EXPECT_TRUE(done.settlement->outcome().completed);
  EXPECT_EQ(done.results.receipt, "receipt of refund");
  EXPECT_EQ(store_->mailbox().Read("alice", 0, 50, 65536).value().messages.size(), 1u);
  EXPECT_EQ(StateOf("sale"), CsblkState::kPaid) << "what is refunded was paid all the same";
  EXPECT_EQ(Ask(MakeRefund("refund", 500)).verdict, RecordVerdict::kSeenBefore);
}

TEST_F(Refunds, NeverExceedThePaymentOpenOnesIncluded) {
  const Intent first = Taken("first", 1000);
  EXPECT_EQ(Ask(MakeRefund("more", 251)).verdict, RecordVerdict::kExceedsPayment);
  const Intent second = Taken("second", 250);
  EXPECT_EQ(Ask(MakeRefund("one", 1)).verdict, RecordVerdict::kExceedsPayment);
  ASSERT_TRUE(End(Failed(first)));
  EXPECT_EQ(All()[0].refunded_total, 0);
  ASSERT_TRUE(End(Completed(second)));
  EXPECT_EQ(Ask(MakeRefund("too much", 1001)).verdict, RecordVerdict::kExceedsPayment);
  ASSERT_TRUE(End(Completed(Taken("rest", 1000))));
  EXPECT_EQ(Back(), 1250);
  EXPECT_EQ(Ask(MakeRefund("one", 1)).verdict, RecordVerdict::kExceedsPayment);
  EXPECT_FALSE(store_->payments().Find("one").value()) << "a refused one leaves nothing";
}

TEST_F(Refunds, AreOfACompletedPaymentOfTheSamePartiesAndCurrency) {
  const auto refused = [&](const std::function<void(IntentRecord&)>& change) {
    IntentRecord refund = MakeRefund("refund", 1);
    change(refund);
    EXPECT_EQ(Ask(refund).verdict, RecordVerdict::kNotRefundable);
    EXPECT_FALSE(store_->payments().Find("refund").value());
  };
  refused([](auto& r) { r.seller_id = "mallory"; });
  refused([](auto& r) { r.buyer_id = "mallory"; });
  refused([](auto& r) { r.csblk_id = "another"; });
  refused([](auto& r) { r.refund_of = "unknown"; });
  refused([](auto& r) { r.amount = MakeRefund("", 1, "EUR").amount; });
  Issue("open");
  const Intent open = Recorded(MakeIntent("open payment", "open", "alice"));
  refused([](auto& r) { r.refund_of = "open payment"; r.csblk_id = "open"; });
  ASSERT_TRUE(Settle(Failed(open)));
  refused([](auto& r) { r.refund_of = "open payment"; r.csblk_id = "open"; });
  ASSERT_TRUE(End(Completed(Taken("real", 5))));
  refused([](auto& r) { r.refund_of = "real"; });
  EXPECT_EQ(CodeOf(store_->authorisations().RecordIntent(MakeRefund("refund", 1))),
            ErrorCode::kInvalidArgument);
}

TEST_F(Refunds, EndOnceAndOnlyWithARecordedOutcome) {
  const Intent refund = Taken("refund", 500);
  EXPECT_EQ(CodeOf(Settle(Completed(refund))), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(store_->authorisations().RecordOutcome(Completed(refund)));
  EXPECT_EQ(CodeOf(store_->authorisations().RecordOutcome(Failed(refund))),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Settle(Failed(refund))), ErrorCode::kAlreadyExists);
  Reopen();
  EXPECT_THAT(OpenPayments(), testing::ElementsAre("refund")) << "its results are missing";
  EXPECT_EQ(All()[0].refunded_total, 500);
  ASSERT_TRUE(Settle(Completed(refund)));
  EXPECT_EQ(CodeOf(Settle(Completed(refund))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Back(), 500);
  // A refund that another store recorded.
  TemporaryDirectory elsewhere;
  auto other = rocksdb::OpenRocksStore(elsewhere.store()).value();
  EXPECT_EQ(CodeOf(other->authorisations().RecordOutcome(Completed(refund))),
            ErrorCode::kNotFound);
}

TEST_F(Refunds, OfOnePaymentHaveABound) {
  for (size_t i = 0; i < kMaxRefunds; ++i) {
    ASSERT_TRUE(End(Failed(Taken("refund " + std::to_string(i), 1250))));
  }
  EXPECT_EQ(Ask(MakeRefund("one more", 1)).verdict, RecordVerdict::kTooManyRefunds);
}

TEST_F(Refunds, AskedForAndEndedByManyAtOnceNeverExceedThePayment) {
  constexpr int kThreads = 12, kEach = 5;
  const uint64_t seed = Seed();
  std::atomic<int64_t> said_back = 0;
  std::atomic<int> wrong = 0;
  std::barrier start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(seed + t);
        start.arrive_and_wait();
        for (int i = 0; i < kEach; ++i) {
          const std::string id = std::to_string(t) + "." + std::to_string(i);
          const int64_t amount = 1 + static_cast<int64_t>(random() % 700);
          const RecordResult asked = Ask(MakeRefund(id, amount));
          if (asked.verdict != RecordVerdict::kRecorded) {
            wrong += asked.verdict != RecordVerdict::kExceedsPayment;
            continue;
          }
          const bool completes = random() % 2 == 0;
          const bool ended(End(completes ? Completed(*asked.intent) : Failed(*asked.intent)));
          wrong += !ended;
          if (completes) said_back += amount;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(Back(), 1250);
  EXPECT_EQ(Back(), said_back);
  // Each completed one saw another total: they were decided one after the other.
  std::vector<int64_t> totals;
  for (const Refund& r : All()) {
    EXPECT_NE(r.state, RefundState::kOpen);
    EXPECT_LE(r.refunded_total, 1250);
    if (r.state == RefundState::kCompleted) totals.push_back(r.refunded_total);
  }
  std::sort(totals.begin(), totals.end());
  EXPECT_EQ(std::adjacent_find(totals.begin(), totals.end()), totals.end());
  EXPECT_EQ(totals.empty() ? 0 : totals.back(), Back());
}

}  // namespace
}  // namespace paygate::storage
