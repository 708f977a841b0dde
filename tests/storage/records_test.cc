#include "storage/rocksdb/packed.h"
#include "storage/rocksdb/records.h"

#include <vector>

#include "tests/storage/fixture.h"

namespace paygate::storage::rocksdb {
namespace {

using base::ErrorCode;

// Every decoder, as "does it accept these bytes".
const std::vector<std::function<bool(std::string_view)>> kDecoders = {
    [](std::string_view v) { return DecodeIntent("p", v).has_value(); },
    [](std::string_view v) { return DecodeSettlement(v).has_value(); },
    [](std::string_view v) { return DecodeFate(v).has_value(); },
    [](std::string_view v) { return DecodeCsblk("c", v).has_value(); },
    [](std::string_view v) { return DecodeCsblkStatus(v).has_value(); },
    [](std::string_view v) { return DecodeRegistration(v).has_value(); },
    [](std::string_view v) { return DecodePair("x", v).has_value(); },
    [](std::string_view v) { return DecodePairReference(v).has_value(); },
    [](std::string_view v) { return DecodeBytes(v).has_value(); },
    [](std::string_view v) { return DecodeNumber(v).has_value(); },
    [](std::string_view v) { return DecodeStanding(v).has_value(); },
    [](std::string_view v) { return DecodeIntent("r", v).has_value() && v[0] == 2; },
    [](std::string_view v) { return DecodeRefund("r", v).has_value(); },
    [](std::string_view v) { return DecodeClaim("p", v).has_value(); },
};

IntentRecord MakeRefundIntent() {
  IntentRecord refund = MakeIntent("r", "c");
  refund.refund_of = "p";
  return refund;
}

// A value for each, in the same order.
std::vector<std::string> Values() {
  return {
      EncodeIntent(MakeIntent("p", "c")),
      EncodeSettlement({{.completed = true, .bank_reference = "ref"}, At(1), {"r", "c"}}),
      EncodeFate({FateKind::kRefused, "jws", At(2)}),
      EncodeCsblk(MakeCsblk("c")),
      EncodeCsblkStatus({CsblkState::kPaid, "p", "b"}),
      EncodeRegistration({"x", 1, "jws", At(3)}),
      EncodePair({"x", "v", "p", RevocationReason::kKeyCompromise, At(4)}),
      EncodePairReference({"x", 1}),
      EncodeBytes("bytes"),
      EncodeNumber(7),
      EncodeStanding({StandingKind::kRevoked, RevocationReason::kKeyCompromise, "note", At(5)}),
      EncodeIntent(MakeRefundIntent()),
      EncodeRefund({"r", 5, RefundState::kCompleted, 9}),
      EncodeClaim({.payment_id = "p",
                   .claim_id = "c",
                   .buyer_id = "b",
                   .seller_id = "s",
                   .jws = "jws",
                   .filed_at = At(1),
                   .answer_by = At(2),
                   .state = ClaimState::kRefunding,
                   .due = kNeverDue,
                   .answer = "answer",
                   .answered_at = At(3),
                   .order = ClaimOrder{true, true, "why", At(4), "to buyer", "to seller"},
                   .attempts = 1,
                   .refund_id = "r"}),
  };
}

TEST(Records, AreRefusedWhenCutShortOrFollowedByAnything) {
  const auto values = Values();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(kDecoders[i](values[i])) << i;
    EXPECT_FALSE(kDecoders[i](values[i] + '\0')) << i;
    for (size_t n = 0; n < values[i].size(); ++n) {
      EXPECT_FALSE(kDecoders[i](values[i].substr(0, n))) << i << " cut to " << n;
    }
  }
}

TEST(Records, OfAnotherVersionAreRefusedByName) {
  for (std::string value : Values()) {
    value[0] = 3;
    for (const auto& accepts : kDecoders) EXPECT_FALSE(accepts(value));
  }
  std::string value = EncodeNumber(7);
  value[0] = 3;
  EXPECT_THAT(DecodeNumber(value).error().message, testing::HasSubstr("version 3"));
}

TEST(Records, OfRandomBytesNeverCrashADecoder) {
  std::mt19937_64 random(Seed());
  const auto values = Values();
  for (int round = 0; round < 20000; ++round) {
    std::string value = values[random() % values.size()];
    for (int flips = 0; flips < 3; ++flips) {
      value[random() % value.size()] = static_cast<char>(random());
    }
    for (const auto& accepts : kDecoders) accepts(value);
    (void)ParseOpenKey(value);
    (void)ParseAckKey(value);
    (void)ParseMailCursor(value);
    (void)ParseParticipant(value);
  }
}

TEST(Records, WithValuesOutOfRangeAreRefused) {
  std::string status = EncodeCsblkStatus({CsblkState::kPaid, "p", "b"});
  status[1] = 4;
  EXPECT_FALSE(DecodeCsblkStatus(status));
  EXPECT_FALSE(DecodeCsblkStatus(EncodeCsblkStatus({CsblkState::kPaid, "", ""})));
  EXPECT_FALSE(DecodeCsblkStatus(EncodeCsblkStatus({CsblkState::kPayable, "p", "b"})));
  EXPECT_FALSE(DecodeSettlement(EncodeSettlement({{}, At(1), {"receipt", ""}})));
  std::string fate = EncodeFate({FateKind::kIssued, "c", At(0)});
  fate[1] = 0;
  EXPECT_FALSE(DecodeFate(fate));
  fate[1] = 9;
  EXPECT_FALSE(DecodeFate(fate));
  EXPECT_FALSE(DecodeClaim("p", EncodeClaim({.state = static_cast<ClaimState>(7)})));
  EXPECT_FALSE(DecodeClaim("p", EncodeClaim({.attempts = 1})));
  EXPECT_FALSE(DecodeClaim("p", EncodeClaim({.refund_id = "r"})));
  EXPECT_TRUE(DecodeStanding(EncodeStanding({.kind = StandingKind::kHeld, .at = At(1)})));
  EXPECT_FALSE(DecodeStanding(EncodeStanding(
      {.kind = StandingKind::kHeld, .reason = RevocationReason::kSuperseded, .at = At(1)})));
  EXPECT_FALSE(DecodeStanding(EncodeStanding({.kind = StandingKind::kRevoked, .at = At(1)})));
}

// The first byte of a packed JWS says how many parts follow.
TEST(Records, WhosePackedTextIsDamagedAreRefused) {
  const std::string jws = "eyJhIjoxfQ.eyJiIjoyfQ.c2ln";
  EXPECT_EQ(*DecodePacked(EncodePacked(jws)), jws);
  const auto damaged = [&](std::string value) {
    const size_t at = value.find(Pack(jws));
    EXPECT_NE(at, value.npos);
    value.at(at) = 4;
    return value;
  };
  IntentRecord intent = MakeIntent("p", "c");
  intent.authorisation = jws;
  CsblkRecord csblk = MakeCsblk("c");
  csblk.jws = jws;
  EXPECT_EQ(DecodeIntent("p", EncodeIntent(intent))->authorisation, jws);
  EXPECT_FALSE(DecodePacked(damaged(EncodePacked(jws))));
  EXPECT_FALSE(DecodeIntent("p", damaged(EncodeIntent(intent))));
  EXPECT_FALSE(DecodeCsblk("c", damaged(EncodeCsblk(csblk))));
  EXPECT_FALSE(DecodeSettlement(damaged(EncodeSettlement({{}, At(1), {jws, "c"}}))));
  EXPECT_FALSE(DecodeRegistration(damaged(EncodeRegistration({"x", 1, jws, At(3)}))));
}

TEST(Records, OfAnOlderStoreHaveTheirTextUnpacked) {
  const std::string jws = "eyJhIjoxfQ.eyJiIjoyfQ.c2ln";
  EXPECT_EQ(*DecodePacked(EncodeBytes(jws)), jws);
}

TEST(RecordKeys, SortAsTheirNumbersDo) {
  EXPECT_LT(MailKey("anna", 255), MailKey("anna", 256));
  EXPECT_LT(MailKey("anna", 1ull << 32), MailKey("anna", (1ull << 32) + 1));
  EXPECT_LT(OpenKey(At(255), "z"), OpenKey(At(256), "a"));
  EXPECT_LT(AckKey(At(1), "zoe", 9), AckKey(At(2), "anna", 1));
  EXPECT_LT(PairKey("anna", 255), PairKey("anna", 256));
}

TEST(Records, OfARefundFitTogether) {
  EXPECT_EQ(DecodeIntent("r", EncodeIntent(MakeRefundIntent()))->refund_of, "p");
  for (const Refund& bad : {Refund{"r", 0, RefundState::kOpen, 0}, {"r", -1, RefundState::kOpen, 0},
                            {"r", 5, RefundState::kOpen, 5}, {"r", 5, RefundState::kCompleted, 4},
                            {"r", 5, RefundState::kFailed, -1},
                            {"r", 5, static_cast<RefundState>(3), 5}}) {
    EXPECT_FALSE(DecodeRefund("r", EncodeRefund(bad)));
  }
}

TEST(RecordKeys, OfOneParticipantAreNeverAnothers) {
  EXPECT_FALSE(MailKey("annab", 1).starts_with(ParticipantPrefix("anna")));
  EXPECT_NE(PairOfIds("ab", "c"), PairOfIds("a", "bc"));
}

TEST(RecordKeys, ParseToWhatTheyWereMadeOf) {
  const OpenEntry open = ParseOpenKey(OpenKey(At(9), "payment")).value();
  EXPECT_EQ(open.recorded_at, At(9));
  EXPECT_EQ(open.payment_id, "payment");
  const AckEntry ack = ParseAckKey(AckKey(At(9), "anna", 77)).value();
  EXPECT_EQ(ack.at, At(9));
  EXPECT_EQ(ack.participant_id, "anna");
  EXPECT_EQ(ack.cursor, 77u);
  EXPECT_EQ(ParseMailCursor(MailKey("anna", 77)).value(), 77u);
  EXPECT_EQ(ParseSecondId(PairOfIds("payment", "refund")).value(), "refund");
  for (const char* key : {"", "\x03" "abc", "\x09" "short"}) EXPECT_FALSE(ParseSecondId(key));
  EXPECT_EQ(ParseParticipant(PairKey("anna", 7)).value(), "anna");
  for (const char* key : {"", "short", "12345678"}) {
    EXPECT_FALSE(ParseOpenKey(key));
    EXPECT_FALSE(ParseAckKey(key));
    EXPECT_FALSE(ParseMailCursor(key));
  }
  EXPECT_FALSE(ParseOpenKey("\xff\xff\xff\xff\xff\xff\xff\xffpayment")) << "before 1970";
}

}  // namespace
}  // namespace paygate::storage::rocksdb
