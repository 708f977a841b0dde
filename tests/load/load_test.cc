// paygate-load against the real gateway: what it measures, and what makes it fail.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "tests/doubles/places.h"
#include "tests/doubles/spawn.h"
#include "tests/integration/on_network.h"

namespace paygate::integration {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::chrono::seconds kLong{120};

struct Ran {
  int code = -1;
  std::string words;  // standard output and error
};

std::string ReadText(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Ran RunLoad(std::vector<std::string> words) {
  words.insert(words.begin(), doubles::Program("paygate-load"));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const pid_t pid = doubles::Spawn(words, {.out = ends[1], .err = ends[1]});
  close(ends[1]);
  Ran ran;
  char chunk[4096];
  for (ssize_t n; (n = read(ends[0], chunk, sizeof chunk)) > 0;) {
    ran.words.append(chunk, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

struct Load : testing::Test {
  explicit Load(ScratchGateway::Options options = {}) : gateway(std::move(options)) {}

  std::string File(const std::string& name) const { return gateway.directory() + "/" + name; }
  void WriteCustomers() const {
    std::ofstream csv(File("customers.csv"));
    csv << "iban,currency,enrolment_code\n";
    for (const Customer& c : gateway.Customers()) {
      csv << c.iban << "," << c.currency << "," << c.enrolment_code << "\n";
    }
  }
  Ran Prepare(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"prepare",      "--config",    File("gateway.toml"), "--dir",
                                   File("people"), "--customers", File("customers.csv")};
    words.insert(words.end(), more.begin(), more.end());
    return RunLoad(words);
  }
  // A short run; its result is in `result`.
  Ran Run(const std::vector<std::string>& more) {
    std::vector<std::string> words{"run",
                                   "--config",
                                   File("gateway.toml"),
                                   "--dir",
                                   File("people"),
                                   "--warm-up",
                                   "0.3",
                                   "--ramp",
                                   "0.3",
                                   "--json",
                                   File("result.json"),
                                   "--verify-share",
                                   "1"};
    if (std::ranges::find(more, "--steady") == more.end()) {
      words.insert(words.end(), {"--steady", "2"});
    }
    words.insert(words.end(), more.begin(), more.end());
    const Ran ran = RunLoad(words);
    result = json::parse(ReadText(File("result.json")), nullptr, false);
    return ran;
  }

  // How many payments the bank has made; for those who wait for the middle of a run.
  size_t Payments() const {
    const std::string journal = RunProgram(
        {doubles::Program("paygate-embedded-bank"), "--config", File("bank/bank.toml"), "journal"});
    size_t n = 0;
    for (size_t at = 0; (at = journal.find(" executed ", at)) != journal.npos; ++at) ++n;
    return n;
  }

  ScratchGateway gateway;
  json result;
};

TEST_F(Load, InAClosedLoopMeasuresPaymentsThatTheBankMade) {
  WriteCustomers();
  const Ran prepared = Prepare({"--participants", "4", "--algorithms", "ES256=2,EdDSA=1,PS256=1"});
  ASSERT_EQ(prepared.code, 0) << prepared.words;
  struct stat about;
  ASSERT_EQ(stat(File("people/participants.jsonl").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  const auto money = gateway.TotalMoney();
  const Ran ran = Run({"--concurrency", "3", "--report", File("report.html")});
  ASSERT_EQ(ran.code, 0) << ran.words;
  const auto& truth = result["truth"];
  EXPECT_GT(truth["completed"], 0);
  EXPECT_EQ(truth["payments"], truth["completed"]) << result.dump(2);
  EXPECT_EQ(truth["books"], "right");
  EXPECT_EQ(result["verdict"]["good"], true);
  EXPECT_GT(result["summary"]["payments_per_s"], 0.0);
  EXPECT_EQ(result["summary"]["error_rate"], 0.0);
  EXPECT_EQ(result["kinds"]["purchase"]["latency_ms"]["count"],
            result["kinds"]["payment"]["latency_ms"]["count"]);
  EXPECT_GT(result["signatures_verified"], 0);
  EXPECT_GE(result["processes"].size(), 5u) << "paygated, front, engine, token, bank";
  // The paper's three signatures and two decryptions, and the sale's two and two; and what each of
  // the three at once was at when counting began and ended.
  const double purchases = result["kinds"]["purchase"]["latency_ms"]["count"];
  const double edges = 2 + 5.0 * 3 / purchases;
  const auto& tokens = result["where"]["token_operations"];
  EXPECT_NEAR(tokens["signatures"].get<double>(), 5, edges);
  EXPECT_NEAR(tokens["decryptions"].get<double>(), 4, edges);
  EXPECT_NE(ReadText(File("report.html")).find("</html>"), std::string::npos);
  EXPECT_EQ(gateway.TotalMoney(), money);
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(Load, PreparesOnceAndTakesUpWhereItWasLeft) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "2", "--spare", "1"}).code, 0);
  const std::string before = ReadText(File("people/participants.jsonl"));
  ASSERT_EQ(Prepare({"--participants", "2", "--spare", "1"}).code, 0);
  EXPECT_EQ(ReadText(File("people/participants.jsonl")), before);
  const Ran more = Prepare({"--participants", "3"});
  ASSERT_EQ(more.code, 0) << more.words;
  EXPECT_TRUE(ReadText(File("people/participants.jsonl")).starts_with(before));
  const Ran too_many = Prepare({"--participants", "100"});
  EXPECT_EQ(too_many.code, 2);
  EXPECT_NE(too_many.words.find("too few customers"), std::string::npos) << too_many.words;
  chmod(File("people/participants.jsonl").c_str(), 0644);
  EXPECT_NE(Prepare({"--participants", "3"}).code, 0) << "others could read the keys";
}

struct LoadWithRoom : Load {
  // The tester is looked at: what a gateway that other tests and a sanitizer slow down refuses for
  // want of room would be counted as refused attacks, or as fewer who came.
  LoadWithRoom() : Load({.engine = {"in_progress = 1000"}}) {}
};

TEST_F(LoadWithRoom, InAnOpenLoopEveryHostileRequestIsRefused) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "6", "--spare", "2"}).code, 0);
  const Ran ran = Run({"--rate", "40", "--mix",
                       "purchase=5,sale=1,payment=1,mailbox=1,registration=0.2,hostile=4",
                       "--steady", "4", "--sources", "4"});
  ASSERT_EQ(ran.code, 0) << ran.words;
  EXPECT_EQ(result["load"]["loop"], "open");
  EXPECT_GE(result["hostile"].size(), 8u) << result["hostile"].dump();
  EXPECT_TRUE(result["broken"].empty());
  EXPECT_GT(result["truth"]["refused"], 0) << "the attacks' authorisations";
  EXPECT_GT(result["truth"]["completed"], 0);
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(Load, OperationsForWhichNoPlaceWasFreeAreCountedAndNotForgotten) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "4"}).code, 0);
  const Ran ran = Run({"--rate", "400", "--max-outstanding", "1", "--fail-if", "not_started>0"});
  EXPECT_EQ(ran.code, 1) << ran.words;
  EXPECT_GT(result["summary"]["not_started"], 0);
  EXPECT_NEAR(result["summary"]["due"].get<double>(), 800, 150) << "none that came is left out";
  EXPECT_GT(result["summary"]["error_rate"], 0.0);
  EXPECT_EQ(result["verdict"]["good"], false);
}

// Nothing is answered for a second and a half, at 40 operations a second: a tester that waited for
// its answers would find one slow operation in it, and there are sixty.
TEST_F(LoadWithRoom, AStallIsCountedForAllWhoCameMeanwhile) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "4"}).code, 0);
  std::atomic<bool> over = false;
  std::thread stall([&] {
    // Some eight come due before the steady phase.
    (void)Eventually([&] { return over || Payments() >= 40; }, kLong);
    if (over) return;
    gateway.Kill("paygate-front", SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    gateway.Kill("paygate-front", SIGCONT);
  });
  const Ran ran = Run({"--rate", "40", "--even", "--steady", "6"});
  over = true;
  stall.join();
  ASSERT_EQ(ran.code, 0) << ran.words;
  // Of 240 that were due 60 were due in the stall and waited 750 ms for it on average.
  EXPECT_GT(result["summary"]["p90_ms"], 400.0) << ran.words;
  // On a busy machine a tester begins the last ones too late, and says so.
  EXPECT_EQ(result["kinds"]["purchase"]["latency_ms"]["count"].get<int>() +
                result["summary"]["not_started"].get<int>(),
            result["summary"]["due"].get<int>());
}

TEST_F(Load, EndsWithOneWhereAThresholdIsPassedAndTwoWhereItIsWronglyUsed) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "2"}).code, 0);
  const Ran ran = Run({"--fail-if", "p50>1us", "--fail-if", "throughput<1000000"});
  EXPECT_EQ(ran.code, 1) << ran.words;
  EXPECT_EQ(result["verdict"]["reasons"].size(), 2u);
  EXPECT_EQ(Run({"--fail-if", "p50"}).code, 2);
  EXPECT_EQ(RunLoad({"run", "--dir", File("people")}).code, 2) << "which gateway?";
}

// The bank's books as they were before the run: by them every payment is lost.
TEST_F(Load, FindsPaymentsThatTheBankHasNot) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "2"}).code, 0);
  fs::copy_file(File("bank/bank.ledger"), File("old.ledger"));
  std::ofstream(File("old.toml")) << "ledger = \"" << File("old.ledger") << "\"\naccounts = \""
                                  << File("bank/accounts.toml") << "\"\n";
  const Ran ran = Run({"--bank-config", File("old.toml"), "--steady", "1"});
  EXPECT_EQ(ran.code, 3) << ran.words;
  EXPECT_GT(result["truth"]["lost"], 0);
  EXPECT_EQ(result["truth"]["lost"], result["truth"]["completed"]);
}

TEST_F(Load, AsksAgainUntilAllIsToldWhenTheEngineDies) {
  WriteCustomers();
  ASSERT_EQ(Prepare({"--participants", "4"}).code, 0);
  std::atomic<bool> over = false;
  std::thread killer([&] {
    for (const size_t payments : {20, 60}) {
      (void)Eventually([&] { return over || Payments() >= payments; }, kLong);
      if (!over && gateway.PidOf("paygate-engine") != 0) gateway.Kill("paygate-engine", SIGKILL);
    }
  });
  const Ran ran = Run({"--concurrency", "4", "--steady", "4"});
  over = true;
  killer.join();
  ASSERT_EQ(ran.code, 0) << ran.words;
  EXPECT_GT(result["truth"]["completed"], 0);
  EXPECT_EQ(result["truth"]["undecided"], 0);
}

// ---- On the simulated network ----

struct NetworkLoad : testing::Test {
  ScratchNetwork network;
};

TEST_F(NetworkLoad, ExplainsWhatALyingBankDidAndFindsItsBooksTrue) {
  struct OnNetwork : Load {
    explicit OnNetwork(const ScratchNetwork& n)
        : Load({.engine = {"payment_wait_s = 1", "inquiry_interval_s = 1"},
                .prepare = [&n](const std::string& directory) { PutOn(n, directory); }}) {}
    void TestBody() override {}
  } load(network);
  fs::copy_file(network.directory() + "/accounts.csv", load.File("customers.csv"));
  ASSERT_EQ(load.Prepare({"--participants", "6"}).code, 0);
  network.AddRule(R"({"fault":"reject","rate":0.3,"reason":"AC06"})");
  network.AddRule(R"({"fault":"answer-lost","rate":0.1})");
  network.AddRule(R"({"fault":"contradict","rate":0.1})");
  const std::string admin = network.AdminUrl();
  const Ran ran = load.Run({"--concurrency", "4", "--bank-admin", admin, "--steady", "3"});
  ASSERT_EQ(ran.code, 0) << ran.words;
  const auto& truth = load.result["truth"];
  EXPECT_GT(truth["completed"], 0);
  EXPECT_GT(truth["failed"], 0);
  EXPECT_GT(load.result["codes"]["failed AC06"], 0) << load.result["codes"].dump();
  EXPECT_GT(load.result["summary"]["error_rate"], 0.0);
}

}  // namespace
}  // namespace paygate::integration
