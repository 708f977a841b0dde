// The host with the real plugin and with plugins that break the rules: real processes throughout.
#include <sys/socket.h>

#include <atomic>

#include "tests/bank/bank_testing.h"
#include "tests/doubles/places.h"

namespace paygate::bank {
namespace {

using namespace testing;

constexpr char kEmbedded[] = "libpaygate_bank_embedded.so";

int Tool(const TempDir& dir, const std::string& what) {
  const std::string command = doubles::Program("paygate-embedded-bank") + " --config " +
                              (dir / "bank.toml") + " " + what + " > " + (dir / "tool.out");
  return system(command.c_str());
}

// The clock is the host's, so deadlines are of today; but the same bytes each time.
std::string PreparedNow(int n) {
  static const int64_t deadline = base::ToNumericDate(base::SystemClock().Now()) + 3600;
  return Prepared(n, 100, kAlice, kSue, deadline);
}

TEST(BankHost, PaysVerifiesAndStopsCleanlyWhenAsked) {
  TempDir dir;
  WriteBankFiles(dir);
  HostProcess host(dir, kEmbedded);
  {
    auto bank = ConnectedClient(dir);
    EXPECT_TRUE(bank->GetCapabilities()->notfound_is_final);
    EXPECT_TRUE(bank->Healthy());
    const auto now = base::SystemClock().Now();
    const Transfer transfer{PaymentId(1), kAlice,
                            kSue,         *base::Money::Parse("2.50", "GBP"),
                            "a book",     now + std::chrono::hours(1),
                            now};
    const auto prepared = bank->Prepare(transfer);
    ASSERT_TRUE(prepared.has_value()) << prepared.error().message;
    EXPECT_EQ(*bank->Prepare(transfer), *prepared);
    EXPECT_EQ(StatusAndWait(*bank, *prepared).outcome, Outcome::kNotFound);
    const Answer answer = SubmitAndWait(*bank, *prepared);
    EXPECT_EQ(answer.outcome, Outcome::kCompleted);
    EXPECT_FALSE(answer.bank_reference.empty());
    EXPECT_EQ(StatusAndWait(*bank, *prepared).bank_reference, answer.bank_reference);
    Transfer to_oneself = transfer;
    to_oneself.creditor_account = kAlice;
    EXPECT_EQ(bank->Prepare(to_oneself).error().code, base::ErrorCode::kInvalidArgument);

    EXPECT_TRUE(bank->GetCapabilities()->returns);
    const Return ret{PaymentId(2),          PaymentId(1),
                     answer.bank_reference, *base::Money::Parse("1.00", "GBP"),
                     transfer.deadline,     now};
    const auto back = bank->PrepareReturn(ret);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*bank->PrepareReturn(ret), *back);
    EXPECT_EQ(SubmitAndWait(*bank, *back).outcome, Outcome::kCompleted);
    EXPECT_EQ(StatusAndWait(*bank, *back).outcome, Outcome::kCompleted);
    Return of_nothing = ret;
    of_nothing.payment_id.clear();
    EXPECT_EQ(bank->PrepareReturn(of_nothing).error().code, base::ErrorCode::kInvalidArgument);

    std::promise<Verification> enrolled, known;
    bank->VerifyEnrolment(kAlice, kCode, "R", "ID", [&](Verification v) { enrolled.set_value(v); });
    EXPECT_EQ(enrolled.get_future().get().verdict, Verdict::kVerified);
    bank->VerifyAccount(kAlice, "ID", [&](Verification v) { known.set_value(v); });
    EXPECT_EQ(known.get_future().get().currency, "GBP");
  }
  EXPECT_EQ(Tool(dir, "check"), 0);
  EXPECT_EQ(Tool(dir, "accounts --json"), 0);
  const std::string json = *base::ReadFile(dir / "tool.out");
  EXPECT_NE(json.find("\"balance\": \"998.50\""), std::string::npos);
  EXPECT_NE(json.find("\"enrolled\": true"), std::string::npos);
  host.Signal(SIGTERM);
  EXPECT_EQ(host.Wait(), 0);
  const std::string log = *base::ReadFile(dir / "host.log");
  for (const char* secret : {kAlice, kSue, kCode})
    EXPECT_EQ(log.find(secret), std::string::npos) << log;
}

TEST(BankHost, LosesNothingAnsweredAndDoublesNothingWhenKilledUnderLoad) {
  TempDir dir;
  WriteBankFiles(dir);
  constexpr int kPayments = 300;
  std::vector<std::atomic<bool>> completed(kPayments);
  for (int round = 0; round < 3; ++round) {
    HostProcess host(dir, kEmbedded);
    auto bank = ConnectedClient(dir);
    std::atomic<int> answered = 0, good = 0;
    for (int n = 0; n < kPayments; ++n)
      bank->Submit(PreparedNow(n), [&, n](Answer a) {
        if (a.outcome == Outcome::kCompleted) {
          completed[n] = true;
          ++good;
        }
        ++answered;
      });
    EXPECT_TRUE(Eventually([&] { return good > 30; }));
    host.Kill();
    EXPECT_TRUE(Eventually([&] { return answered == kPayments; }));
    bank.reset();
    EXPECT_EQ(Tool(dir, "check"), 0);
  }
  EXPECT_EQ(Tool(dir, "journal"), 0);
  const std::string journal = *base::ReadFile(dir / "tool.out");
  for (int n = 0; n < kPayments; ++n) {
    size_t times = 0;
    for (size_t at = 0; (at = journal.find("payment=" + PaymentId(n), at)) != journal.npos; ++at)
      ++times;
    EXPECT_LE(times, 1u);
    EXPECT_GE(times, completed[n] ? 1u : 0u) << "an answered payment is gone";
  }
}

Outcome OutcomeFrom(const std::string& plugin, std::vector<std::string> more = {}) {
  TempDir dir;
  WriteBankFiles(dir);
  HostProcess host(dir, plugin, std::move(more));
  auto bank = ConnectedClient(dir);
  const Outcome outcome = SubmitAndWait(*bank, "prepared").outcome;
  // The host lives on, and the status inquiry is answered.
  EXPECT_EQ(StatusAndWait(*bank, "prepared").outcome, Outcome::kCompleted) << plugin;
  return outcome;
}

TEST(BankHost, CountsTheFirstOfTwoCompletions) {
  EXPECT_EQ(OutcomeFrom("libbroken_bank_twice.so"), Outcome::kCompleted);
}
TEST(BankHost, TakesACompletionFromInsideTheCallAsUnknown) {
  EXPECT_EQ(OutcomeFrom("libbroken_bank_inside.so"), Outcome::kUnknown);
  EXPECT_EQ(OutcomeFrom("libbroken_bank_inside_refused.so"), Outcome::kUnknown);
}
TEST(BankHost, TakesACompletionWithARefusalAsUnknown) {
  EXPECT_EQ(OutcomeFrom("libbroken_bank_after_refusing.so"), Outcome::kUnknown);
}
TEST(BankHost, TakesAnOutcomeOutOfRangeOrNoneAsUnknown) {
  EXPECT_EQ(OutcomeFrom("libbroken_bank_outcome99.so"), Outcome::kUnknown);
  EXPECT_EQ(OutcomeFrom("libbroken_bank_silent_null.so"), Outcome::kUnknown);
}
TEST(BankHost, AnswersUnknownForAPluginThatNeverCompletes) {
  EXPECT_EQ(OutcomeFrom("libbroken_bank_never.so", {"--answer-deadline-s", "1"}),
            Outcome::kUnknown);
}

TEST(BankHost, DiesOfAPluginThatCrashesOrCompletesWhatNeverWasAndThenAllIsUnknown) {
  for (const auto& [plugin, code] :
       {std::pair{"libbroken_bank_crashes.so", -SIGABRT}, std::pair{"libbroken_bank_wild.so", 5}}) {
    TempDir dir;
    WriteBankFiles(dir);
    HostProcess host(dir, plugin);
    auto bank = ConnectedClient(dir);
    EXPECT_EQ(SubmitAndWait(*bank, "prepared").outcome, Outcome::kUnknown);
    EXPECT_EQ(host.Wait(), code);
  }
}

TEST(BankHost, RefusesAPluginOfAnotherVersionAndAConfigurationThatIsWrong) {
  TempDir dir;
  WriteBankFiles(dir);
  EXPECT_EQ(HostProcess(dir, "libbroken_bank_wrong_version.so").Wait(), 3);
  EXPECT_NE(base::ReadFile(dir / "host.log")->find("version 1"), std::string::npos);
  EXPECT_EQ(HostProcess(dir, "no-such-plugin.so").Wait(), 3);
  std::ofstream(dir / "bank.toml") << "ledger = \"l\"\naccounts = \"a\"\nlegder = 1\n";
  EXPECT_EQ(HostProcess(dir, kEmbedded).Wait(), 3);
  EXPECT_NE(base::ReadFile(dir / "host.log")->find("unknown key 'legder'"), std::string::npos);
}

TEST(BankHost, RefusesAPeerOfAnotherUser) {
  TempDir dir;
  WriteBankFiles(dir);
  HostProcess host(dir, kEmbedded, {"--allow-uid", std::to_string(getuid() + 1)});
  const base::SystemClock clock;
  auto bank = OpenBankClient({.socket = dir / "bank.sock"}, clock);
  EXPECT_TRUE(Eventually([&] {
    auto log = base::ReadFile(dir / "host.log");
    return log && log->find("host.peer_refused") != std::string::npos;
  }));
  EXPECT_FALSE(bank->GetCapabilities().has_value());
}

}  // namespace
}  // namespace paygate::bank
