// The program itself, as people and scripts run it, against the fake gateway over HTTP.

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"
#include "tests/participant/http_server.h"
#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using Ran = doubles::ShellRan;

class WalletProgram : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/paygate-wallet-test-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    dir_ = path;
    ASSERT_TRUE(base::WriteNewFile(dir_ + "/root.pem", gateway.root_pem()));
    ASSERT_TRUE(base::WriteNewFile(dir_ + "/pass", "correct horse\n"));
    ASSERT_TRUE(base::WriteNewFile(dir_ + "/code", "CODE-0123456789abcdef\n"));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  Ran Run(const std::string& who, const std::string& arguments) {
    return doubles::Shell(doubles::Program("paygate-wallet") + " --dir " + dir_ + "/" + who +
                          " --passphrase-file " + dir_ + "/pass " + arguments + " </dev/null");
  }
  Ran Register(const std::string& who, const char* iban) {
    return Run(who, "--plain-http --gateway " + server.url() + " --root " + dir_ +
                        "/root.pem register --code-file " + dir_ + "/code --iban " + iban);
  }

  base::SystemClock clock;
  doubles::FakeGateway gateway{clock};
  HttpServer server{gateway, "", ""};
  std::string dir_;
};

TEST_F(WalletProgram, SellsShowsPaysAndRemembers) {
  for (const auto& [who, iban] : {std::pair{"seller", kSellerIban}, {"buyer", kBuyerIban}}) {
    const Ran ran = Register(who, iban);
    ASSERT_EQ(ran.code, 0) << ran.out;
  }
  const std::string csblk = dir_ + "/bicycle.csblk";
  Ran ran = Run("seller", "sell 'Blue bicycle' 120.00 GBP --out " + csblk);
  ASSERT_EQ(ran.code, 0) << ran.out;
  ran = Run("buyer", "show " + csblk);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("Blue bicycle"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("120.00 GBP"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(kSellerIban), std::string::npos) << ran.out;
  ran = Run("buyer", "pay --yes --json " + csblk);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find(R"("status":"completed")"), std::string::npos) << ran.out;
  EXPECT_EQ(Run("buyer", "pay --yes " + csblk).code, 1);
  ran = Run("seller", "inbox --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find(R"("kind":"confirmation")"), std::string::npos) << ran.out;
  ran = Run("buyer", "receipts");
  EXPECT_NE(ran.out.find("COMPLETED"), std::string::npos) << ran.out;
  EXPECT_EQ(gateway.payments_made(), 1);
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir_ + "/buyer")) {
    const auto open = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
    EXPECT_EQ(file.status().permissions() & open, std::filesystem::perms::none) << file.path();
  }
}

TEST_F(WalletProgram, PromisesClaimsAndAnswersInWords) {
  ASSERT_EQ(Register("seller", kSellerIban).code, 0);
  ASSERT_EQ(Register("buyer", kBuyerIban).code, 0);
  const std::string csblk = dir_ + "/bicycle.csblk";
  Ran ran = Run("seller", "sell Bicycle 120.00 GBP --undertaking 'At your door' --out " + csblk);
  ASSERT_EQ(ran.code, 0) << ran.out;
  ran = Run("buyer", "show " + csblk);
  EXPECT_NE(ran.out.find("At your door"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Claims      from"), std::string::npos) << ran.out;
  const std::string paid = Run("buyer", "pay --yes --json " + csblk).out;
  const size_t at = paid.find(R"("payment_id":")");
  ASSERT_NE(at, paid.npos) << paid;
  const std::string payment_id = paid.substr(at + 14, 43);
  ran = Run("buyer", "claim -- " + payment_id + " \"$(printf 'Nothing\\nhas come.')\"");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("Your claim, FILED"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Nothing\n              has come."), std::string::npos) << ran.out;
  ran = Run("seller", "inbox");
  EXPECT_EQ(ran.code, 0) << ran.out;
  const size_t claim = ran.out.find("Claim       ");
  ASSERT_NE(claim, ran.out.npos) << ran.out;
  ran = Run("seller", "answer --json -- " + ran.out.substr(claim + 12, 43) + " 'Signed for'");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find(R"("kind":"claim-answer")"), std::string::npos) << ran.out;
  EXPECT_EQ(Run("seller", "answer nonsense 'Signed for'").code, 5);
  EXPECT_EQ(Run("buyer", "claim -- " + payment_id + " ''").code, 2);
  ran = Run("seller", "receipts");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("Your answer to a claim, TAKEN"), std::string::npos) << ran.out;
}

TEST_F(WalletProgram, RenewsAndRevokes) {
  ASSERT_EQ(Register("seller", kSellerIban).code, 0);
  Ran ran = Run("seller", "renew --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find(R"("status":"renewed")"), std::string::npos) << ran.out;
  EXPECT_EQ(Run("seller", "sell 'Blue bicycle' 120.00 GBP").code, 0);
  EXPECT_EQ(Run("seller", "revoke --reason keyCompromise").code, 2) << "no terminal, no --yes";
  EXPECT_EQ(Run("seller", "revoke --yes --reason boredom").code, 2);
  EXPECT_EQ(gateway.revocations_seen(), 0u);
  ran = Run("seller", "revoke --yes --reason keyCompromise --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find(R"("status":"revoked")"), std::string::npos) << ran.out;
  EXPECT_EQ(Run("seller", "sell 'Blue bicycle' 120.00 GBP").code, 6);
  EXPECT_EQ(Run("seller", "renew").code, 6);
}

TEST_F(WalletProgram, SaysByItsExitCodeWhatHappened) {
  EXPECT_EQ(Run("buyer", "").code, 2);
  EXPECT_EQ(Run("buyer", "receipts").code, 6);  // never registered
  ASSERT_EQ(Register("buyer", kBuyerIban).code, 0);
  EXPECT_EQ(Register("buyer", kBuyerIban).code, 6);
  EXPECT_EQ(Run("buyer", "sell x 1.5 GBP").code, 2);
  EXPECT_EQ(Run("buyer", "pay --yes 'a.b.c~d~'").code, 5);
  EXPECT_EQ(Run("buyer", "resume").code, 0);
  ASSERT_TRUE(base::WriteNewFile(dir_ + "/wrong", "wrong horse\n"));
  EXPECT_EQ(Run("buyer", "--passphrase-file " + dir_ + "/wrong resume").code, 2);  // said twice
}

}  // namespace
}  // namespace paygate::participant
