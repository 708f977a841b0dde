// The audit log of a running gateway, as an auditor sees it; and what its disk never shows.
#include <gmock/gmock.h>
#include <rocksdb/env.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "protocol/json.h"
#include "protocol/values.h"
#include "storage/rocksdb/database.h"
#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"
#include "tests/integration/lifecycle.h"

namespace paygate::integration {
namespace {

namespace fs = std::filesystem;
using storage::rocksdb::Database;
using storage::rocksdb::Family;
using testing::HasSubstr;

struct AuditedGateway : Lifecycle {
  AuditedGateway() : Lifecycle({.engine = {"checkpoint_interval_s = 1"}}) {}

  using Ran = doubles::ShellRan;
  std::string Path(const std::string& name) const { return gateway.directory() + "/" + name; }
  Ran Ctl(const std::string& arguments) const {
    return doubles::Shell(doubles::Program("paygatectl") + " --config " + Path("gateway.toml") +
                          " " + arguments);
  }
  // Exports into a directory of this name and has it verified; returns the entries.
  std::string ExportAndVerify(const std::string& name, const std::string& kept = "") {
    Ran ran;
    EXPECT_TRUE(Eventually([&] {
      fs::remove_all(Path(name));
      ran = Ctl("audit export " + Path(name));
      return ran.code == 0;
    })) << ran.out;
    base::Result<std::string> root = gateway.RootPem();
    std::ofstream(Path("root-of-auditor.pem")) << *root;
    ran = doubles::Shell(doubles::Program("paygate-audit") + " verify " + Path(name) + " --root " +
                         Path("root-of-auditor.pem") +
                         (kept.empty() ? "" : " --checkpoint " + kept));
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("good: "));
    return base::ReadFile(Path(name) + "/entries.jsonl").value();
  }
  std::string NewestCheckpoint(const std::string& name) const {
    std::set<std::string> files;
    for (const auto& each : fs::directory_iterator(Path(name) + "/checkpoints")) {
      files.insert(each.path());
    }
    return *files.rbegin();
  }
  // Until somebody answers again.
  void PayUntilItWorks() {
    ASSERT_TRUE(Eventually([&] {
      try {
        return PaymentWorks();
      } catch (const std::runtime_error&) {
        return false;
      }
    }));
  }
};

TEST_F(AuditedGateway, WritesDownWhatItDidForWhoDoesNotTrustIt) {
  const auto receipt = buyer->ReceiptIn(buyer->Pay(seller->Sell("A lamp", "2.50")));
  ASSERT_EQ(Ctl("hold --note 'case 17' -- " + mallory->id).code, 0);
  ASSERT_EQ(Ctl("revoke --reason keyCompromise -- " + mallory->id).code, 0);
  const std::string entries = ExportAndVerify("first");
  for (const std::string& each : {receipt.payment_id, seller->id, buyer->id, mallory->id}) {
    EXPECT_THAT(entries, HasSubstr(each));
  }
  for (const char* kind : {"csblk-issued", "authorised", "outcome", "results", "certified",
                           "held", "revoked", "operator"}) {
    EXPECT_THAT(entries, HasSubstr("{\"kind\":\"" + std::string(kind) + "\""));
  }
  EXPECT_EQ(entries.find("case 17"), entries.npos);
  EXPECT_EQ(Ctl("audit export " + Path("first")).code, 2) << "nothing is overwritten";

  // Whoever changes the copy is found out.
  std::string changed = entries;
  const size_t at = changed.find("\"completed\"");
  ASSERT_NE(at, changed.npos);
  changed.replace(at, 11, "\"failed\"");
  std::ofstream(Path("first/entries.jsonl"), std::ios::binary) << changed;
  const Ran bad = doubles::Shell(doubles::Program("paygate-audit") + " verify " + Path("first") +
                                     " --root " + Path("root-of-auditor.pem"));
  EXPECT_EQ(bad.code, 1) << bad.out;
  EXPECT_THAT(bad.out, HasSubstr("BAD: "));
}

TEST_F(AuditedGateway, ContinuesItsPastAfterAKillUnderLoadAndAfterAStop) {
  ASSERT_TRUE(PaymentWorks());
  const std::string before = ExportAndVerify("before");
  const std::string kept = NewestCheckpoint("before");
  std::set<std::string> paid;
  for (int round = 0; round < 3; ++round) {
    std::jthread killer([&] { gateway.Kill("engine_with_clock", SIGKILL); });
    for (int i = 0; i < 4; ++i) {
      try {
        const Said said = buyer->Pay(seller->Sell("A cup", "1.00"));
        if (said.status == 201) paid.insert(buyer->ReceiptIn(said).payment_id);
      } catch (const std::runtime_error&) {
      }
    }
    killer.join();
    PayUntilItWorks();
  }
  std::string after = ExportAndVerify("after", kept);
  EXPECT_TRUE(after.starts_with(before)) << "the past is another one";
  for (const std::string& id : paid) EXPECT_THAT(after, HasSubstr(id));

  // At the end it signs what there is: the last checkpoint covers everything.
  gateway.Stop();
  gateway.Start();
  after = ExportAndVerify("restarted", kept);
}

// Every key and value, decompressed, and every byte of every file.
std::string Disk(const std::string& state, const std::string& log, bool compact) {
  std::string disk = log;
  {
    auto database = Must(Database::Open(::rocksdb::Env::Default(), state + "/store/db", false));
    if (compact) Must(database->CompactForTest());
    for (size_t family = 0; family < storage::rocksdb::kFamilies; ++family) {
      Must(database->ForEach(static_cast<Family>(family), "", "",
                             [&](std::string_view key, std::string_view value) {
                               disk.append(key).append(value);
                               return base::Result<bool>(true);
                             }));
    }
  }
  for (const auto& file : fs::recursive_directory_iterator(state)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    disk.append(std::istreambuf_iterator<char>(in), {});
  }
  return disk;
}

// The spellings in which bytes could lie on the disk.
std::set<std::string> Spellings(const std::string& text) {
  std::set<std::string> all = {text, base::HexEncode(text)};
  for (size_t shift = 0; shift < 3; ++shift) {
    // Inside a longer text: without the characters that its neighbours share.
    std::string url = base::Base64UrlEncode(std::string(shift, '\0') + text);
    std::string plain = base::Base64Encode(std::string(shift, '\0') + text);
    const size_t begin = shift == 0 ? 0 : shift + 1, length = text.size() * 4 / 3 - 3;
    all.insert({url.substr(begin, length), plain.substr(begin, length)});
  }
  return all;
}

struct Process {
  std::string state;  // "Z": ended, nobody has asked how
  pid_t parent = 0;
};
Process Look(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name;
  Process process;
  in >> number >> name >> process.state >> process.parent;
  return process;
}

struct GatewaysDisk : AuditedGateway {
  // A number that could be any customer's is confirmed by trying all of a bank's in whatever is
  // stored: so no function of the number alone may be there, and no salt of those that are.
  void ExpectNothingOfAccounts(bool compact) {
    const std::string disk = Disk(Path("state"), gateway.Log(), compact);
    ASSERT_THAT(disk, HasSubstr(buyer->id)) << "it is the right place to look";
    for (const std::string& disclosure : disclosures) {
      const auto digests = Spellings(base::Sha256Base64Url(disclosure));
      EXPECT_TRUE(std::ranges::any_of(digests, [&](const std::string& each) {
        return disk.find(each) != disk.npos;
      })) << "the salted digest is there, so that its salt would matter";
      const auto parts = Must(protocol::ParseJsonStrings(Must(base::Base64UrlDecode(disclosure))));
      const std::string raw_salt = Must(base::Base64UrlDecode(parts[0]));
      for (const std::string& secret : {disclosure, parts[0], raw_salt}) {
        for (const std::string& each : Spellings(secret)) {
          EXPECT_EQ(disk.find(each), disk.npos) << "a salt or disclosure lies on the disk";
        }
      }
    }
    for (const RawParticipant* each : {seller.get(), buyer.get()}) {
      const std::string& iban = each->customer.iban;
      for (const std::string& number : {iban, iban.substr(4), iban.substr(8)}) {
        for (const std::string& spelled : Spellings(number)) {
          EXPECT_EQ(disk.find(spelled), disk.npos) << "an account number lies on the disk";
        }
        for (const std::string& spelled : Spellings(base::Sha256(number))) {
          EXPECT_EQ(disk.find(spelled), disk.npos) << "a hash that a search would confirm";
        }
      }
    }
  }
  void PayOnce() {
    ASSERT_EQ(buyer->Pay(seller->Sell("A chair", "45.00")).status, 201);
    disclosures.insert(seller->seller_disclosure);
    disclosures.insert(buyer->buyer_disclosure);
  }
  std::set<std::string> disclosures;
};

TEST_F(GatewaysDisk, ShowsNoAccountAfterARunAndAfterCompaction) {
  for (int i = 0; i < 5; ++i) PayOnce();
  gateway.Stop();
  ExpectNothingOfAccounts(false);
  ExpectNothingOfAccounts(true);
}

TEST_F(GatewaysDisk, ShowsNoAccountAfterAKill) {
  for (int i = 0; i < 3; ++i) PayOnce();
  gateway.Kill("engine_with_clock", SIGKILL);
  PayUntilItWorks();
  PayOnce();
  const pid_t engine = gateway.PidOf("engine_with_clock");
  const pid_t paygated = Look(engine).parent;
  ASSERT_EQ(kill(paygated, SIGSTOP), 0);  // so that nobody starts the next engine
  gateway.Kill("engine_with_clock", SIGKILL);
  // Its files are closed when its last thread is gone.
  const std::string threads = "/proc/" + std::to_string(engine) + "/task";
  ASSERT_TRUE(Eventually([&] {
    return Look(engine).state == "Z" &&
           std::distance(std::filesystem::directory_iterator(threads), {}) == 1;
  }));
  ExpectNothingOfAccounts(false);
  kill(paygated, SIGCONT);
}

}  // namespace
}  // namespace paygate::integration
