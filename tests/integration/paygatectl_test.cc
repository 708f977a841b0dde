// The operator's program against the running gateway.

#include <nlohmann/json.hpp>

#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"
#include "tests/integration/lifecycle.h"

namespace paygate::integration {
namespace {

using nlohmann::json;

struct Paygatectl : Lifecycle {
  using Ran = doubles::ShellRan;
  Ran Run(const std::string& arguments, const std::string& before = "") {
    return doubles::Shell(before + " " + doubles::Program("paygatectl") + " --config " +
                          gateway.directory() + "/gateway.toml " + arguments);
  }
  json Ask(const std::string& arguments) {
    const Ran ran = Run("--json " + arguments);
    EXPECT_EQ(ran.code, 0) << ran.out;
    return json::parse(ran.out, nullptr, false);
  }
};

TEST_F(Paygatectl, ShowsParticipantsCertificatesAndPayments) {
  const auto receipt = buyer->ReceiptIn(buyer->Pay(seller->Sell("A lamp", "2.50")));
  const json status = Ask("status");
  EXPECT_EQ(status["gateway"], buyer->gateway_id);
  EXPECT_EQ(status["store_healthy"], true);
  EXPECT_EQ(status["bank_adapter"], "embedded");
  EXPECT_EQ(status["open_intents"], 0);
  const json payment = Ask("payments show -- " + receipt.payment_id);
  EXPECT_EQ(payment["state"], "completed");
  EXPECT_EQ(payment["amount"], "2.50 GBP");
  EXPECT_EQ(payment["bank_reference"], receipt.bank_reference);
  const json shown = Ask("participants show -- " + buyer->id);
  EXPECT_EQ(shown["status"], "good");
  const std::string print = shown["pairs"][0]["certificates"][0]["fingerprint"];
  const json certificate = Ask("certificates show -- " + print);
  EXPECT_EQ(certificate["participant"], buyer->id);
  EXPECT_EQ(Must(protocol::Certificate::ParsePem(certificate["pem"].get<std::string>())).der(),
            buyer->signature_certificate);
  EXPECT_EQ(Ask("intents")["intents"].size(), 0u);
  // Page by page, everybody once.
  std::set<std::string> seen;
  std::string after;
  do {
    const json page = Ask("participants list --limit 2" +
                          (after.empty() ? "" : " --after=" + after));
    EXPECT_LE(page["participants"].size(), 2u);
    for (const auto& row : page["participants"]) {
      EXPECT_TRUE(seen.insert(row["id"].get<std::string>()).second);
    }
    after = page["next"].get<std::string>();
  } while (!after.empty());
  EXPECT_EQ(seen, (std::set<std::string>{seller->id, buyer->id, mallory->id}));
  for (const std::string& secret : {buyer->customer.iban, buyer->customer.enrolment_code}) {
    EXPECT_EQ(Run("participants show -- " + buyer->id).out.find(secret), std::string::npos);
  }
}

TEST_F(Paygatectl, HoldsReleasesAndRevokes) {
  const auto sold = mallory->Sell("Silver", "5.00");
  EXPECT_EQ(Ask("hold --note 'case 17' -- " + mallory->id)["status"], "held");
  EXPECT_EQ(Ask("participants show -- " + mallory->id)["note"], "case 17");
  const Said held = mallory->SendMailbox(0, 0);
  EXPECT_EQ(held.code, "account-refused");
  EXPECT_FALSE(held.is_signed);
  EXPECT_EQ(buyer->Pay(sold).code, "account-refused");
  EXPECT_EQ(Ask("release -- " + mallory->id)["status"], "good");
  EXPECT_EQ(mallory->SendMailbox(0, 0).status, 200);
  EXPECT_EQ(buyer->Pay(sold).status, 201);

  const json revoked = Ask("revoke --reason keyCompromise -- " + mallory->id);
  EXPECT_EQ(revoked["pairs"][0]["reason"], "keyCompromise");
  EXPECT_EQ(mallory->SendMailbox(0, 0).code, "certificate-revoked");
  const std::string log = gateway.Log();
  for (const char* command : {"participants.hold", "participants.release", "participants.revoke"}) {
    EXPECT_NE(log.find(std::string("command=") + command), log.npos) << command;
  }
  EXPECT_TRUE(PaymentWorks());
}

TEST_F(Paygatectl, SaysByItsExitCodeWhatHappened) {
  EXPECT_EQ(Run("").code, 2);
  EXPECT_EQ(Run("participants show -- nobody").code, 1);
  EXPECT_EQ(Run("revoke -- " + mallory->id).code, 2);
  EXPECT_EQ(Run("revoke --reason boredom -- " + mallory->id).code, 2);
  EXPECT_EQ(Run("participants list --limit 100000").code, 2);
  EXPECT_EQ(mallory->SendMailbox(0, 0).status, 200) << "nothing was done";
  EXPECT_EQ(Run("--socket /nonexistent/control.sock status").code, 3);
  gateway.Stop();
  EXPECT_EQ(Run("status").code, 3);
}

TEST_F(Paygatectl, IsForRootAndTheEnginesUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const std::string way = gateway.directory() + "/..";
  ASSERT_EQ(std::system(("chmod 711 " + way + " " + gateway.directory() + " " +
                         gateway.directory() + "/run && chmod 666 " + gateway.directory() +
                         "/run/control.sock").c_str()), 0);
  const Ran ran = Run("--socket " + gateway.directory() + "/run/control.sock status",
                      "setpriv --reuid 65534 --regid 65534 --clear-groups");
  EXPECT_EQ(ran.code, 4) << ran.out;
  EXPECT_NE(gateway.Log().find("control.peer_refused"), std::string::npos);
}

}  // namespace
}  // namespace paygate::integration
