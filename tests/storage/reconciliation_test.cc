// What is unreconciled is durable with what made it so.
#include "storage/reconciliation.h"
#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReconciliationTest : public StoreTest {
 protected:
  Reconciliation& r() { return store_->reconciliation(); }
  std::vector<std::string> Unreconciled() {
    std::vector<std::string> ids;
    const auto rows = r().ListUnreconciled("", 100).value();
    for (const auto& row : rows) ids.push_back(row.id);
    return ids;
  }
  Intent Order(const std::string& id) {
    Issue("sale of " + id);
    return Recorded(MakeIntent(id, "sale of " + id));
  }
};

TEST_F(ReconciliationTest, ACompletedOrderIsUnreconciledFromItsOutcomeOnAndAFailedOneIsNot) {
  ASSERT_TRUE(Settle(Completed(Order("paid"))));
  ASSERT_TRUE(Settle(Failed(Order("failed"))));
  (void)Order("open");
  ASSERT_TRUE(store_->authorisations().RecordOutcome(Completed(Order("unsigned"))));
  EXPECT_THAT(Unreconciled(), ElementsAre("paid", "unsigned"));
  Reopen();
  EXPECT_THAT(Unreconciled(), ElementsAre("paid", "unsigned"));
  EXPECT_THAT(r().ListSettled("", 10).value(), ElementsAre("failed", "paid", "unsigned"));
  EXPECT_THAT(r().ListSettled("failed", 1).value(), ElementsAre("paid"));
  EXPECT_EQ(r().ListUnreconciled("paid", 10).value().at(0).id, "unsigned");
  EXPECT_THAT(r().ListUnreconciled("unsigned", 10).value(), IsEmpty());
}

TEST_F(ReconciliationTest, APageIsTakenWithItsCursorInOneBatch) {
  EXPECT_EQ(r().Position("bank").value().cursor, "");
  const ListedBooking booking{.id = "paid",
                              .is_return = true,
                              .minor_units = 1250,
                              .currency = "GBP",
                              .bank_reference = "REF",
                              .booked = At(1),
                              .listed = At(2)};
  ASSERT_TRUE(r().Write({.at = At(3),
                         .adapter = "bank",
                         .position = StatementPosition{"7", At(4)},
                         .listed = {booking},
                         .disputed = {"paid", "other"}}));
  Reopen();
  EXPECT_EQ(r().Position("bank").value().cursor, "7");
  EXPECT_EQ(r().Position("bank").value().complete_until, At(4));
  EXPECT_EQ(r().Position("another").value().cursor, "");
  const auto found = r().FindBooking("paid").value().value();
  EXPECT_EQ(found.id, "paid");
  EXPECT_TRUE(found.is_return);
  EXPECT_EQ(found.minor_units, 1250);
  EXPECT_EQ(found.currency, "GBP");
  EXPECT_EQ(found.bank_reference, "REF");
  EXPECT_EQ(found.booked, At(1));
  EXPECT_EQ(found.listed, At(2));
  EXPECT_THAT(Unreconciled(), ElementsAre("other", "paid"));
  ASSERT_TRUE(r().Write({.at = At(9), .unlisted = {"paid"}, .agreed = {"other"},
                         .disputed = {"paid"}}));
  EXPECT_FALSE(r().FindBooking("paid").value());
  ASSERT_THAT(Unreconciled(), ElementsAre("paid"));
  EXPECT_EQ(r().ListUnreconciled("", 1).value()[0].since, At(3)) << "the first time stands";
}

TEST_F(ReconciliationTest, ABookingThatIsNoneIsRefusedAndNothingIsTaken) {
  ListedBooking bad{.id = std::string(200, 'x'), .minor_units = 1, .currency = "GBP"};
  EXPECT_FALSE(r().Write({.at = At(1),
                          .adapter = "bank",
                          .position = StatementPosition{"7", At(4)},
                          .listed = {bad}}));
  EXPECT_EQ(r().Position("bank").value().cursor, "");
}

}  // namespace
}  // namespace paygate::storage
