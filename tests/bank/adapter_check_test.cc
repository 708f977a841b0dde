// paygate-adapter-check: keeps silent about our adapters, and names the fault of each broken one.
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/bank/bank_testing.h"
#include "tests/banksim/scratch_network.h"

namespace paygate::bank {
namespace {

using namespace testing;
using nlohmann::json;

struct Report {
  int exit_code = -1;
  json checks;
  std::string Of(const std::string& check) const {
    for (const auto& c : checks)
      if (c["name"] == check) return std::string(c["result"]) + " " + std::string(c["sentence"]);
    return "no such check";
  }
};

Report Examine(const TempDir& dir, const std::string& plugin, const std::string& config,
               const std::string& debtor, const std::string& creditor,
               std::vector<std::string> more = {}) {
  std::vector<std::string> words = {doubles::Program("paygate-adapter-check"),
                                    doubles::Library(plugin), config, "--json", "--debtor", debtor,
                                    "--creditor", creditor};
  words.insert(words.end(), more.begin(), more.end());
  const int out =
      open((dir / "report.json").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int status = 0;
  waitpid(doubles::Spawn(words, {.out = out}), &status, 0);
  close(out);
  Report report{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)};
  const auto text = base::ReadFile(dir / "report.json", 1u << 20);
  if (text && !text->empty()) report.checks = json::parse(*text)["checks"];
  return report;
}

// Everything kept; nothing skipped but `skipped`.
void ExpectKept(const Report& report, const std::vector<std::string>& skipped) {
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_GE(report.checks.size(), 15u);
  for (const auto& check : report.checks) {
    const bool may =
        std::ranges::find(skipped, check["name"].get<std::string>()) != skipped.end();
    EXPECT_EQ(check["result"], may ? "skipped" : "kept") << check;
  }
}

TEST(AdapterCheck, TheEmbeddedBankKeepsEveryRule) {
  TempDir dir;
  WriteBankFiles(dir);
  ExpectKept(Examine(dir, "libpaygate_bank_embedded.so", dir / "bank.toml", kAlice, kSue,
                     {"--enrolment-code", kCode, "--limit-s", "60"}),
             {});
}

TEST(AdapterCheck, TheFinancialNetworkKeepsEveryRule) {
  TempDir dir;
  banksim::testing::ScratchNetwork network;
  std::ofstream(dir / "adapter.toml") << network.AdapterConfig();
  const std::string debtor = network.Ibans(banksim::testing::kBuyerBank)[0];
  ExpectKept(Examine(dir, "libpaygate_bank_iso20022.so", dir / "adapter.toml", debtor,
                     network.Ibans(banksim::testing::kSellerBank)[0],
                     {"--enrolment-code", network.CodeOf(debtor), "--limit-s", "90"}),
             {});
  EXPECT_TRUE(network.LedgerIsRight());
}

TEST(AdapterCheck, TheExampleKeepsEveryRule) {
  TempDir dir;
  mkdir((dir / "orders").c_str(), 0700);
  std::ofstream(dir / "example.conf") << "directory " << (dir / "orders") << "\naccount " << kAlice
                                      << "\naccount " << kSue << "\n";
  ExpectKept(Examine(dir, "libpaygate_bank_example.so", dir / "example.conf", kAlice, kSue,
                     {"--limit-s", "60"}),
             {"returns", "enrolment", "notices", "statement"});
}

struct Broken {
  const char *breach, *check, *fault, *limit_s = "60";
};
void PrintTo(const Broken& b, std::ostream* out) { *out << b.breach; }

class AdapterCheckOfABrokenOne : public ::testing::TestWithParam<Broken> {};

TEST_P(AdapterCheckOfABrokenOne, IsToldItsFault) {
  const auto& [breach, check, fault, limit] = GetParam();
  TempDir dir;
  std::ofstream(dir / "none.toml") << "";
  const auto examine = [&](const std::string& name) {
    return Examine(dir, "libbroken_bank_" + name + ".so", dir / "none.toml", kAlice, kSue,
                   {"--only", check, "--limit-s", limit});
  };
  const Report broken = examine(breach);
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_TRUE(broken.Of(check).starts_with("fault ")) << broken.Of(check);
  EXPECT_NE(broken.Of(check).find(fault), std::string::npos) << broken.Of(check);
  // Without the breach the same check finds nothing.
  EXPECT_EQ(examine("none").Of(check), "kept ");
}

INSTANTIATE_TEST_SUITE_P(
    Every, AdapterCheckOfABrokenOne,
    ::testing::Values(
        Broken{"twice", "once", "completes twice"},
        Broken{"inside", "once", "from inside the call that started it"},
        Broken{"inside_refused", "once", "from inside the call that started it"},
        Broken{"never", "once", "submit does not complete within 2 s", "2"},
        Broken{"crashes", "once", "crashes: Aborted"},
        Broken{"wild", "once", "a ctx that it was never given"},
        Broken{"outcome99", "once", "outcome 99, which does not exist"},
        Broken{"after_refusing", "once", "completes and then refuses"},
        Broken{"silent_null", "once", "completes without a result"},
        Broken{"wrong_version", "version", "offers version 77"},
        Broken{"lingers", "version", "no end within 12 s, after it was closed", "2"},
        Broken{"lies", "finality", "lies about what is final: said REJECTED"},
        Broken{"no_drain", "drain", "drain returns while"},
        Broken{"impure", "prepare", "prepare is not pure"},
        Broken{"forgets", "statement", "a completed order is not in it"}),
    [](const auto& info) { return std::string(info.param.breach); });

// Under AddressSanitizer the leak itself is the finding, by the sanitizer's exit code.
TEST(AdapterCheck, FindsWhatIsLeaked) {
  TempDir dir;
  std::ofstream(dir / "none.toml") << "";
  const auto report = Examine(dir, "libbroken_bank_leaks.so", dir / "none.toml", kAlice, kSue,
                              {"--only", "leaks"});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_TRUE(report.Of("leaks").find("keeps ") != std::string::npos ||
              report.Of("leaks").find("a sanitizer says above why") != std::string::npos)
      << report.Of("leaks");
}

TEST(AdapterCheck, RefusesWrongUseWithASentence) {
  TempDir dir;
  WriteBankFiles(dir);
  EXPECT_EQ(Examine(dir, "libpaygate_bank_embedded.so", dir / "nowhere", kAlice, kSue).exit_code,
            3);
  EXPECT_EQ(Examine(dir, "libpaygate_bank_embedded.so", dir / "bank.toml", kAlice, kSue,
                    {"--only", "nonsense"})
                .exit_code,
            2);
  const Report nothing = Examine(dir, "no_such_library.so", dir / "bank.toml", kAlice, kSue);
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_TRUE(nothing.Of("version").starts_with("fault cannot be loaded"));
  EXPECT_TRUE(nothing.Of("once").starts_with("skipped "));
}

}  // namespace
}  // namespace paygate::bank
