// What the banks of the simulator state and order, as the adapter reads it.
#include <filesystem>

#include "bank/adapters/iso20022/rules.h"
#include "bank/adapters/iso20022/schema.h"
#include "tests/banksim/network_fixture.h"
#include "tests/iso20022/samples.h"

namespace paygate::banksim {
namespace {

using namespace testing;
using Bookings = std::vector<iso::StatementEnd::Booking>;

struct BanksimStatement : BanksimNetwork {
  iso::StatementEnd Page(const std::string& cursor) {
    std::promise<iso::StatementEnd> promise;
    EXPECT_TRUE(banks_->AskStatement(*iso::ParsePositions(cursor), [&](iso::StatementEnd end) {
      promise.set_value(std::move(end));
    }));
    return promise.get_future().get();
  }
  // Asked again until every bank has answered: a connection of before a restart is dead.
  iso::StatementEnd Answered(const std::string& cursor) {
    iso::StatementEnd end;
    EXPECT_TRUE(Eventually([&] {
      end = Page(cursor);
      return end.answered && end.complete_until > 0;
    }));
    return end;
  }
  // All pages; the last one's completeness stands.
  iso::StatementEnd Whole(const std::string& cursor = "") {
    iso::StatementEnd all = Answered(cursor);
    while (all.more) {
      iso::StatementEnd next = Answered(all.cursor);
      EXPECT_FALSE(next.bookings.empty());
      all.bookings.insert(all.bookings.end(), next.bookings.begin(), next.bookings.end());
      next.bookings = std::move(all.bookings);
      all = std::move(next);
    }
    return all;
  }
  iso::NoticesEnd Notices(const std::string& cursor) {
    std::promise<iso::NoticesEnd> promise;
    EXPECT_TRUE(banks_->AskNotices(*iso::ParsePositions(cursor), [&](iso::NoticesEnd end) {
      promise.set_value(std::move(end));
    }));
    return promise.get_future().get();
  }
  bool ThereAreNotices(size_t count, iso::NoticesEnd& told) {
    return Eventually([&] { return (told = Notices("")).list.size() == count; });
  }
  void Enrol(const std::string& iban, const std::string& participant) {
    EXPECT_EQ(Verify({.account = iban,
                      .participant_id = participant,
                      .registration_digest = PaymentId("registration of " + participant),
                      .enrolment_code = network_.CodeOf(iban)})
                  .verdict,
              iso::VerificationEnd::Verdict::kVerified);
  }
  bool IsVerified(const std::string& iban, const std::string& participant) {
    return Verify({.account = iban, .participant_id = participant}).verdict ==
           iso::VerificationEnd::Verdict::kVerified;
  }
  void Order(const std::string& iban, const std::string& what) {
    EXPECT_TRUE(nlohmann::json::parse(network_.Ask("POST", "/accounts/" + iban + "/" + what))
                    .at("done"));
  }
};

TEST_F(BanksimStatement, ListsEachCompletedOrderOnceByTheGatewaysOwnId) {
  const auto paid = Submit(PreparedFor("one"));
  network_.AddRule(R"({"times":1,"fault":"reject"})");
  EXPECT_EQ(Submit(PreparedFor("rejected")).judgement.outcome, Outcome::kRejected);
  network_.AddRule(R"({"times":1,"fault":"pending","delay_ms":300})");
  EXPECT_EQ(Settle(PreparedFor("late", 300)).judgement.outcome, Outcome::kCompleted);
  const std::string refund_id = PaymentId("refund");
  const auto back = iso::PrepareReturn(banks_->config(), {.refund_id = refund_id,
                                                          .payment_id = PaymentId("one"),
                                                          .bank_reference = paid.bank_reference,
                                                          .amount = 50,
                                                          .currency = "GBP",
                                                          .fraction_digits = 2,
                                                          .deadline = Now() + 60,
                                                          .created = Now()});
  ASSERT_TRUE(back.has_value()) << back.error().message;
  const auto returned = Submit(*iso::ParsePrepared(*back));
  ASSERT_EQ(returned.judgement.outcome, Outcome::kCompleted);
  for (int i = 0; i < 2; ++i) {
    const auto all = Whole();
    ASSERT_TRUE(all.answered);
    ASSERT_EQ(all.bookings.size(), 3u) << "asked " << i + 1 << " times";
    EXPECT_EQ(all.bookings[0].id, PaymentId("one"));
    EXPECT_EQ(all.bookings[0].amount, 250);
    EXPECT_EQ(all.bookings[0].currency, "GBP");
    EXPECT_EQ(all.bookings[0].bank_reference, paid.bank_reference);
    EXPECT_FALSE(all.bookings[0].is_return);
    EXPECT_LE(std::abs(all.bookings[0].booked - Now()), 300);
    EXPECT_EQ(all.bookings[1].id, PaymentId("late"));
    EXPECT_EQ(all.bookings[2].id, refund_id);
    EXPECT_EQ(all.bookings[2].amount, 50);
    EXPECT_EQ(all.bookings[2].bank_reference, returned.bank_reference);
    EXPECT_TRUE(all.bookings[2].is_return);
    EXPECT_GE(all.complete_until, all.bookings[2].booked);
    EXPECT_TRUE(Page(all.cursor).bookings.empty()) << "nothing comes twice";
    network_.Kill();  // and it is the same afterwards
    network_.Start();
  }
}

TEST_F(BanksimStatement, ComesInPagesThatLoseAndRepeatNothing) {
  constexpr int kOrders = 230;  // of one bank: three pages
  std::set<std::string> paid;
  for (int i = 0; i < kOrders; ++i) {
    const std::string name = "order " + std::to_string(i);
    EXPECT_EQ(Submit(PreparedFor(name, 1)).judgement.outcome, Outcome::kCompleted);
    paid.insert(PaymentId(name));
  }
  const auto first = Page("");
  EXPECT_TRUE(first.more);
  EXPECT_LT(first.bookings.size(), size_t{kOrders});
  EXPECT_LE(first.complete_until, first.bookings.back().booked) << "the rest may be of that time";
  std::set<std::string> listed;
  for (const auto& booking : Whole().bookings) EXPECT_TRUE(listed.insert(booking.id).second);
  EXPECT_EQ(listed, paid);
}

TEST_F(BanksimStatement, OfABankThatIsAwayIsNotCalledComplete) {
  const auto before = Whole();
  EXPECT_GT(before.complete_until, 0);
  const std::string offline = std::string("/banks/") + kSellerBank + "/offline";
  network_.Ask("POST", offline);
  EXPECT_EQ(Submit(PreparedFor("meanwhile")).judgement.outcome, Outcome::kCompleted);
  const auto partly = Page(before.cursor);
  EXPECT_TRUE(partly.answered);
  ASSERT_EQ(partly.bookings.size(), 1u);
  EXPECT_EQ(partly.bookings[0].id, PaymentId("meanwhile"));
  EXPECT_EQ(partly.complete_until, 0);
  network_.Ask("POST", std::string("/banks/") + kBuyerBank + "/offline");
  EXPECT_FALSE(Page(before.cursor).answered);
}

TEST_F(BanksimStatement, LeavesOutAndListsWronglyWhatARuleSaysForEver) {
  const std::map<std::string, std::string> faults = {{"left-out", "gone"},
                                                     {"amount-differs", "more"},
                                                     {"reference-differs", "other"}};
  for (const auto& [fault, name] : faults) {
    network_.AddRule("{\"times\":1,\"fault\":\"" + fault + "\"}");
    EXPECT_EQ(Submit(PreparedFor(name)).judgement.outcome, Outcome::kCompleted);
  }
  network_.AddRule(R"({"times":1,"fault":"lie"})");
  EXPECT_EQ(Submit(PreparedFor("lie")).judgement.outcome, Outcome::kRejected);
  network_.Kill();
  network_.Start();
  std::map<std::string, iso::StatementEnd::Booking> listed;
  for (auto& booking : Whole().bookings) listed.emplace(booking.id, booking);
  EXPECT_FALSE(listed.contains(PaymentId("gone")));
  EXPECT_EQ(listed.at(PaymentId("more")).amount, 251);
  EXPECT_EQ(listed.at(PaymentId("other")).bank_reference,
            std::string(kBuyerBank) + "/BSANOTHER");
  EXPECT_EQ(listed.at(PaymentId("lie")).amount, 250) << "the money moved";
  EXPECT_TRUE(network_.LedgerIsRight()) << "only the statement is wrong";
}

TEST_F(BanksimStatement, IsValidByTheOfficialSchemaAndNamesNoAccount) {
  EXPECT_EQ(Submit(PreparedFor("valid")).judgement.outcome, Outcome::kCompleted);
  const std::string text = network_.Ask("GET", std::string("/bookings/") + kBuyerBank);
  EXPECT_NE(text.find("/PGID/" + PaymentId("valid")), text.npos) << text;
  for (const std::string& iban : {buyer_, seller_}) EXPECT_EQ(text.find(iban), text.npos);
  const std::string schemas = iso::testing::SharedDirectory() + "/xsd";
  if (!std::filesystem::exists(schemas)) GTEST_SKIP() << "SKIP: no schemas (set PAYGATE_SHARED)";
  auto checked = iso::Schemas::Open(schemas);
  ASSERT_TRUE(checked.has_value());
  const auto valid = (*checked)->Check(text);
  EXPECT_TRUE(valid) << valid.error().message;
  EXPECT_TRUE((*checked)->Check(
      network_.Ask("GET", std::string("/bookings/") + kSellerBank))) << "an empty one too";
}

TEST_F(BanksimStatement, OrdersOfTheBanksStaffComeThroughTheInboxForEverTheSame) {
  EXPECT_TRUE(Notices("").answered);
  EXPECT_TRUE(Notices("").list.empty());
  Enrol(buyer_, "AliceAliceAliceAliceAA");
  Enrol(seller_, "SueSueSueSueSueSueSueS");
  EXPECT_TRUE(IsVerified(buyer_, "AliceAliceAliceAliceAA"));
  // Other messages of the inbox are passed over.
  network_.AddRule(R"({"times":1,"fault":"late","delay_ms":0})");
  EXPECT_EQ(Submit(PreparedFor("late")).judgement.outcome, Outcome::kCompleted);
  Order(buyer_, "revoke?reason=superseded");
  Order(seller_, "close");
  EXPECT_FALSE(nlohmann::json::parse(network_.Ask("POST", "/accounts/" + buyer_ + "/revoke"))
                   .at("done"))
      << "done already";
  EXPECT_FALSE(IsVerified(buyer_, "AliceAliceAliceAliceAA"));
  EXPECT_FALSE(IsVerified(seller_, "SueSueSueSueSueSueSueS"));
  EXPECT_EQ(Submit(PreparedFor("to a closed account")).judgement.reason, "AC04");
  iso::NoticesEnd told;
  EXPECT_TRUE(ThereAreNotices(2, told));
  std::map<std::string, iso::ParticipantNotice> by_id;
  for (const auto& [cursor, notice] : told.list) by_id.emplace(notice.participant_id, notice);
  EXPECT_EQ(by_id.at("AliceAliceAliceAliceAA").reason, "superseded");
  EXPECT_FALSE(by_id.at("AliceAliceAliceAliceAA").closed);
  EXPECT_TRUE(by_id.at("SueSueSueSueSueSueSueS").closed);
  const auto rest = Notices(told.list[0].cursor);
  ASSERT_EQ(rest.list.size(), 1u);
  EXPECT_EQ(rest.list[0].notice.participant_id, told.list[1].notice.participant_id);
  EXPECT_EQ(rest.list[0].cursor, told.list[1].cursor);
  EXPECT_TRUE(Notices(rest.list[0].cursor).list.empty());
  network_.Kill();
  network_.Start();
  EXPECT_TRUE(ThereAreNotices(2, told)) << "for ever the same";
  EXPECT_FALSE(IsVerified(buyer_, "AliceAliceAliceAliceAA"));
}

TEST(BanksimPositions, AreOneCursorAndNothingElseIs) {
  const iso::Positions both{{"BUYRGB2LXXX", 12}, {"SELRGB2LXXX", 0}};
  EXPECT_EQ(iso::ParsePositions(iso::Print(both)), both);
  EXPECT_EQ(iso::ParsePositions(""), iso::Positions());
  for (const char* bad : {"x", "BUYRGB2LXXX", "BUYRGB2LXXX=", "BUYRGB2LXXX=-1", "BUYRGB2LXXX=1x",
                          "BUYRGB2LXXX=1,BUYRGB2LXXX=2", "=1", "BUYRGB2LXXX=1;SELRGB2LXXX=1",
                          "BUYRGB2LXXX=99999999999999999999999"}) {
    EXPECT_FALSE(iso::ParsePositions(bad)) << bad;
  }
}

}  // namespace
}  // namespace paygate::banksim
