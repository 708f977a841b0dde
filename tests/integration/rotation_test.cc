// Rotation without a stop: new keys are taken up by SIGHUP while payments run.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "protocol/jws.h"
#include "tests/integration/raw_participant.h"
#include "tests/integration/rotation.h"

namespace paygate::integration {
namespace {

using protocol::PaymentResult;
using testing::HasSubstr;

// A buyer and a seller who trade until told to stop; nothing is tried twice.
class Traders {
 public:
  Traders(const ScratchGateway& gateway, const Customer& sells, const Customer& buys)
      : seller_(gateway, sells), buyer_(gateway, buys) {
    seller_.Register();
    buyer_.Register();
  }
  void Start() {
    thread_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) Trade();
    });
  }
  void Stop() {
    thread_.request_stop();
    thread_.join();
  }
  RawParticipant& seller() { return seller_; }
  RawParticipant& buyer() { return buyer_; }
  int completed() const { return completed_; }
  const std::string& failure() const { return failure_; }

 private:
  void Trade() try {
    const Said said = buyer_.Pay(seller_.Sell("An apple", "0.01"));
    if (said.status == 201 && buyer_.ReceiptIn(said).result == PaymentResult::kCompleted) {
      ++completed_;
    } else {
      failure_ += std::to_string(said.status) + " " + said.code + "; ";
    }
  } catch (const std::exception& e) {
    failure_ += std::string(e.what()) + "; ";
  }

  RawParticipant seller_, buyer_;
  std::atomic<int> completed_ = 0;
  std::string failure_;  // of the thread
  std::jthread thread_;
};

struct Rotating : testing::Test {
  Rotating() : customers(gateway.Customers()), rotation(gateway) {}

  protocol::GatewayPayload Document(RawParticipant& who) {
    const auto answer = Must(who.transport->Get("/v1/gateway"));
    const auto jws = Must(
        protocol::ParseJws(answer.body, protocol::kTypGateway, protocol::KeyName::kX5c));
    return Must(protocol::GatewayPayload::Parse(jws.payload));
  }
  void TakeUpSignatureAndEncryption() {
    rotation.MakeSignature("gateway-signature-2", "gateway-signature-2.pem");
    rotation.MakeEncryption("gateway-encryption-2", "gateway-encryption-2.pem");
    rotation.Configure("certificates", "gateway_signature",
                       rotation.Files({"gateway-signature-2.pem", "gateway-signature.pem"}));
    rotation.Configure("certificates", "gateway_encryption",
                       rotation.Files({"gateway-encryption-2.pem", "gateway-encryption.pem"}));
    rotation.Configure("token", "signature_key", "[\"gateway-signature-2\"]");
    rotation.Configure("token", "encryption_key",
                       "[\"gateway-encryption-2\", \"gateway-encryption\"]");
  }
  void TakeUpIssuingCa() {
    rotation.MakeIssuingCa("issuing-ca-2", "issuing-ca-2.pem");
    rotation.Configure("certificates", "issuing_ca",
                       rotation.Files({"issuing-ca-2.pem", "issuing-ca.pem"}));
    rotation.Configure("token", "issuing_ca_key", "[\"issuing-ca-2\", \"issuing-ca\"]");
  }

  ScratchGateway gateway;
  std::vector<Customer> customers;
  Rotation rotation;
};

TEST_F(Rotating, SignatureEncryptionAndIssuingKeysUnderLoadFailsNoPayment) {
  std::vector<std::unique_ptr<Traders>> traders;
  for (size_t i = 0; i + 1 < 8; i += 2) {
    traders.push_back(std::make_unique<Traders>(gateway, customers[i], customers[i + 1]));
  }
  RawParticipant& buyer = traders[0]->buyer();
  const auto former = *buyer.gateway_signature;
  const auto sold_before = traders[0]->seller().Sell("A lamp", "15.00");
  for (auto& each : traders) each->Start();
  const auto all_go_on = [&] {  // each completes more payments under whatever keys are in force now
    std::vector<int> before;
    for (auto& each : traders) before.push_back(each->completed());
    return Eventually([&] {
      for (size_t i = 0; i < traders.size(); ++i) {
        if (traders[i]->completed() < before[i] + 3) return false;
      }
      return true;
    });
  };
  EXPECT_TRUE(all_go_on());

  TakeUpSignatureAndEncryption();
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  EXPECT_TRUE(all_go_on());
  TakeUpIssuingCa();
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  EXPECT_TRUE(all_go_on());

  for (auto& each : traders) each->Stop();
  for (auto& each : traders) EXPECT_EQ(each->failure(), "");

  // A sale from before the rotation is paid after it; the receipt is by the new key.
  const Said paid = buyer.Pay(sold_before);
  ASSERT_EQ(paid.status, 201) << paid.code;
  EXPECT_EQ(buyer.ReceiptIn(paid).result, PaymentResult::kCompleted);
  EXPECT_NE(buyer.gateway_signature->fingerprint(), former.fingerprint());
  EXPECT_EQ(buyer.LookUp(former.fingerprint()).der(), former.der());

  const auto document = Document(buyer);
  ASSERT_EQ(document.signature.size(), 2u);
  ASSERT_EQ(document.encryption.size(), 2u);
  EXPECT_EQ(document.signature[1][0], former.der());
  EXPECT_EQ(document.encryption[1][0], buyer.gateway_encryption->der());

  // A newcomer is certified by the new issuing CA and trades with those of the former one.
  RawParticipant newcomer(gateway, customers[8]);
  newcomer.Register();
  EXPECT_EQ(newcomer.Pay(traders[1]->seller().Sell("A pear", "0.50")).status, 201);
  EXPECT_TRUE(gateway.LedgerIsRight());
}

TEST_F(Rotating, AFormerEncryptionKeyThatIsTakenOutOfUseOpensNothingMore) {
  Traders traders(gateway, customers[0], customers[1]);
  TakeUpSignatureAndEncryption();
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  RawParticipant follows(gateway, customers[2]);
  follows.Register();
  rotation.Configure("certificates", "gateway_encryption",
                     rotation.Files({"gateway-encryption-2.pem"}));
  rotation.Configure("token", "encryption_key", "\"gateway-encryption-2\"");
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();

  EXPECT_EQ(traders.seller().SendMailbox(0, 0).code, "decryption-failed");
  EXPECT_EQ(follows.SendMailbox(0, 0).status, 200);
}

TEST_F(Rotating, ABadConfigurationIsRefusedWithASentenceAndNothingChanges) {
  Traders traders(gateway, customers[0], customers[1]);
  const std::string good = rotation.ReadConfiguration();
  const auto before = Document(traders.buyer());
  const auto refused = [&](const std::string& sentence) {
    EXPECT_FALSE(gateway.Reload()) << sentence;
    EXPECT_THAT(gateway.Log(), HasSubstr(sentence));
    const auto after = Document(traders.buyer());
    EXPECT_EQ(after.signature, before.signature);
    EXPECT_EQ(after.encryption, before.encryption);
    EXPECT_EQ(traders.buyer().Pay(traders.seller().Sell("A plum", "0.10")).status, 201);
    rotation.WriteConfiguration(good);
  };

  rotation.Configure("token", "signature_key", "\"not-there\"");
  refused("the keys named in [token] cannot be used");
  rotation.Configure("certificates", "gateway_signature",
                     rotation.Files({"gateway-encryption.pem"}));
  refused("extendedKeyUsage is not the one role expected here");
  rotation.MakeSignature("gateway-signature-2", "gateway-signature-2.pem");
  rotation.Configure("token", "signature_key", "[\"gateway-signature-2\"]");
  refused("certifies another key than the token's 'gateway-signature-2'");
  rotation.Configure("engine", "workers", "3");
  refused("something else in the file was changed too");
  rotation.Configure("engine", "wrokers", "3");
  refused("engine.wrokers: is no key of this program");
  EXPECT_TRUE(gateway.Reload()) << "the good one again";
}

TEST(RotatingWithOneTokenProcess, HoldsPaymentsUpForAMomentAndFailsNone) {
  // However long this machine takes to start a token process.
  ScratchGateway gateway({.token = {"processes = 1", "operation_deadline_ms = 30000"}});
  const auto customers = gateway.Customers();
  Traders traders(gateway, customers[0], customers[1]);
  Rotation rotation(gateway);
  rotation.MakeSignature("gateway-signature-2", "gateway-signature-2.pem");
  rotation.Configure("certificates", "gateway_signature",
                     rotation.Files({"gateway-signature-2.pem", "gateway-signature.pem"}));
  rotation.Configure("token", "signature_key",
                     "[\"gateway-signature-2\", \"gateway-signature\"]");
  traders.Start();
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  const int then = traders.completed();
  EXPECT_TRUE(Eventually([&] { return traders.completed() > then + 2; }));
  traders.Stop();
  EXPECT_EQ(traders.failure(), "");
}

}  // namespace
}  // namespace paygate::integration
