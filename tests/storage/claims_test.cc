// Claims in the store: one for each payment, moved on by one of all who try at once.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using base::ErrorCode;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// A payment of 12.50 by "alice" to "seller", completed.
class ClaimRows : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Pay("payment", "sale");
  }
  void Pay(const std::string& payment_id, const std::string& sale) {
    Issue(sale);
    ASSERT_TRUE(Settle(Completed(Recorded(MakeIntent(payment_id, sale, "alice")))));
  }
  static Claim MakeClaim(const std::string& claim_id, const std::string& payment_id = "payment") {
    return {.payment_id = payment_id,
            .claim_id = claim_id,
            .buyer_id = "alice",
            .seller_id = "seller",
            .jws = "jws of " + claim_id,
            .filed_at = At(100)};
  }
  FileVerdict File(const Claim& claim) {
    return store_->claims().File(claim, {claim.seller_id, "mail of " + claim.claim_id}).value();
  }
  base::Status Answer(const std::string& digest, const std::string& seller = "seller",
                      base::UnixTime at = At(200)) {
    return store_->claims().Answer({.digest = digest,
                                    .jws = "jws of " + digest,
                                    .claim_id = "claim",
                                    .seller_id = seller,
                                    .at = at});
  }
  static ClaimOrder Order(bool refund, bool by_operator, base::UnixTime at) {
    return {.refund = refund,
            .by_operator = by_operator,
            .reason = by_operator ? "because" : "",
            .at = at,
            .to_buyer = "decision to alice",
            .to_seller = "decision to seller"};
  }
  base::Status Decide(const ClaimOrder& order) {
    return store_->claims().Decide("payment", order,
                                   {{"alice", "decided"}, {"seller", "decided"}});
  }
  // Past the seller's time.
  static base::UnixTime Late() { return At(100) + kClaimAnswerTime + seconds(1); }
  static IntentRecord MakeRefund(const std::string& refund_id, int64_t minor_units,
                                 base::UnixTime at) {
    IntentRecord refund = MakeIntent(refund_id, "sale", "alice");
    refund.recorded_at = at;
    refund.reply_certificate.clear();
    refund.amount =
        base::Money::Of(minor_units, base::Currency::Parse("GBP").value()).value();
    refund.refund_of = "payment";
    return refund;
  }
  RecordResult Refund(const IntentRecord& refund) {
    return store_->authorisations().RecordClaimRefund(refund).value();
  }
  base::Status End(const Settlement& settlement) {
    RETURN_IF_ERROR(store_->authorisations().RecordOutcome(settlement));
    return Settle(settlement, {{"alice", "jwe"}});
  }
  Claim Now() { return store_->claims().Find("payment").value().value(); }
  std::vector<std::string> DueAt(base::UnixTime at) {
    return store_->claims().Due(at, 10).value();
  }
  size_t Mail(const std::string& id) {
    return store_->mailbox().Read(id, 0, 50, 65536).value().messages.size();
  }
};

TEST_F(ClaimRows, ComeBackAfterARestartAsTheyWereFiledAnsweredAndDecided) {
  EXPECT_FALSE(store_->claims().Find("payment").value());
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  EXPECT_EQ(Mail("seller"), 1u);
  Reopen();
  Claim claim = Now();
  EXPECT_EQ(claim.state, ClaimState::kFiled);
  EXPECT_EQ(claim.jws, "jws of claim");
  EXPECT_EQ(claim.answer_by, At(100) + kClaimAnswerTime);
  EXPECT_TRUE(store_->claims().Taken("claim").value());
  ASSERT_TRUE(Answer("answer"));
  ASSERT_TRUE(Decide(Order(false, true, At(300))));
  Reopen();
  claim = Now();
  EXPECT_EQ(claim.state, ClaimState::kRejected);
  EXPECT_EQ(claim.answer, "jws of answer");
  EXPECT_EQ(claim.answered_at, At(200));
  ASSERT_TRUE(claim.order);
  EXPECT_EQ(claim.order->reason, "because");
  EXPECT_EQ(claim.order->to_seller, "decision to seller");
  EXPECT_EQ(Mail("alice"), 1u);
  EXPECT_EQ(Mail("seller"), 2u);
  EXPECT_TRUE(store_->claims().Taken("answer").value());
  EXPECT_FALSE(store_->claims().Taken("nothing").value());
  EXPECT_THAT(store_->claims().Open(0, 10).value(), IsEmpty());
}

TEST_F(ClaimRows, AreOneForEachPaymentAndOfItsParties) {
  const auto refused = [&](FileVerdict verdict, const std::function<void(Claim&)>& change) {
    Claim claim = MakeClaim("claim");
    change(claim);
    EXPECT_EQ(File(claim), verdict);
  };
  refused(FileVerdict::kNotRefundable, [](Claim& c) { c.buyer_id = "mallory"; });
  refused(FileVerdict::kNotRefundable, [](Claim& c) { c.seller_id = "mallory"; });
  refused(FileVerdict::kNotRefundable, [](Claim& c) { c.payment_id = "unknown"; });
  Issue("open");
  Recorded(MakeIntent("open payment", "open", "alice"));
  refused(FileVerdict::kNotRefundable, [](Claim& c) { c.payment_id = "open payment"; });
  EXPECT_EQ(Mail("seller"), 0u) << "a refused one leaves nothing";
  EXPECT_FALSE(store_->claims().Taken("claim").value());

  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  EXPECT_EQ(File(MakeClaim("claim")), FileVerdict::kSeenBefore);
  EXPECT_EQ(File(MakeClaim("another")), FileVerdict::kClaimed);
  EXPECT_EQ(Mail("seller"), 1u);
  EXPECT_EQ(CodeOf(store_->refusals().Record("claim", "no", At(1))), ErrorCode::kAlreadyExists);
  // A refused message is never filed.
  Pay("second", "second sale");
  ASSERT_TRUE(store_->refusals().Record("refused", "no", At(1)));
  EXPECT_EQ(File(MakeClaim("refused", "second")), FileVerdict::kSeenBefore);
}

TEST_F(ClaimRows, OfWhatWasGivenBackAlreadyAreRefused) {
  IntentRecord refund = MakeRefund("refund", 1250, At(10));
  const Intent open = store_->authorisations().RecordRefund(refund).value().intent.value();
  EXPECT_EQ(File(MakeClaim("claim")), FileVerdict::kNothingLeft) << "an open one counts";
  ASSERT_TRUE(End(Failed(open)));
  EXPECT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
}

TEST_F(ClaimRows, AreAnsweredByTheirSellerOnceAndInTime) {
  EXPECT_EQ(CodeOf(Answer("answer")), ErrorCode::kNotFound);
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  EXPECT_EQ(CodeOf(Answer("answer", "mallory")), ErrorCode::kNotYours);
  EXPECT_EQ(CodeOf(Answer("answer", "seller", Late())), ErrorCode::kClaimClosed);
  EXPECT_TRUE(Answer("answer", "seller", Late() - seconds(1))) << "in the last second";
  EXPECT_EQ(CodeOf(Answer("answer")), ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(Answer("second")), ErrorCode::kClaimClosed);
  EXPECT_EQ(Now().answer, "jws of answer");
  EXPECT_THAT(DueAt(Late()), IsEmpty()) << "the operator's now";
}

TEST_F(ClaimRows, AreDecidedByTimeOnlyWhenNobodyAnsweredAndByTheOperatorOnlyWhenSomebodyDid) {
  EXPECT_EQ(CodeOf(Decide(Order(true, false, Late()))), ErrorCode::kNotFound);
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  EXPECT_EQ(CodeOf(Decide(Order(true, false, Late() - seconds(1)))), ErrorCode::kInFlight);
  EXPECT_EQ(CodeOf(Decide(Order(true, true, Late()))), ErrorCode::kInFlight);
  EXPECT_EQ(CodeOf(Decide(Order(false, false, Late()))), ErrorCode::kAlreadyExists)
      << "time alone rejects nothing";
  ASSERT_TRUE(Answer("answer"));
  EXPECT_EQ(CodeOf(Decide(Order(true, false, Late()))), ErrorCode::kAlreadyExists);
  ASSERT_TRUE(Decide(Order(true, true, At(300))));
  EXPECT_EQ(CodeOf(Decide(Order(false, true, At(301)))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Mail("alice"), 1u);
  EXPECT_THAT(DueAt(At(300)), ElementsAre("payment"));
}

TEST_F(ClaimRows, AreRefundedOnceOfExactlyWhatIsLeft) {
  const Intent own =
      store_->authorisations().RecordRefund(MakeRefund("own", 250, At(10))).value().intent.value();
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  EXPECT_EQ(Refund(MakeRefund("r1", 1000, Late())).verdict, RecordVerdict::kNotRefundable)
      << "not decided";
  ASSERT_TRUE(Decide(Order(true, false, Late())));
  EXPECT_EQ(Refund(MakeRefund("r1", 1000, Late())).verdict, RecordVerdict::kExceedsPayment)
      << "another is open";
  ASSERT_TRUE(End(Completed(own)));
  EXPECT_EQ(Refund(MakeRefund("r1", 1000, Late() - seconds(1))).verdict,
            RecordVerdict::kNotRefundable) << "not due";
  EXPECT_EQ(Refund(MakeRefund("r1", 999, Late())).verdict, RecordVerdict::kExceedsPayment);
  EXPECT_EQ(Refund(MakeRefund("r1", 1001, Late())).verdict, RecordVerdict::kExceedsPayment);
  const Intent refund = Refund(MakeRefund("r1", 1000, Late())).intent.value();
  EXPECT_EQ(Refund(MakeRefund("r2", 1000, Late())).verdict, RecordVerdict::kExceedsPayment);
  EXPECT_THAT(DueAt(kNeverDue - seconds(1)), IsEmpty());
  Reopen();
  EXPECT_EQ(Now().state, ClaimState::kRefunding);
  EXPECT_EQ(Now().refund_id, "r1");
  ASSERT_TRUE(End(Completed(refund)));
  EXPECT_EQ(Now().state, ClaimState::kRefunded);
  EXPECT_THAT(store_->claims().Open(0, 10).value(), IsEmpty());
  EXPECT_EQ(Refund(MakeRefund("r2", 1, Late())).verdict, RecordVerdict::kExceedsPayment);
}

TEST_F(ClaimRows, WhoseRefundTheBankRejectsAreDueADayLaterAndAtLastTheOperators) {
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  ASSERT_TRUE(Decide(Order(true, false, Late())));
  for (uint32_t attempt = 1; attempt <= kMaxClaimRefunds; ++attempt) {
    EXPECT_EQ(Now().state, ClaimState::kToRefund);
    const std::string id = "r" + std::to_string(attempt);
    ASSERT_TRUE(End(Failed(Refund(MakeRefund(id, 1250, Now().due)).intent.value())));
    EXPECT_EQ(Now().attempts, attempt);
  }
  EXPECT_EQ(Now().state, ClaimState::kStuck);
  EXPECT_THAT(DueAt(kNeverDue - seconds(1)), IsEmpty());
  EXPECT_EQ(store_->claims().Open(0, 10).value().size(), 1u);
  EXPECT_EQ(CodeOf(Decide(Order(false, true, Late()))), ErrorCode::kAlreadyExists)
      << "what was promised is owed";
  ASSERT_TRUE(Decide(Order(true, true, Late())));
  ASSERT_TRUE(End(Completed(Refund(MakeRefund("last", 1250, Late())).intent.value())));
  EXPECT_EQ(Now().state, ClaimState::kRefunded);
}

TEST_F(ClaimRows, AreRefundedThoughTheSellerHasUsedUpHisRefunds) {
  for (size_t i = 0; i < kMaxRefunds; ++i) {
    const auto small = store_->authorisations().RecordRefund(
        MakeRefund("small " + std::to_string(i), 1, At(9)));
    ASSERT_TRUE(End(Completed(small.value().intent.value())));
  }
  ASSERT_EQ(store_->authorisations().RecordRefund(MakeRefund("more", 1, At(9))).value().verdict,
            RecordVerdict::kTooManyRefunds);
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  ASSERT_TRUE(Decide(Order(true, false, Late())));
  const int64_t rest = 1250 - static_cast<int64_t>(kMaxRefunds);
  ASSERT_TRUE(End(Completed(Refund(MakeRefund("rest", rest, Late())).intent.value())));
  EXPECT_EQ(Now().state, ClaimState::kRefunded);
}

TEST_F(ClaimRows, EndWhenTheSellerGivesAllBackOfHisOwnAccord) {
  ASSERT_EQ(File(MakeClaim("claim")), FileVerdict::kFiled);
  const auto give = [&](const std::string& id, int64_t amount) {
    const auto taken = store_->authorisations().RecordRefund(MakeRefund(id, amount, At(9)));
    return End(Completed(taken.value().intent.value()));
  };
  ASSERT_TRUE(give("part", 1000));
  EXPECT_EQ(Now().state, ClaimState::kFiled);
  ASSERT_TRUE(give("rest", 250));
  EXPECT_EQ(Now().state, ClaimState::kRefunded);
  EXPECT_THAT(DueAt(kNeverDue), IsEmpty());
}

TEST_F(ClaimRows, AnsweredDecidedAndRefundedByManyAtOnceMoveOnOnce) {
  constexpr int kThreads = 8;
  const uint64_t seed = Seed();
  std::atomic<int> filed = 0, answered = 0, decided = 0, refunded = 0;
  std::barrier start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(seed + t);
        const std::string name = std::to_string(t);
        start.arrive_and_wait();
        const Claim claim = MakeClaim(t % 2 ? "claim" : "claim " + name);
        filed += File(claim) == FileVerdict::kFiled;
        start.arrive_and_wait();
        // Either in time or the gateway too late: one of the two.
        if (random() % 2 == 0) {
          answered += store_->claims()
                          .Answer({.digest = "answer " + name,
                                   .jws = "jws",
                                   .claim_id = Now().claim_id,
                                   .seller_id = "seller",
                                   .at = Late() - seconds(1)})
                          .has_value();
        } else {
          decided += Decide(Order(true, false, Late())).has_value();
        }
        start.arrive_and_wait();
        decided += Decide(Order(true, true, Late())).has_value();
        start.arrive_and_wait();
        refunded += Refund(MakeRefund("refund " + name, 1250, Late())).verdict ==
                    RecordVerdict::kRecorded;
      });
    }
  }
  EXPECT_EQ(filed, 1);
  EXPECT_LE(answered, 1);
  EXPECT_EQ(decided, 1);
  EXPECT_EQ(refunded, 1);
  EXPECT_EQ(Mail("alice"), 1u);
  EXPECT_EQ(store_->payments().Refunds("payment").value().size(), 1u);
}

TEST_F(ClaimRows, AreListedFromTheFirstThatIsDue) {
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    Pay("payment " + n, "sale " + n);
    Claim claim = MakeClaim("claim " + n, "payment " + n);
    claim.filed_at = At(1000 - i);
    ASSERT_EQ(File(claim), FileVerdict::kFiled);
  }
  const auto page = store_->claims().Open(1, 2).value();
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].payment_id, "payment 3");
  EXPECT_EQ(page[1].payment_id, "payment 2");
  EXPECT_THAT(store_->claims().Due(At(1000) + kClaimAnswerTime, 2).value(),
              ElementsAre("payment 4", "payment 3"));
  ASSERT_TRUE(store_->claims().Postpone("payment 4", At(1)));
  EXPECT_EQ(DueAt(At(1)).size(), 0u) << "only what is to be refunded is put off";
}

}  // namespace
}  // namespace paygate::storage
