#include "bank/frames.h"

#include "gtest/gtest.h"

namespace paygate::bank {
namespace {

TEST(BankFrames, GiveBackWhatWasPutIn) {
  const Request in{.kind = RequestKind::kPrepare,
                   .id = 7,
                   .payment_id = "P",
                   .debtor_account = "D",
                   .creditor_account = "C",
                   .amount_minor_units = 12,
                   .currency = "GBP",
                   .fraction_digits = 2,
                   .remittance = "goods",
                   .deadline = 5,
                   .created = 4};
  const std::string frame = EncodeRequest(in);
  const auto out = DecodeRequest(frame);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(EncodeRequest(*out), frame);
  EXPECT_EQ(out->creditor_account, "C");

  const std::string returned = EncodeRequest({.kind = RequestKind::kPrepareReturn,
                                              .id = 8,
                                              .refund_id = "R",
                                              .bank_reference = "REF",
                                              .payment_id = "P",
                                              .amount_minor_units = 12,
                                              .currency = "GBP",
                                              .fraction_digits = 2,
                                              .deadline = 5,
                                              .created = 4});
  EXPECT_EQ(EncodeRequest(*DecodeRequest(returned)), returned);
  EXPECT_EQ(DecodeRequest(returned)->bank_reference, "REF");

  const std::string hello = EncodeHello({"embedded", {.notfound_is_final = true}});
  EXPECT_TRUE(DecodeHello(hello)->capabilities.notfound_is_final);

  for (const Reply& reply :
       {Reply{1, Answer{Outcome::kRejected, "AM04", "", "signed"}},
        Reply{2, Verification{Verdict::kVerified, "", "GBP"}}, Reply{3, HealthReply{true}},
        Reply{4, PreparedReply{"bytes"}}, Reply{5, RefusedReply{"why"}},
        Reply{6, Notices{true,
                         {{"7", true, NoticeReason::kSuperseded, "id"},
                          {.cursor = "8", .participant_id = "x"}}}},
        Reply{7, Notices{}},
        Reply{8, StatementPage{true,
                               {{"id", true, 100, "GBP", "REF", base::FromNumericDate(5)}},
                               "7", true, base::FromNumericDate(9)}},
        Reply{9, StatementPage{}}}) {
    const std::string bytes = EncodeReply(reply);
    const auto back = DecodeReply(bytes);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(EncodeReply(*back), bytes);
  }
}

TEST(BankFrames, RefuseEveryShortenedFrameAndOneWithBytesLeftOver) {
  const std::string reply = EncodeReply({9, Answer{Outcome::kCompleted, "", "ref", "e"}});
  for (size_t n = 0; n < reply.size(); ++n) EXPECT_FALSE(DecodeReply(reply.substr(0, n)));
  EXPECT_FALSE(DecodeReply(reply + "x"));
  const std::string request = EncodeRequest({.kind = RequestKind::kSubmit, .prepared = "abc"});
  for (size_t n = 0; n < request.size(); ++n) EXPECT_FALSE(DecodeRequest(request.substr(0, n)));
  EXPECT_FALSE(DecodeRequest(request + "x"));
}

TEST(BankFrames, RefuseAnOutcomeThatIsNone) {
  EXPECT_FALSE(DecodeReply(EncodeReply({9, Answer{.outcome = static_cast<Outcome>(99)}})));
  EXPECT_FALSE(DecodeReply(EncodeReply({9, Answer{.outcome = static_cast<Outcome>(0)}})));
  EXPECT_FALSE(DecodeReply(EncodeReply({9, Verification{.verdict = static_cast<Verdict>(4)}})));
}

TEST(BankFrames, RefuseAStatementBeyondItsBounds) {
  const Booking good{.id = "id", .minor_units = 1, .currency = "GBP"};
  const auto taken = [](std::vector<Booking> bookings, bool answered = true,
                        const std::string& cursor = "1") {
    return DecodeReply(EncodeReply(
                           {9, StatementPage{answered, std::move(bookings), cursor, false, {}}}))
        .has_value();
  };
  EXPECT_TRUE(taken({kMaxBookings, good}));
  EXPECT_FALSE(taken({kMaxBookings + 1, good}));
  EXPECT_FALSE(taken({good}, false)) << "no answer, and yet one";
  EXPECT_FALSE(taken({good}, true, ""));
  EXPECT_FALSE(taken({good}, true, std::string(kMaxCursorBytes + 1, 'c')));
  for (auto spoil : {+[](Booking& b) { b.id = ""; }, +[](Booking& b) { b.minor_units = 0; },
                     +[](Booking& b) { b.id = std::string(kMaxBookingIdBytes + 1, 'i'); },
                     +[](Booking& b) { b.currency = "GB"; },
                     +[](Booking& b) {
                       b.bank_reference = std::string(kMaxReferenceBytes + 1, 'r');
                     }}) {
    Booking bad = good;
    spoil(bad);
    EXPECT_FALSE(taken({bad}));
  }
}

TEST(BankFrames, RefuseNoticesBeyondTheirBounds) {
  const Notice good{.cursor = "1", .participant_id = "id"};
  EXPECT_TRUE(DecodeReply(EncodeReply({9, Notices{true, {kMaxNotices, good}}})));
  EXPECT_FALSE(DecodeReply(EncodeReply({9, Notices{true, {kMaxNotices + 1, good}}})));
  EXPECT_FALSE(DecodeReply(EncodeReply({9, Notices{false, {good}}}))) << "no answer, and yet one";
  for (auto spoil : {+[](Notice& n) { n.cursor = ""; }, +[](Notice& n) { n.participant_id = ""; },
                     +[](Notice& n) { n.cursor = std::string(kMaxCursorBytes + 1, 'c'); },
                     +[](Notice& n) { n.reason = static_cast<NoticeReason>(4); }}) {
    Notice bad = good;
    spoil(bad);
    EXPECT_FALSE(DecodeReply(EncodeReply({9, Notices{true, {bad}}})));
  }
}

}  // namespace
}  // namespace paygate::bank
