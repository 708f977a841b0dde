#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <concepts>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/secret_bytes.h"

namespace paygate::base {
namespace {

static_assert(!std::constructible_from<Field, std::string_view, SecretBytes>);
static_assert(!std::constructible_from<Field, std::string_view, const SecretBytes&>);

template <typename Write>
std::string Logged(Write write, LogLevel least = LogLevel::kInfo) {
  testing::internal::CaptureStderr();
  InitLog("engine", least);
  write();
  return testing::internal::GetCapturedStderr();
}

std::string LoggedValue(std::string_view value) {
  const std::string line = Logged([&] { LogInfo("e", {{"v", value}}); });
  const size_t at = line.find(" v=");
  EXPECT_NE(at, std::string::npos);
  EXPECT_TRUE(line.ends_with('\n'));
  return line.substr(at + 3, line.size() - at - 4);
}

TEST(Log, WritesTimeLevelProgramEventAndFields) {
  const std::string line = Logged([] {
    LogInfo("intent.recorded", {{"payment_id", "p1"}, {"amount", "12.50 GBP"}, {"try", 3}});
  });
  EXPECT_THAT(line, testing::MatchesRegex(
                        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                        "info engine intent\\.recorded payment_id=p1 "
                        "amount=\"12\\.50 GBP\" try=3\n"));
}

TEST(Log, ReplacesWhatLooksLikeAnAccountNumber) {
  EXPECT_EQ(LoggedValue("GB29NWBK60161331926819"), "[account]");
  EXPECT_EQ(LoggedValue("GB29 NWBK 6016 1331 9268 19"), "[account]");
  EXPECT_EQ(LoggedValue("GB29-NWBK-6016-1331-9268-19"), "[account]");
  EXPECT_EQ(LoggedValue("gb29nwbk60161331926819"), "[account]");
  EXPECT_EQ(LoggedValue("NO9386011117947"), "[account]");
  EXPECT_EQ(LoggedValue("MT84MALT011000012345MTLCAST001S"), "[account]");
  EXPECT_EQ(LoggedValue("GB00NWBK60161331926819"), "[account]");  // mistyped check digits
  EXPECT_EQ(LoggedValue("debit DE89370400440532013000 refused"), "\"debit [account] refused\"");
  EXPECT_EQ(LoggedValue("{\"iban\":\"DE89370400440532013000\"}"), R"("{\"iban\":\"[account]\"}")");
  EXPECT_EQ(LoggedValue("a_DE89370400440532013000_b"), "a_[account]_b");
  const std::string event = Logged([] { LogInfo("paid.DE89370400440532013000"); });
  EXPECT_NE(event.find("paid.[account]"), std::string::npos);
}

TEST(Log, LeavesIdentifiersAlone) {
  for (const char* id : {"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD", "ab12cdef0123456789abcdef01234567",
                         "2026-11-22T21:53:56Z", "payment-id", "GB29"}) {
    EXPECT_EQ(LoggedValue(id), id);
  }
}

TEST(Log, EscapesControlCharactersSoThatOneEventIsOneLine) {
  EXPECT_EQ(LoggedValue("a\nfake info line\r\t\x1b[2J\x7f"),
            R"("a\nfake info line\x0d\x09\x1b[2J\x7f")");
  EXPECT_EQ(LoggedValue("say \"hi\" \\"), R"("say \"hi\" \\")");
  EXPECT_EQ(LoggedValue("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
  EXPECT_EQ(LoggedValue("\xc2\x9b"), R"("\x9b")");  // a C1 control character
  EXPECT_EQ(LoggedValue("\xff\xfe"), R"("\xff\xfe")");
  EXPECT_EQ(LoggedValue(""), "\"\"");
  const std::string lines = Logged([] { Log(LogLevel::kError, "a\nb", {{"k\nk", "v\nv"}}); });
  EXPECT_EQ(std::ranges::count(lines, '\n'), 1);
}

TEST(Log, CutsAValueThatIsTooLong) {
  EXPECT_LT(LoggedValue(std::string(100'000, 'x')).size(), 3000u);
}

TEST(Log, ShowsNothingBelowItsLeastLevel) {
  const std::string lines = Logged(
      [] {
        LogInfo("quiet");
        LogWarning("w");
        LogAlarm("loud");
      },
      LogLevel::kWarning);
  EXPECT_EQ(lines.find("quiet"), std::string::npos);
  EXPECT_NE(lines.find(" warning engine w\n"), std::string::npos);
  EXPECT_NE(lines.find(" alarm engine loud\n"), std::string::npos);
}

TEST(Log, UnderTheJournalAPriorityStandsInsteadOfTheTime) {
  testing::internal::CaptureStderr();
  struct stat st {};
  ASSERT_EQ(fstat(STDERR_FILENO, &st), 0);
  const std::string stream = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
  setenv("JOURNAL_STREAM", stream.c_str(), 1);
  InitLog("bank");
  LogAlarm("ledger.broken");
  LogInfo("ready");
  unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "<1>alarm bank ledger.broken\n<6>info bank ready\n");
}

TEST(Log, ARedirectedStandardErrorIsNotTheJournal) {
  setenv("JOURNAL_STREAM", "1:1", 1);
  const std::string line = Logged([] { LogInfo("ready"); });
  unsetenv("JOURNAL_STREAM");
  EXPECT_TRUE(line.starts_with("2")) << line;
}

TEST(Log, KeepsLinesOfManyThreadsWhole) {
  const std::string lines = Logged([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
      threads.emplace_back([] {
        for (int i = 0; i < 100; i++) LogInfo("tick", {{"n", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  size_t count = 0;
  for (size_t at = 0; at < lines.size(); count++) {
    const size_t end = lines.find('\n', at);
    ASSERT_THAT(lines.substr(at, end - at),
                testing::MatchesRegex("[0-9T:.Z-]+ info engine tick n=[0-9]+"));
    at = end + 1;
  }
  EXPECT_EQ(count, 400u);
}

TEST(LogLevel, IsReadByNameAndAnUnknownNameIsRefusedWithTheChoices) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("alarm"), LogLevel::kAlarm);
  ASSERT_FALSE(ParseLogLevel("verbose"));
  EXPECT_NE(ParseLogLevel("verbose").error().message.find("choose debug"), std::string::npos);
}

}  // namespace
}  // namespace paygate::base
