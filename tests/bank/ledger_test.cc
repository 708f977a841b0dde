#include "bank/adapters/embedded/ledger.h"

#include <sys/resource.h>

#include <atomic>

#include "tests/bank/bank_testing.h"

namespace paygate::bank::embedded {
namespace {

using namespace testing;

class LedgerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> Open() {
    auto ledger = Ledger::Open(SmallBank(dir_), [] { return kNow; });
    EXPECT_TRUE(ledger.has_value()) << ledger.error().message;
    return std::move(*ledger);
  }
  static TransferAnswer Submit(Ledger& ledger, const std::string& prepared) {
    std::promise<TransferAnswer> promise;
    EXPECT_TRUE(ledger.Submit(prepared, [&](TransferAnswer a) { promise.set_value(a); }));
    return promise.get_future().get();
  }
  static TransferAnswer Inquire(Ledger& ledger, const std::string& prepared) {
    std::promise<TransferAnswer> promise;
    EXPECT_TRUE(ledger.Inquire(prepared, [&](TransferAnswer a) { promise.set_value(a); }));
    return promise.get_future().get();
  }
  TempDir dir_;
};

TEST_F(LedgerTest, TakesOrdersWhileItRunsAndTellsOfThemForEver) {
  const auto told = [](Ledger& ledger, uint64_t after) {
    std::promise<std::vector<BankNotice>> promise;
    EXPECT_TRUE(ledger.Notices(after, 64, [&](bool asked, std::vector<BankNotice> page) {
      EXPECT_TRUE(asked);
      promise.set_value(std::move(page));
    }));
    return promise.get_future().get();
  };
  const std::string path = SmallBank(dir_).ledger;
  const Order close{.close = true, .account = kAlice};
  const Order revoke{.account = kAlice, .participant = "ID", .reason = "superseded"};
  {
    auto ledger = Open();
    EXPECT_TRUE(told(*ledger, 0).empty());
    ASSERT_TRUE(AppendOrder(path, revoke));
    ASSERT_TRUE(AppendOrder(path, revoke));
    EXPECT_FALSE(AppendOrder(path, {.account = kAlice, .participant = "a b", .reason = "x"}));
    const auto page = told(*ledger, 0);
    ASSERT_EQ(page.size(), 1u) << "ordered twice, done once";
    EXPECT_EQ(page[0].participant, "ID");
    EXPECT_EQ(page[0].reason, "superseded");
    ASSERT_TRUE(AppendOrder(path, close));
    EXPECT_EQ(Submit(*ledger, Prepared(1, 250)).reason, "AC04") << "at once";
  }
  auto ledger = Open();
  EXPECT_EQ(told(*ledger, 0).size(), 1u) << "nobody had enrolled for the closed account";
  EXPECT_TRUE(told(*ledger, 1).empty());
  EXPECT_EQ(Submit(*ledger, Prepared(2, 250)).reason, "AC04");
}

TEST_F(LedgerTest, RemembersEverythingAfterARestart) {
  Open();
  {
    auto ledger = Open();
    EXPECT_EQ(Submit(*ledger, Prepared(1, 250)).state, TransferState::kCompleted);
    EXPECT_EQ(Submit(*ledger, Prepared(2, 999999)).reason, "AM04");
    EXPECT_EQ(Submit(*ledger, Prepared(3, 50, kAlice, kSlow)).state, TransferState::kPending);
  }
  auto ledger = Open();
  EXPECT_EQ(ledger->Balance(kAlice), 99700);
  EXPECT_EQ(Inquire(*ledger, Prepared(1, 250)).state, TransferState::kCompleted);
  EXPECT_EQ(Inquire(*ledger, Prepared(2, 999999)).reason, "AM04");
  EXPECT_EQ(Inquire(*ledger, Prepared(3, 50, kAlice, kSlow)).state, TransferState::kPending);
  EXPECT_EQ(Inquire(*ledger, Prepared(4)).state, TransferState::kNotFound);
  EXPECT_TRUE(ledger->CheckConservation().has_value());
}

TEST_F(LedgerTest, MovesMoneyOnceHoweverManyAskAtTheSameTime) {
  auto ledger = Open();
  std::atomic<int> completed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n)
        EXPECT_TRUE(ledger->Submit(Prepared(n), [&](TransferAnswer a) {
          completed += a.state == TransferState::kCompleted;
        }));
    });
  for (auto& t : threads) t.join();
  ledger->Drain();
  EXPECT_EQ(completed, 8 * 50);
  EXPECT_EQ(ledger->Balance(kSue), 50 * 100);
  EXPECT_TRUE(ledger->CheckConservation().has_value());
}

TEST_F(LedgerTest, RefusesBeyondItsBoundAndBytesThatItDidNotPrepare) {
  auto opened = Ledger::Open(
      SmallBank(dir_), [] { return kNow; }, 1);
  ASSERT_TRUE(opened.has_value());
  std::promise<void> release;
  auto released = release.get_future().share();
  ASSERT_TRUE((*opened)->Submit(Prepared(1), [released](TransferAnswer) { released.wait(); }));
  const auto refused = (*opened)->Submit(Prepared(2), [](TransferAnswer) { FAIL(); });
  EXPECT_EQ(refused.error().code, base::ErrorCode::kOverloaded);
  release.set_value();
  (*opened)->Drain();
  EXPECT_EQ((*opened)->Submit("rubbish", [](TransferAnswer) { FAIL(); }).error().code,
            base::ErrorCode::kMalformed);
}

TEST_F(LedgerTest, SaysUnknownForEverAfterAWriteThatFailed) {
  auto ledger = Open();
  const auto size = std::filesystem::file_size(dir_ / "bank.ledger");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = size + 20, .rlim_max = before.rlim_max};  // half a block
  setrlimit(RLIMIT_FSIZE, &full);
  EXPECT_EQ(Submit(*ledger, Prepared(1)).state, TransferState::kUnknown);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(Inquire(*ledger, Prepared(1)).state, TransferState::kUnknown);
  EXPECT_EQ(Submit(*ledger, Prepared(2)).state, TransferState::kUnknown);
  EXPECT_FALSE(ledger->Healthy());
  ledger.reset();
  ledger = Open();  // the half block is torn
  EXPECT_EQ(Inquire(*ledger, Prepared(1)).state, TransferState::kNotFound);
  EXPECT_EQ(ledger->Balance(kAlice), 100000);
}

}  // namespace
}  // namespace paygate::bank::embedded
