// Evidence files of a running gateway, written by paygatectl and judged by paygate-audit.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "tests/doubles/shell.h"
#include "tests/integration/wallets.h"

namespace paygate::integration {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The bank gives the operator a certificate, so that accounts can be sealed to it.
ScratchGateway::Options WithBankCertificate(std::vector<std::string> engine) {
  return {.engine = std::move(engine), .prepare = [](const std::string& directory) {
    RunProgram({"/bin/sh", "-c",
                "cd " + directory + " && umask 077 && openssl req -x509 -newkey ec -pkeyopt "
                "ec_paramgen_curve:P-256 -nodes -subj /CN=Bank -days 3650 -keyout bank.key "
                "-out bank.pem 2>/dev/null && openssl genpkey -algorithm EC -pkeyopt "
                "ec_paramgen_curve:P-256 -out other.key"});
    std::string config = Must(base::ReadFile(directory + "/gateway.toml"));
    config.replace(config.find("[certificates]"), 14,
                   "[certificates]\nbank = \"" + directory + "/bank.pem\"");
    Must(base::ReplaceFile(directory + "/gateway.toml", config));
  }};
}

struct EvidenceOfAGateway : Wallets {
  explicit EvidenceOfAGateway(std::vector<std::string> engine = {})
      : Wallets(WithBankCertificate(std::move(engine))) {
    Register("seller", 0);
    Register("buyer", 1);
  }
  static Ran Shell(const std::string& command) { return {doubles::Shell(command)}; }
  Ran Ctl(const std::string& arguments) const {
    return Shell(doubles::Program("paygatectl") + " --config " + File("gateway.toml") + " " +
                 arguments);
  }
  // The payment_id, whatever became of it.
  std::string Pay(const std::string& price) {
    const std::string csblk = File("csblk-" + std::to_string(++sold));
    EXPECT_EQ(Run("seller", options + "sell Lamp " + price + " GBP --out " + csblk).code, 0);
    const std::string id = Run("buyer", options + "pay --yes --json " + csblk)["payment_id"];
    EXPECT_EQ(id.size(), 43u);
    return id;
  }
  std::string Export(const std::string& id, const std::string& name) {
    Ran ran;
    EXPECT_TRUE(Eventually([&] {  // the engine may just have been started
      ran = Ctl("evidence --out " + File(name) + " -- " + id);
      return ran.code == 0;
    })) << ran.out;
    return File(name);
  }
  Ran Verify(const std::string& file, const std::string& more = "") const {
    return Shell(doubles::Program("paygate-audit") + " verify-evidence " + file + " --root " +
                 File("root.pem") + " " + more);
  }
  // The report on an export made now, which must be valid.
  json Valid(const std::string& id, const std::string& name, const std::string& more = "") {
    const Ran ran = Verify(Export(id, name), "--json " + more);
    EXPECT_EQ(ran.code, 0) << ran.out;
    return json::parse(ran.out, nullptr, false);
  }
  static bool Says(const json& report, const std::string& words) {
    for (const json& check : report["checks"]) {
      if (check["words"].get<std::string>().find(words) != std::string::npos) return true;
    }
    return false;
  }
  int sold = 0;
  std::string options;  // of the wallets
};

struct EvidenceOfABatchingGateway : EvidenceOfAGateway {
  EvidenceOfABatchingGateway() : EvidenceOfAGateway({"batch_signatures = true"}) {
    options = "--batch-signatures ";
  }
};

TEST_F(EvidenceOfABatchingGateway, ProvesAPaymentWhoseResultsShareASignature) {
  const std::string id = Pay("12.50");
  const json report = Valid(id, "e.json");
  EXPECT_EQ(report["verdict"], "valid") << report;
  EXPECT_EQ(report["result"], "completed");
  json file = json::parse(Must(base::ReadFile(File("e.json"))));
  for (const char* result : {"receipt", "confirmation"}) {
    const std::string compact = file["payment"][result];
    const auto header = base::Base64UrlDecode(compact.substr(0, compact.find('.')));
    EXPECT_THAT(Must(header), HasSubstr("+mjws\"")) << result;
  }
}

TEST_F(EvidenceOfAGateway, ProvesACompletedPaymentToWhoHasOnlyTheRoot) {
  const std::string id = Pay("12.50");
  const json report = Valid(id, "e.json");
  EXPECT_EQ(report["verdict"], "valid");
  EXPECT_EQ(report["payment_id"], id);
  EXPECT_EQ(report["amount"], "12.50 GBP");
  EXPECT_EQ(report["goods"], "Lamp");
  EXPECT_EQ(report["result"], "completed");
  EXPECT_TRUE(Says(report, "the buyer's signature certificate was not revoked"));
  EXPECT_TRUE(Says(report, "the issuing CA is not revoked by the root's list"));

  // The wallet's receipt is the one in the file.
  const std::string file = Must(base::ReadFile(File("e.json")));
  const json kept = json::parse(Must(base::ReadFile(File("w-buyer/receipts/" + id + ".json"))));
  EXPECT_EQ(json::parse(file)["payment"]["receipt"], kept["result"]);

  const Ran words = Verify(File("e.json"));
  EXPECT_EQ(words.code, 0);
  EXPECT_THAT(words.out, HasSubstr("12.50 GBP for Lamp"));
  EXPECT_THAT(words.out, HasSubstr("\nVALID\n"));
}

TEST_F(EvidenceOfAGateway, IsAFileThatOnlyItsOwnerReadsAndThatIsNotOverwritten) {
  const std::string id = Pay("1.00");
  Export(id, "e.json");
  struct stat st {};
  ASSERT_EQ(stat(File("e.json").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  const std::string before = Must(base::ReadFile(File("e.json")));
  const Ran again = Ctl("evidence --out " + File("e.json") + " -- " + id);
  EXPECT_EQ(again.code, 2) << again.out;
  EXPECT_THAT(again.out, HasSubstr("--force"));
  EXPECT_EQ(Must(base::ReadFile(File("e.json"))), before);
  EXPECT_EQ(Ctl("evidence --force --out " + File("e.json") + " -- " + id).code, 0);
  EXPECT_NE(Must(base::ReadFile(File("e.json"))), before) << "sealed anew";
  EXPECT_EQ(Verify(File("e.json")).code, 0);

  EXPECT_EQ(Ctl("evidence --out " + File("x") + " -- " + std::string(43, 'A')).code, 1);
  EXPECT_EQ(Ctl("evidence --out " + File("x") + " -- nonsense").code, 2);
  EXPECT_FALSE(std::filesystem::exists(File("x")));
}

TEST_F(EvidenceOfAGateway, OpensItsAccountsToTheBankAlone) {
  const std::string id = Pay("1.00");
  const json report = Valid(id, "e.json", "--bank-key " + File("bank.key"));
  EXPECT_EQ(report["seller_account"], gateway.Customers().at(0).iban);
  EXPECT_EQ(report["buyer_account"], gateway.Customers().at(1).iban);
  const Ran other = Verify(File("e.json"), "--bank-key " + File("other.key"));
  EXPECT_EQ(other.code, 1) << other.out;
  EXPECT_THAT(other.out, HasSubstr("BAD: it is not shown that the sealed accounts"));
  const std::string file = Must(base::ReadFile(File("e.json")));
  for (size_t n : {0, 1}) {
    EXPECT_EQ(file.find(gateway.Customers().at(n).iban), file.npos);
  }
}

TEST_F(EvidenceOfAGateway, ChangedOrUnderAnotherRootIsInvalid) {
  const std::string file = Export(Pay("1.00"), "e.json");
  std::string bytes = Must(base::ReadFile(file));
  for (size_t at = 7; at < bytes.size(); at += bytes.size() / 20) {
    std::string changed = bytes;
    changed[at] ^= 1;
    Must(base::ReplaceFile(File("changed.json"), changed));
    EXPECT_EQ(Verify(File("changed.json")).code, 1) << at;
  }
  const std::string program = doubles::Program("paygate-audit") + " verify-evidence " + file;
  EXPECT_EQ(Shell(program + " --root " + File("bank.pem")).code, 1) << "a root, and not ours";
  EXPECT_EQ(Shell(program + " --root " + File("pass")).code, 2) << "no certificate";
  EXPECT_EQ(Shell(program).code, 2);
  EXPECT_EQ(Verify("/dev/zero").code, 1) << "without reading it to its end";
}

TEST_F(EvidenceOfAGateway, ProvesAFailedPayment) {
  const json report = Valid(Pay("99999.00"), "e.json");
  EXPECT_EQ(report["result"], "failed");
  EXPECT_NE(report["reason"], "");
}

TEST_F(EvidenceOfAGateway, ProvesRefundsWithTheirPayment) {
  const std::string id = Pay("12.50");
  EXPECT_EQ(Run("seller", "refund --yes --json -- " + id + " 2.50 GBP").code, 0);
  const Ran last = Run("seller", "refund --yes --json -- " + id + " 10.00 GBP");
  EXPECT_EQ(last.code, 0) << last.out;
  const json report = Valid(id, "e.json");
  ASSERT_EQ(report["refunds"].size(), 2u);
  EXPECT_EQ(report["refunds"][0]["amount"], "2.50 GBP");
  EXPECT_EQ(report["refunds"][1]["amount"], "10.00 GBP");
  EXPECT_EQ(report["refunds"][1]["result"], "completed");
  const std::string refund = report["refunds"][0]["refund_id"];
  const Ran of_refund = Ctl("evidence --out " + File("x") + " -- " + refund);
  EXPECT_EQ(of_refund.code, 2);
  EXPECT_THAT(of_refund.out, HasSubstr(id)) << "names the payment to ask for";
}

TEST_F(EvidenceOfAGateway, HoldsAfterBothWereRevokedAndTheGatewayDiedAndStarted) {
  const std::string id = Pay("3.00");
  const json before = Valid(id, "before.json");
  for (const char* who : {"buyer", "seller"}) {
    EXPECT_EQ(Ctl("revoke --reason keyCompromise -- " + before[who].get<std::string>()).code, 0);
  }
  const json after = Valid(id, "after.json");
  EXPECT_TRUE(Says(after, "the buyer's signature certificate was not revoked when it was relied "
                          "on: its issuing CA says that it has been since"));
  EXPECT_EQ(Verify(File("before.json")).code, 0) << "of its time";

  gateway.Kill("engine_with_clock", SIGKILL);
  EXPECT_EQ(Valid(id, "killed.json")["result"], "completed");
  gateway.Stop();
  gateway.Start();
  const json restarted = Valid(id, "restarted.json");
  EXPECT_EQ(restarted["settled_at"], before["settled_at"]);
  const auto receipt = [&](const std::string& name) {
    return json::parse(Must(base::ReadFile(File(name))))["payment"]["receipt"];
  };
  EXPECT_EQ(receipt("restarted.json"), receipt("before.json"));
}

}  // namespace
}  // namespace paygate::integration
