#include "bank/adapters/iso20022/messages.h"

#include <filesystem>

#include "bank/adapters/iso20022/schema.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/iso20022/samples.h"

namespace paygate::bank::iso20022 {
namespace {

using namespace testing;

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, text.npos) << what;
  return at == text.npos ? text : text.replace(at, what.size(), with);
}

std::string Sentence(const std::string& bytes) {
  auto parsed = Parse(bytes);
  return parsed ? "it was taken" : parsed.error().message;
}

TEST(Iso20022Messages, EveryMessageThatWeWriteIsValidByTheOfficialSchemas) {
  if (!std::filesystem::exists(SharedDirectory() + "/xsd"))
    GTEST_SKIP() << "SKIP: no schemas in " << SharedDirectory() << " (set PAYGATE_SHARED)";
  auto schemas = Schemas::Open(SharedDirectory() + "/xsd");
  ASSERT_TRUE(schemas.has_value()) << schemas.error().message;
  for (const Message& message : OneOfEach()) {
    const std::string bytes = Print(message);
    const auto valid = (*schemas)->Check(bytes);
    EXPECT_TRUE(valid.has_value()) << valid.error().message << "\n" << bytes;
  }
  // And the check can fail.
  const std::string bytes = Print(OneOfEach()[0]);
  EXPECT_FALSE((*schemas)->Check(Replaced(bytes, "<ChrgBr>SLEV</ChrgBr>", "")));
  EXPECT_FALSE((*schemas)->Check(Replaced(bytes, "<BizMsgIdr>", "<BizMsgIdr>0123456789012345678")));
  EXPECT_FALSE((*schemas)->Check("<!DOCTYPE x [<!ENTITY y \"z\">]>" + bytes));
}

TEST(Iso20022Messages, SchemasTellTheOfficialGoodSamplesFromTheBad) {
  if (!std::filesystem::exists(SharedDirectory() + "/samples"))
    GTEST_SKIP() << "SKIP: no samples in " << SharedDirectory() << " (set PAYGATE_SHARED)";
  auto schemas = Schemas::Open(SharedDirectory() + "/xsd");
  ASSERT_TRUE(schemas.has_value());
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(SharedDirectory() + "/samples")) {
    const std::string name = file.path().filename();
    if (name == "pacs.004.xml") continue;  // of version 09, whose schema is not among them
    const bool good = !name.starts_with("NEG-") || name.find("allowed-by-xsd") != name.npos;
    EXPECT_EQ((*schemas)->Check(*base::ReadFile(file.path())).has_value(), good) << name;
    ++seen;
  }
  EXPECT_GT(seen, 20);
}

TEST(Iso20022Messages, ANoticeAndAStatementAreTakenOnlyAsTheyAreMeant) {
  const std::string notice =
      Print({HeaderOf(), ParticipantNotice{"N2", kPaymentId, false, "keyCompromise"}});
  EXPECT_NE(Sentence(Replaced(notice, "<Vrfctn>false", "<Vrfctn>true")).find("notice"),
            std::string::npos);
  EXPECT_NE(Sentence(Replaced(notice, "<ChanlTp>PGID", "<ChanlTp>PGXX")).find("participant"),
            std::string::npos);
  const auto message = Parse(notice);
  ASSERT_TRUE(message);
  const auto* read = std::get_if<ParticipantNotice>(&message->body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->participant_id, kPaymentId);
  const OrderBooking one{.number = 7,
                         .amount = *base::Money::Parse("1.00", "GBP"),
                         .booked = kNow,
                         .transaction_id = "T1"};
  const std::string statement =
      Print({HeaderOf(), BookingReport{.complete_until = kNow, .bookings = {one}}});
  EXPECT_TRUE(Parse(statement));
  EXPECT_NE(Sentence(Replaced(statement, ">BOOK<", ">PDNG<")).find("BOOK"), std::string::npos);
  EXPECT_NE(Sentence(Replaced(statement, ">1.00<", ">1.001<")), "it was taken");
  EXPECT_NE(Sentence(Replaced(statement, "<NtryRef>7", "<NtryRef>x")), "it was taken");
  EXPECT_NE(Sentence(Print({HeaderOf(), BookingReport{.complete_until = kNow,
                                                      .bookings = {one, one}}}))
                .find("grow"),
            std::string::npos);
}

TEST(Iso20022Messages, WhatIsWrittenIsReadBackTheSame) {
  for (const Message& message : OneOfEach()) {
    const std::string bytes = Print(message);
    auto read = Parse(bytes);
    if (std::holds_alternative<AccountReport>(message.body)) {
      EXPECT_FALSE(read.has_value());
      continue;
    }
    ASSERT_TRUE(read.has_value()) << read.error().message << "\n" << bytes;
    EXPECT_EQ(read->body.index(), message.body.index());
    EXPECT_EQ(Print(*read), bytes);
  }
}

TEST(Iso20022Messages, ReadsAllThatATransferSays) {
  auto read = Parse(Print({HeaderOf(), TransferOf()}));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->header.from, kGatewayBic);
  EXPECT_EQ(read->header.created, kNow);
  const auto& t = std::get<CreditTransfer>(read->body);
  EXPECT_EQ(t.amount.ToString(), "12.34 EUR");
  EXPECT_EQ(t.deadline, (kNow / 1000 + 120) * 1000);
  EXPECT_EQ(t.debtor_account, kBuyer);
  EXPECT_EQ(t.creditor_agent, kSellerBic);
  EXPECT_EQ(t.remittance, TransferOf().remittance);
}

TEST(Iso20022Messages, RefusesWhatTheSchemaAllowsAndTheBusinessRulesForbid) {
  const std::string good = Print({HeaderOf(), TransferOf()});
  const std::vector<std::array<std::string, 3>> bad = {
      {kBuyer, "DE88370400440532013000", "IBAN"},
      {">12.34</IntrBk", ">12.345</IntrBk", ""},
      {UetrOf(kPaymentId), "8F14E45F-CEEA-467F-A0E6-4B5D1C2F9A10", "UUID"},
      {UetrOf(kPaymentId), "8f14e45f-ceea-167f-a0e6-4b5d1c2f9a10", "UUID"},
      {"<EndToEndId>", "<EndToEndId>012", "EndToEndId is too long"},
      {"<NbOfTxs>1<", "<NbOfTxs>2<", "one transaction"},
      {"<RjctTm>12:02:00Z<", "<RjctTm>12:02:00<", "RjctTm"},
      {"<MsgId>", "<MsgId>X", "MsgId is not the header's"},
      {kBuyerBic, "BUYR", "BIC"},
      {"<ChrgBr>SLEV</ChrgBr>", "", "ChrgBr is missing"},
      {"<UETR>", "<UETR>8f14e45f-ceea-467f-a0e6-4b5d1c2f9a10</UETR><UETR>", "twice"},
      {"<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\">",
       "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.07\">", "namespace"},
      {"<MsgDefIdr>pacs.008.001.08<", "<MsgDefIdr>pacs.009.001.08<", "namespace"},
  };
  for (const auto& [what, with, sentence] : bad) {
    const std::string refusal = Sentence(Replaced(good, what, with));
    EXPECT_NE(refusal, "it was taken") << with;
    EXPECT_NE(refusal.find(sentence), refusal.npos) << refusal;
    EXPECT_EQ(refusal.find(kSeller), refusal.npos) << "an account number in a sentence";
  }
}

TEST(Iso20022Messages, TakesTheAmountThatAnotherProgramWroteWithFewerDigits) {
  auto read = Parse(Replaced(Print({HeaderOf(), TransferOf("12.50")}), ">12.50</IntrBkSttlmAmt>",
                             ">12.5</IntrBkSttlmAmt>"));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(std::get<CreditTransfer>(read->body).amount.minor_units(), 1250);
}

TEST(Iso20022Messages, TakesTheFirstReasonCodeOfSeveralAndIgnoresWhatItDoesNotKnow) {
  const TransactionStatus rejected{.original = OriginalOf(), .status = "RJCT", .reason = "AM04"};
  const std::string bytes =
      Replaced(Print({HeaderOf(), StatusReport{{rejected}}}), "<StsRsnInf>",
               "<StsRsnInf><Rsn><Prtry>house rule</Prtry></Rsn><AddtlInf>no</AddtlInf></StsRsnInf>"
               "<StsRsnInf>");
  auto read = Parse(bytes);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(std::get<StatusReport>(read->body).transactions[0].reason, "AM04");
}

}  // namespace
}  // namespace paygate::bank::iso20022
