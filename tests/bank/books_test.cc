#include "bank/adapters/embedded/books.h"

#include "tests/bank/bank_testing.h"

namespace paygate::bank::embedded {
namespace {

using namespace testing;

class BooksTest : public ::testing::Test {
 protected:
  BooksTest() : config_(SmallBank(dir_)), books_(config_) {
    for (const Record& r : books_.AccountsToOpen(kNow)) Apply(r);
  }
  void Apply(const Record& r) {
    const auto applied = books_.Apply(r);
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
    EXPECT_TRUE(books_.CheckConservation().has_value());
    // What is stored is what was meant.
    EXPECT_EQ(EncodeRecord(*DecodeRecord(EncodeRecord(r))), EncodeRecord(r));
  }
  TransferAnswer Submit(const std::string& prepared, int64_t now = kNow) {
    auto d = books_.DecideSubmit(*ParsePrepared(prepared), base::Sha256(prepared), now);
    if (d.record) Apply(*d.record);
    return d.answer;
  }
  TransferAnswer Inquire(const std::string& prepared, int64_t now = kNow) {
    auto d = books_.DecideStatus(*ParsePrepared(prepared), base::Sha256(prepared), now);
    if (d.record) Apply(*d.record);
    return d.answer;
  }
  bool Enrol(const std::string& code, const std::string& registration,
             const std::string& participant = "ID") {
    auto d = books_.DecideEnrolment(kAlice, code, registration, participant, kNow);
    if (d.record) Apply(*d.record);
    return d.answer.verified;
  }

  TempDir dir_;
  Config config_;
  Books books_;
};

TEST_F(BooksTest, MovesMoneyOnceAndGivesTheSameAnswerAgain) {
  const TransferAnswer first = Submit(Prepared(1, 250));
  EXPECT_EQ(first.state, TransferState::kCompleted);
  EXPECT_LE(first.reference.size(), 35u);
  EXPECT_EQ(Submit(Prepared(1, 250)).reference, first.reference);
  EXPECT_EQ(Inquire(Prepared(1, 250)).state, TransferState::kCompleted);
  EXPECT_EQ(books_.Balance(kAlice), 99750);
  EXPECT_EQ(books_.Balance(kSue), 250);
}

TEST_F(BooksTest, RejectsAnotherTransferUnderTheSameIdAsADuplicate) {
  Submit(Prepared(1, 250));
  EXPECT_EQ(Submit(Prepared(1, 251)).reason, "AM05");
  EXPECT_EQ(books_.Balance(kSue), 250);
  EXPECT_EQ(Submit(Prepared(1, 250)).state, TransferState::kCompleted);
}

TEST_F(BooksTest, RejectsWithTheReasonThatIso20022HasForIt) {
  int n = 10;
  EXPECT_EQ(Submit(Prepared(n++, 100001)).reason, "AM04");
  EXPECT_EQ(Submit(Prepared(n++, 1, "GB00NOBODY", kSue)).reason, "AC02");
  EXPECT_EQ(Submit(Prepared(n++, 1, kAlice, "GB00NOBODY")).reason, "AC03");
  EXPECT_EQ(Submit(Prepared(n++, 1, kAlice, kClosed)).reason, "AC04");
  EXPECT_EQ(Submit(Prepared(n++, 1, kAlice, kEve)).reason, "AM03");
  EXPECT_EQ(Submit(Prepared(n++, 1, kAlice, kRefuser)).reason, "AC06");
  EXPECT_EQ(Submit(Prepared(n++, 1, kAlice, kSue, kNow - 1)).reason, "TM01");
  EXPECT_EQ(books_.Balance(kAlice), 100000);
}

TEST_F(BooksTest, ReturnsMoneyOfATransferAndNeverMoreThanItWas) {
  const std::string ref = Submit(Prepared(1, 1000)).reference;
  const TransferAnswer part = Submit(PreparedReturn(2, 1, ref, 400));
  EXPECT_EQ(part.state, TransferState::kCompleted);
  EXPECT_NE(part.reference, ref);
  EXPECT_EQ(Submit(PreparedReturn(2, 1, ref, 400)).reference, part.reference) << "once";
  EXPECT_EQ(Inquire(PreparedReturn(2, 1, ref, 400)).state, TransferState::kCompleted);
  EXPECT_EQ(Submit(PreparedReturn(2, 1, ref, 401)).reason, "AM05");
  EXPECT_EQ(books_.Balance(kAlice), 99400);
  EXPECT_EQ(books_.Balance(kSue), 600);
  EXPECT_EQ(Submit(PreparedReturn(3, 1, ref, 601)).reason, "AM09");
  EXPECT_EQ(Submit(PreparedReturn(4, 1, ref, 600)).state, TransferState::kCompleted);
  EXPECT_EQ(Submit(PreparedReturn(5, 1, ref, 1)).reason, "AM09");
  EXPECT_EQ(books_.Balance(kAlice), 100000);
  EXPECT_EQ(books_.Balance(kSue), 0);
}

TEST_F(BooksTest, RejectsAReturnOfWhatNeverCame) {
  const std::string ref = Submit(Prepared(1, 1000)).reference;
  Submit(Prepared(2, 1, kAlice, kRefuser));
  EXPECT_EQ(Submit(PreparedReturn(11, 9, ref, 1)).reason, "NOOR") << "no such transfer";
  EXPECT_EQ(Submit(PreparedReturn(12, 2, ref, 1)).reason, "NOOR") << "it was rejected";
  EXPECT_EQ(Submit(PreparedReturn(13, 1, "EB-other", 1)).reason, "NOOR") << "another reference";
  EXPECT_EQ(Submit(PreparedReturn(14, 1, ref, 1, kNow - 1)).reason, "TM01");
  EXPECT_EQ(Submit(PreparedReturn(15, 1, ref, 1, kNow + 1, "EUR")).reason, "AM03");
  const std::string back = Submit(PreparedReturn(16, 1, ref, 500)).reference;
  EXPECT_EQ(Submit(PreparedReturn(17, 16, back, 1)).reason, "NOOR") << "a return";
  Submit(Prepared(3, 1000, kSue, kAlice));
  EXPECT_EQ(Submit(PreparedReturn(18, 1, ref, 500)).reason, "AM04") << "Sue has spent it";
  EXPECT_EQ(Inquire(PreparedReturn(19, 1, ref, 5)).state, TransferState::kNotFound);
  EXPECT_EQ(books_.Balance(kSue), -500);
}

TEST_F(BooksTest, KeepsARejectionFinalEvenWhenTheMoneyIsThereLater) {
  EXPECT_EQ(Submit(Prepared(1, 1000, kSue, kAlice)).reason, "AM04");
  Submit(Prepared(2, 5000));
  EXPECT_EQ(Submit(Prepared(1, 1000, kSue, kAlice)).reason, "AM04");
  EXPECT_EQ(Submit(Prepared(3, 5500, kSue, kAlice)).state, TransferState::kCompleted);
  EXPECT_EQ(books_.Balance(kSue), -500);  // as far as its overdraft goes
  EXPECT_EQ(Submit(Prepared(4, 1, kSue, kAlice)).reason, "AM04");
}

TEST_F(BooksTest, BarsWhatWasNotFoundAfterItsDeadlineEvenIfTheClockGoesBack) {
  const std::string late = Prepared(1, 100, kAlice, kSue, kNow + 10);
  EXPECT_EQ(Inquire(late, kNow).state, TransferState::kNotFound);
  EXPECT_EQ(Inquire(late, kNow + 11).state, TransferState::kNotFound);
  EXPECT_EQ(Submit(late, kNow).reason, "TM01");
  EXPECT_EQ(Inquire(late, kNow).state, TransferState::kNotFound);
  EXPECT_EQ(books_.Balance(kSue), 0);
}

TEST_F(BooksTest, CompletesAPendingTransferAtTheSecondInquiry) {
  const std::string slow = Prepared(1, 100, kAlice, kSlow);
  EXPECT_EQ(Submit(slow).state, TransferState::kPending);
  EXPECT_EQ(books_.Balance(kAlice), 99900);
  EXPECT_EQ(books_.Balance(kSlow), 0);
  EXPECT_EQ(Submit(slow).state, TransferState::kPending);
  EXPECT_EQ(Inquire(slow).state, TransferState::kPending);
  EXPECT_EQ(Inquire(slow).state, TransferState::kCompleted);
  EXPECT_EQ(Inquire(slow).state, TransferState::kCompleted);
  EXPECT_EQ(books_.Balance(kSlow), 100);
}

TEST_F(BooksTest, TellsByStatusWhatAMuteAccountDidNotAnswer) {
  const std::string mute = Prepared(1, 100, kAlice, kMute);
  EXPECT_EQ(Submit(mute).state, TransferState::kUnknown);
  EXPECT_EQ(Inquire(mute).state, TransferState::kCompleted);
  EXPECT_EQ(books_.Balance(kMute), 100);
}

TEST_F(BooksTest, EnrolsOnceWithACodeAndAnswersTheSameRegistrationAlike) {
  EXPECT_FALSE(books_.VerifyAccount(kAlice, "ID").verified);
  EXPECT_TRUE(Enrol(kCode, "R1"));
  EXPECT_TRUE(Enrol(kCode, "R1"));
  EXPECT_FALSE(Enrol(kCode, "R2", "THIEF"));
  EXPECT_EQ(books_.VerifyAccount(kAlice, "ID").currency, "GBP");
  EXPECT_FALSE(books_.VerifyAccount(kAlice, "THIEF").verified);
  EXPECT_TRUE(Enrol(kCode, "R1", "ID2"));  // the gateway forgot the ID that it had chosen
  EXPECT_TRUE(books_.VerifyAccount(kAlice, "ID2").verified);
}

TEST_F(BooksTest, LocksAnAccountAfterFiveWrongCodesUntilItHasANewOne) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(Enrol("WRONG", "R" + std::to_string(i)));
    EXPECT_FALSE(Enrol("WRONG", "R" + std::to_string(i)));  // resent: no further try
  }
  EXPECT_FALSE(Enrol(kCode, "HONEST"));
  config_.accounts[0].enrolment_code = base::SecretBytes::CopyOf("NEW-CODE");
  EXPECT_TRUE(Enrol("NEW-CODE", "HONEST"));
}

TEST_F(BooksTest, FourWrongCodesDoNotLock) {
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(Enrol("WRONG", "R" + std::to_string(i)));
  EXPECT_TRUE(Enrol(kCode, "HONEST"));
}

TEST_F(BooksTest, RefuseARecordThatMakesMoneyOrIsAppliedTwice) {
  const std::string p = Prepared(1);
  auto d = books_.DecideSubmit(*ParsePrepared(p), base::Sha256(p), kNow);
  Record unequal = *d.record;
  unequal.postings[1].amount += 1;
  unequal.postings[1].balance_after += 1;
  EXPECT_FALSE(books_.Apply(unequal).has_value());
  Record jump = *d.record;
  jump.postings[1].balance_after += 1;
  EXPECT_FALSE(books_.Apply(jump).has_value());
  EXPECT_TRUE(books_.Apply(*d.record).has_value());
  EXPECT_FALSE(books_.Apply(*d.record).has_value());
}

TEST(EmbeddedConfig, SaysWhatToMendAndNamesNoAccountNumberOrCode) {
  const std::pair<std::string, std::string> wrong[] = {
      {AccountText("GB33BUKB20201555555556", "1.00", ""), "check digits"},
      {AccountText(kAlice, "1.0", ""), "'balance'"},
      {AccountText(kAlice, "1.00", "colour = 1"), "unknown key 'colour'"},
      {AccountText(kAlice, "1.00", "behaviour = \"sleep\""), "'behaviour'"},
      {AccountText(kAlice, "1.00", "") + AccountText(kAlice, "1.00", ""), "account 2"},
      {"", "no [[account]]"}};
  for (const auto& [text, expected] : wrong) {
    const auto parsed = ParseAccounts(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().message.find(expected), std::string::npos) << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find("GB33"), std::string::npos);
  }
}

TEST(EmbeddedTransfer, IsPreparedTheSameEachTimeAndRefusedWhenItMakesNoSense) {
  EXPECT_EQ(Prepared(1), Prepared(1));
  TransferOrder order = *ParsePrepared(Prepared(1));
  order.creditor = order.debtor;
  EXPECT_FALSE(PrepareOrder(order).has_value());
  order = *ParsePrepared(Prepared(1));
  order.amount = 0;
  EXPECT_FALSE(PrepareOrder(order).has_value());
  const std::string bytes = Prepared(1);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(ParsePrepared(bytes.substr(0, n)));
}

}  // namespace
}  // namespace paygate::bank::embedded
