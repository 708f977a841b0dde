// The simulator's parts that need no network: faults, latency, books, configuration.
#include <algorithm>

#include "gtest/gtest.h"
#include "tests/iso20022/samples.h"
#include "tools/banksim/books.h"
#include "tools/banksim/http.h"

namespace paygate::banksim {
namespace {

namespace iso = bank::iso20022;

Occasion OccasionOf(const std::string& transaction) {
  return {.bank = "BANK",
          .message = "pacs.008.001.08",
          .transaction = transaction,
          .step = "first",
          .amount = "6.66"};
}

std::vector<bool> Struck(uint64_t seed, double rate) {
  Rule rule = *MakeRule("lost");
  rule.rate = rate;
  Rules rules(seed, {rule});
  std::vector<bool> struck;
  for (int i = 0; i < 2000; ++i)
    struck.push_back(rules.Decide(OccasionOf("tx " + std::to_string(i))).has_value());
  return struck;
}

TEST(BanksimFaults, TheSameSeedGivesTheSameFaultsInAnyOrder) {
  const auto once = Struck(7, 0.1);
  EXPECT_EQ(once, Struck(7, 0.1));
  EXPECT_NE(once, Struck(8, 0.1));
  Rule rule = *MakeRule("lost");
  rule.rate = 0.1;
  Rules rules(7, {rule});
  for (int i = 1999; i >= 0; --i)
    EXPECT_EQ(rules.Decide(OccasionOf("tx " + std::to_string(i))).has_value(), once[i]);
  const auto hits = std::ranges::count(once, true);
  EXPECT_GT(hits, 140);
  EXPECT_LT(hits, 260);
}

TEST(BanksimFaults, StrikeByAmountByCountAndAtMostSoOften) {
  Rule by_amount = *MakeRule("reject");
  by_amount.amount = "1.00";
  Rule third = *MakeRule("cut");
  third.nth = 3;
  Rule twice = *MakeRule("late");
  twice.times = 2;
  Rules rules(1, {by_amount, third, twice});
  std::vector<FaultKind> kinds;
  for (int i = 0; i < 5; ++i) {
    const auto rule = rules.Decide(OccasionOf("tx"));
    kinds.push_back(rule ? rule->fault : FaultKind::kNone);
  }
  EXPECT_EQ(kinds, (std::vector<FaultKind>{FaultKind::kLate, FaultKind::kLate, FaultKind::kCut,
                                           FaultKind::kNone, FaultKind::kNone}));
  EXPECT_FALSE(MakeRule("none"));
  EXPECT_FALSE(MakeRule("nonsense"));
}

TEST(BanksimFaults, LatenciesHaveTheirShapeAndTheirBound) {
  const auto median = [](const char* text) {
    const auto latency = ParseLatency(text);
    EXPECT_TRUE(latency.has_value()) << text;
    std::vector<double> values;
    for (int i = 0; i < 1001; ++i) {
      values.push_back(LatencyMs(*latency, 1, OccasionOf(std::to_string(i))));
      EXPECT_LE(values.back(), kLongestLatencyMs);
      EXPECT_GE(values.back(), 0);
    }
    std::ranges::sort(values);
    return values[500];
  };
  EXPECT_EQ(median("fixed 5"), 5);
  EXPECT_NEAR(median("uniform 10 20"), 15, 1);
  EXPECT_NEAR(median("lognormal 20 0.5"), 20, 2);
  EXPECT_NEAR(median("pareto 10 1"), 20, 2);  // least * 2^(1/alpha)
  for (const char* bad :
       {"", "fixed", "fixed -1", "uniform 2 1", "pareto 1 0", "slow 1", "fixed 1 2"})
    EXPECT_FALSE(ParseLatency(bad)) << bad;
}

TEST(BanksimConfig, AccountsAreCheckedLineByLine) {
  const std::string head = "bank,iban,currency,balance,overdraft,closed,enrolment_code,name\n";
  const std::string good = "B,GB33BUKB20201555555555,GBP,10.00,,no,code,Alice\n";
  const auto parsed = ParseAccounts(head + "# a comment\n" + good);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->at(0).balance, 1000);
  EXPECT_FALSE(ParseAccounts(good));
  for (const char* bad : {"B,GB33BUKB20201555555556,GBP,10.00,,no,code,Alice",
                          "B,GB33BUKB20201555555555,XXX,10.00,,no,code,Alice",
                          "B,GB33BUKB20201555555555,GBP,10.0,,no,code,Alice",
                          "B,GB33BUKB20201555555555,GBP,10.00,,maybe,code,Alice",
                          "B,GB33BUKB20201555555555,GBP,10.00,,no,code"}) {
    const auto refused = ParseAccounts(head + bad);
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_NE(refused.error().message.find("line 2"), std::string::npos);
  }
}

class BanksimBooks : public ::testing::Test {
 protected:
  BanksimBooks() {
    for (const Record& record : books_.AccountsToOpen(1)) Apply(record);
  }
  static Config TwoBanks() {
    Config config;
    config.banks = {{.bic = iso::testing::kBuyerBic}, {.bic = iso::testing::kSellerBic}};
    const auto eur = *base::Currency::Parse("EUR");
    config.accounts = {
        {.bank = iso::testing::kBuyerBic,
         .iban = iso::testing::kBuyer,
         .currency = eur,
         .balance = 1000,
         .overdraft = 500},
        {.bank = iso::testing::kSellerBic, .iban = iso::testing::kSeller, .currency = eur}};
    return config;
  }
  void Apply(const Record& record) {
    const auto applied = books_.Apply(record);
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
  }
  Decision<Answer> Transfer(const std::string& id, const std::string& amount, Treatment t = {}) {
    iso::CreditTransfer transfer = iso::testing::TransferOf(amount);
    transfer.transaction_id = id;
    auto decision = books_.DecideTransfer(iso::testing::kBuyerBic, transfer,
                                          "content of " + id + amount, t, iso::testing::kNow);
    if (decision.record) Apply(*decision.record);
    return decision;
  }
  const Config config_ = TwoBanks();
  Books books_{config_};
};

TEST_F(BanksimBooks, ConserveMoneyAndAllowTheOverdraftAndNoMore) {
  EXPECT_EQ(Transfer("1", "15.00").answer.status, "ACSC");
  EXPECT_EQ(Transfer("2", "0.01").answer.reason, "AM04");
  EXPECT_EQ(books_.Balance(iso::testing::kBuyer), -500);
  EXPECT_EQ(books_.Balance(iso::testing::kSeller), 1500);
  EXPECT_TRUE(books_.Check());
}

TEST_F(BanksimBooks, ReplayedRecordsGiveTheSameBooksAndATwiceAppliedOneIsRefused) {
  auto decision = Transfer("1", "1.00");
  auto again = DecodeRecord(EncodeRecord(*decision.record));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(books_.Apply(*again));
  again->transaction = "2";
  EXPECT_FALSE(books_.Apply(*again)) << "the balances do not follow";
  EXPECT_TRUE(books_.Check());
}

TEST_F(BanksimBooks, AnIdWithOtherContentIsADuplicateAndChangesNothing) {
  EXPECT_EQ(Transfer("1", "1.00").answer.status, "ACSC");
  EXPECT_EQ(Transfer("1", "2.00").answer.reason, "AM05");
  EXPECT_EQ(books_.Balance(iso::testing::kBuyer), 900);
}

TEST_F(BanksimBooks, APendingTransferIsRecalledOrSettledButNotBoth) {
  Transfer("1", "1.00", {.settle_at = 5});
  Transfer("2", "1.00", {.settle_at = 5});
  EXPECT_EQ(books_.Balance(iso::testing::kBuyer), 800);
  EXPECT_EQ(books_.Balance(iso::testing::kSeller), 0);
  EXPECT_TRUE(books_.Check());
  auto recall = books_.DecideCancellation(iso::testing::kBuyerBic, "1", "DUPL", 2);
  EXPECT_TRUE(recall.answer);
  Apply(*recall.record);
  EXPECT_FALSE(books_.DecideSettlement("1", 6));
  Apply(*books_.DecideSettlement("2", 6));
  EXPECT_FALSE(books_.DecideCancellation(iso::testing::kBuyerBic, "2", "DUPL", 7).answer);
  EXPECT_EQ(books_.Balance(iso::testing::kBuyer), 900);
  EXPECT_EQ(books_.Balance(iso::testing::kSeller), 100);
  EXPECT_EQ(books_.Status(iso::testing::kBuyerBic, "1").status, "CANC");
  EXPECT_TRUE(books_.Check());
}

struct TextStream : Stream {
  std::string in, out;
  long Read(void* to, size_t size) override {
    const size_t n = std::min(size, in.size());
    in.copy(static_cast<char*>(to), n);
    in.erase(0, n);
    return static_cast<long>(n);
  }
  bool Write(std::string_view bytes) override { return out += bytes, true; }
};

TEST(BanksimHttp, ReadsRequestsOneAfterAnotherAndRefusesBadOnes) {
  TextStream stream;
  stream.in =
      "POST /messages?a=1&b HTTP/1.1\r\nX-Y: z \r\ncontent-length: 3\r\n\r\nabcGET / "
      "HTTP/1.1\r\n\r\n";
  std::string buffer;
  auto first = ReadRequest(stream, buffer);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->path, "/messages");
  EXPECT_EQ(first->query["a"], "1");
  EXPECT_EQ(first->headers["x-y"], "z");
  EXPECT_EQ(first->body, "abc");
  EXPECT_EQ(ReadRequest(stream, buffer)->method, "GET");
  EXPECT_EQ(ReadRequest(stream, buffer).error().code, base::ErrorCode::kClosed);
  for (const char* bad :
       {"GET /\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        "POST / HTTP/1.1\r\nnonsense\r\n\r\n"}) {
    TextStream one;
    one.in = bad;
    std::string rest;
    EXPECT_FALSE(ReadRequest(one, rest)) << bad;
  }
}

}  // namespace
}  // namespace paygate::banksim
