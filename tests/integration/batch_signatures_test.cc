// Batch signatures through the real processes, with a token that takes 5 ms for each operation and
// has one session (docs/protocol/batch-signatures.md).
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "protocol/jws.h"
#include "tests/doubles/fault_script.h"
#include "tests/integration/wallets.h"

namespace paygate::integration {
namespace {

using protocol::JwsForms;

constexpr size_t kPairs = 3;
constexpr int kPaymentsEach = 8;

ScratchGateway::Options SlowToken() {
  return {.engine = {"batch_signatures = true"}, .token = {"processes = 1", "sessions = 1"}};
}
// What scratch-gateway writes into the configuration as the module.
struct FaultyModuleInUse {
  FaultyModuleInUse() { setenv("PAYGATE_PKCS11_MODULE", doubles::FaultyModule().c_str(), 1); }
  ~FaultyModuleInUse() { unsetenv("PAYGATE_PKCS11_MODULE"); }
};

struct SlowTokenWallets : FaultyModuleInUse, Wallets {
  SlowTokenWallets() : Wallets(SlowToken()), faults(gateway.directory() + "/token/faults") {
    faults.Set("C_Sign,C_DeriveKey,C_Decrypt delay 5");
  }
  void TearDown() override {
    faults.Clear();
    Wallets::TearDown();
  }
  doubles::FaultScript faults;
};

bool InBatch(const std::string& compact, std::string_view typ) {
  return Must(protocol::ParseJws(compact, typ, protocol::KeyName::kX5t, JwsForms::kSingleOrBatch))
      .in_batch;
}

TEST_F(SlowTokenWallets, FewerSignaturesThanMessagesCarryEveryPaymentToItsEnd) {
  const auto customers = gateway.Customers();
  std::vector<std::unique_ptr<RawParticipant>> people;
  for (size_t i = 0; i < 2 * kPairs; ++i) {
    people.push_back(std::make_unique<RawParticipant>(gateway, customers[i]));
    people.back()->Register();
    people.back()->forms = JwsForms::kSingleOrBatch;
  }
  const int64_t money = gateway.TotalMoney();
  const uint64_t before = faults.Calls("C_Sign");
  std::atomic<int> completed = 0, in_batch = 0;
  std::vector<std::thread> pairs;
  for (size_t p = 0; p < kPairs; ++p) {
    pairs.emplace_back([&, p] {
      RawParticipant &seller = *people[2 * p], &buyer = *people[2 * p + 1];
      for (int i = 0; i < kPaymentsEach; ++i) {
        const Said said = buyer.Pay(seller.Sell("A thing", "1.00"));
        in_batch += InBatch(Must(protocol::ParseSingle(said.payload, "receipt")),
                            protocol::kTypReceipt);
        completed += buyer.ReceiptIn(said).result == protocol::PaymentResult::kCompleted;
      }
    });
  }
  for (std::thread& pair : pairs) pair.join();
  constexpr int kPayments = kPairs * kPaymentsEach;
  EXPECT_EQ(completed, kPayments);
  EXPECT_EQ(in_batch, kPayments) << "receipt and confirmation at least share a signature";
  // Two challenges, a CSBLK, a receipt, a confirmation.
  EXPECT_LT(faults.Calls("C_Sign") - before, 5u * kPayments);
  for (size_t p = 0; p < kPairs; ++p) {
    const auto told = people[2 * p]->Mailbox();
    EXPECT_EQ(told.size(), static_cast<size_t>(kPaymentsEach));
    for (const auto& message : told) {
      EXPECT_TRUE(InBatch(message.jws, protocol::kTypPaymentConfirmation));
      EXPECT_NE(people[2 * p]->Verified(message.jws, protocol::kTypPaymentConfirmation), "");
    }
    EXPECT_EQ(gateway.BalanceOf(customers[2 * p].iban),
              customers[2 * p].balance + 100 * kPaymentsEach);
  }
  EXPECT_EQ(gateway.TotalMoney(), money);
}

TEST_F(SlowTokenWallets, AWalletThatAsksKeepsResultsThatVerifyWithoutAskingAgain) {
  Register("seller", 0);
  Register("buyer", 1);
  const std::string lamp = File("lamp");
  Ran ran = Run("seller", "--batch-signatures sell Lamp 15.00 GBP --out " + lamp);
  ASSERT_EQ(ran.code, 0) << ran.out;
  ran = Run("buyer", "--batch-signatures pay --yes " + lamp);
  ASSERT_EQ(ran.code, 0) << ran.out;
  ran = Run("seller", "inbox --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(ran["status"], "completed") << ran.out;
  for (const char* who : {"seller", "buyer"}) {
    ran = Run(who, "receipts");
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_TRUE(ran.Has("15.00 GBP")) << ran.out;
  }
  // The receipt that the buyer holds is one of a batch: its header names that form.
  int receipts = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(File("w-buyer") + "/receipts")) {
    auto kept = Must(protocol::JsonObject::Parse(Must(base::ReadFile(file.path()))));
    EXPECT_TRUE(InBatch(kept.TakeString("result"), protocol::kTypReceipt));
    ++receipts;
  }
  EXPECT_EQ(receipts, 1);
  // Where nobody ever asked nothing is taken: the mark is what tells.
  std::filesystem::remove(File("w-buyer") + "/batch-signatures.json");
  EXPECT_EQ(Run("buyer", "receipts").code, 5);
}

}  // namespace
}  // namespace paygate::integration
