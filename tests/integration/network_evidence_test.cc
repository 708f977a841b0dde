// Evidence of a payment on the financial network: the bank's signed answer is in it, and who has
// the bank's public key sees what the bank said.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <fstream>

#include "base/file.h"
#include "tests/banksim/scratch_network.h"
#include "tests/doubles/places.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using banksim::testing::kBuyerBank;
using banksim::testing::kSellerBank;
using banksim::testing::ScratchNetwork;
using protocol::PaymentResult;
using testing::HasSubstr;

ScratchGateway::Options On(const ScratchNetwork& network) {
  return {.prepare = [&network](const std::string& directory) {
    std::ofstream(directory + "/adapter.toml") << network.AdapterConfig();
    std::string config = Must(base::ReadFile(directory + "/gateway.toml"));
    const size_t from = config.find("[bank]"), to = config.find("[programs]");
    config.replace(from, to - from,
                   "[bank]\nname = \"iso20022\"\nplugin = \"" +
                       doubles::Library("libpaygate_bank_iso20022.so") + "\"\nconfig = \"" +
                       directory + "/adapter.toml\"\n\n");
    Must(base::ReplaceFile(directory + "/gateway.toml", config));
  }};
}

struct NetworkEvidence : testing::Test {
  struct Ran {
    int code = -1;
    std::string out;
  };
  static Ran Shell(const std::string& command) {
    Ran ran;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    char buffer[4096];
    while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) ran.out.append(buffer, n);
    const int status = pclose(pipe);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }
  NetworkEvidence() : gateway(On(network)) {
    for (auto [who, bank] : {std::pair{&seller, kSellerBank}, {&buyer, kBuyerBank}}) {
      const std::string iban = network.Ibans(bank)[0];
      *who = std::make_unique<RawParticipant>(
          gateway, Customer{.name = "A customer",
                            .iban = iban,
                            .currency = "GBP",
                            .enrolment_code = network.CodeOf(iban),
                            .balance = 100'000});
      (*who)->Register();
    }
    Must(base::WriteNewFile(gateway.directory() + "/root.pem", gateway.RootPem()));
  }
  Ran Verify(const std::string& payment_id, const std::string& bank) const {
    const std::string file = gateway.directory() + "/" + payment_id + ".json";
    const Ran made =
        Shell(doubles::Program("paygatectl") + " --config " + gateway.directory() +
              "/gateway.toml evidence --force --out " + file + " -- " + payment_id);
    EXPECT_EQ(made.code, 0) << made.out;
    return Shell(doubles::Program("paygate-audit") + " verify-evidence " + file + " --root " +
                 gateway.directory() + "/root.pem" +
                 (bank.empty() ? "" : " --bank-signer " + network.directory() + "/" + bank +
                                          "-signing.pem"));
  }

  ScratchNetwork network;
  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
};

TEST_F(NetworkEvidence, HasTheAnswerOfTheBuyersBankSigned) {
  const auto paid = buyer->ReceiptIn(buyer->Pay(seller->Sell("a book", "5.00")));
  ASSERT_EQ(paid.result, PaymentResult::kCompleted);
  ASSERT_EQ(seller->Refund(paid.payment_id, "1.00").status, 201);
  Ran ran = Verify(paid.payment_id, "");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("not checked: the bank's signature on its answer"));
  ran = Verify(paid.payment_id, kBuyerBank);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the payment "));
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the refund "));
  ran = Verify(paid.payment_id, kSellerBank);
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("the signature is not by this key"));
}

TEST_F(NetworkEvidence, OfARejectedPaymentHasTheBanksNoSigned) {
  network.AddRule(R"({"times":1,"fault":"reject","reason":"AC06"})");
  const auto failed = buyer->ReceiptIn(buyer->Pay(seller->Sell("a book", "5.00")));
  ASSERT_EQ(failed.result, PaymentResult::kFailed);
  const Ran ran = Verify(failed.payment_id, kBuyerBank);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("good: the bank signed its answer to the payment "));
  EXPECT_THAT(ran.out, HasSubstr("reason AC06: no money moved"));
}

}  // namespace
}  // namespace paygate::integration
