// Batch signatures in the engine: who gets them, and who does not.
#include "participant/client.h"
#include "protocol/batch_signature.h"
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

using protocol::JwsForms;

struct BatchTest : EngineTest {
  BatchTest() {
    config.engine.batch_signatures = true;
    RestartEngine();
  }
  Said Answered(const std::function<Said()>& request) {
    Said said;
    std::thread thread([&] { said = request(); });
    EXPECT_TRUE(Eventually([&] { return bank.Answer(Outcome::kCompleted); }));
    thread.join();
    return said;
  }
  // A completed payment; its payment_id.
  std::string Paid() {
    const auto csblk = seller->Sell("A thing", "5.00");
    const Said said = Answered([&] { return buyer->Pay(csblk); });
    EXPECT_EQ(said.status, 201) << said.code;
    return buyer->ReceiptIn(said).payment_id;
  }
  static bool InBatch(const std::string& compact, std::string_view typ) {
    return Must(protocol::ParseJws(compact, typ, protocol::KeyName::kX5t,
                                   JwsForms::kSingleOrBatch))
        .in_batch;
  }
  bool ReceiptInBatch(const std::string& payment_id) {
    return InBatch(Stored(payment_id)->results.receipt, protocol::kTypReceipt);
  }
  bool ConfirmationInBatch(const std::string& payment_id) {
    return InBatch(Stored(payment_id)->results.confirmation, protocol::kTypPaymentConfirmation);
  }
  std::string Document() {
    EngineTransport transport(*engine);
    return Must(protocol::ParseJws(Must(transport.Get("/v1/gateway")).body, protocol::kTypGateway,
                                   protocol::KeyName::kX5c))
        .payload;
  }
};

TEST_F(BatchTest, BothResultsOfAPaymentShareOneSignatureIfBothSidesAsk) {
  seller->forms = buyer->forms = JwsForms::kSingleOrBatch;
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const int before = signatures;
  const Said said = Answered([&] {
    return buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  });
  EXPECT_EQ(signatures - before, 1);
  const auto receipt = buyer->ReceiptIn(said);
  EXPECT_EQ(receipt.result, PaymentResult::kCompleted);
  EXPECT_TRUE(ReceiptInBatch(receipt.payment_id));
  EXPECT_TRUE(ConfirmationInBatch(receipt.payment_id));
  const auto told = seller->Mailbox();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(Must(protocol::PaymentResultPayload::Parse(
                     seller->Verified(told[0].jws, protocol::kTypPaymentConfirmation)))
                .payment_id,
            receipt.payment_id);
}

TEST_F(BatchTest, WhoDoesNotAskGetsASignatureOfItsOwnWhateverTheOtherTakes) {
  seller->forms = JwsForms::kSingleOrBatch;
  const std::string first = Paid();
  EXPECT_FALSE(ReceiptInBatch(first));
  EXPECT_FALSE(ConfirmationInBatch(first)) << "one message alone is no batch";
  seller->forms = JwsForms::kSingle;
  buyer->forms = JwsForms::kSingleOrBatch;
  EXPECT_FALSE(ConfirmationInBatch(Paid())) << "the seller's last request did not ask";
}

TEST_F(BatchTest, AMailboxRequestSaysWhatItsReaderTakes) {
  buyer->forms = JwsForms::kSingleOrBatch;
  const auto csblk = seller->Sell("A thing", "5.00");
  seller->forms = JwsForms::kSingleOrBatch;
  EXPECT_TRUE(seller->Mailbox().empty());
  const Said said = Answered([&] { return buyer->Pay(csblk); });
  EXPECT_TRUE(ConfirmationInBatch(buyer->ReceiptIn(said).payment_id));
}

TEST_F(BatchTest, ACsblkIsAlwaysSignedAlone) {
  seller->forms = JwsForms::kSingleOrBatch;
  const auto csblk = seller->Sell("A thing", "5.00");
  EXPECT_TRUE(protocol::ParseJws(csblk.jws, protocol::kTypCsblk, protocol::KeyName::kX5t));
}

TEST_F(BatchTest, AfterARestartResultsAreSignedForEveryReader) {
  seller->forms = buyer->forms = JwsForms::kSingleOrBatch;
  const auto pending = PendingPayment();
  RestartEngine();
  NextCall();
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  EXPECT_FALSE(ReceiptInBatch(pending.payment_id));
  EXPECT_FALSE(ConfirmationInBatch(pending.payment_id));
  EXPECT_EQ(buyer->Mailbox().size(), 1u);
  EXPECT_EQ(seller->Mailbox().size(), 1u);
}

TEST_F(BatchTest, ARefundsResultsMayBeABatchToo) {
  seller->forms = buyer->forms = JwsForms::kSingleOrBatch;
  const std::string paid = Paid();
  const Said said = Answered([&] { return seller->Refund(paid, "2.00"); });
  ASSERT_EQ(said.status, 201) << said.code;
  const auto receipt = seller->RefundReceiptIn(said);
  EXPECT_TRUE(InBatch(Stored(receipt.refund_id)->results.receipt, protocol::kTypRefundReceipt));
  EXPECT_EQ(buyer->Mailbox().back().member, "refund_confirmation");
}

TEST_F(BatchTest, AreOfferedInTheGatewaysDocumentAndOffByDefault) {
  EXPECT_TRUE(Must(protocol::GatewayPayload::Parse(Document())).batch_signatures);
  config.engine.batch_signatures = Config().engine.batch_signatures;
  RestartEngine();
  EXPECT_FALSE(Must(protocol::GatewayPayload::Parse(Document())).batch_signatures);
  EXPECT_EQ(Document().find("signature_forms"), std::string::npos);
  // Asking is no error then; it is without effect.
  seller->forms = buyer->forms = JwsForms::kSingleOrBatch;
  const std::string paid = Paid();
  EXPECT_FALSE(ReceiptInBatch(paid));
  EXPECT_FALSE(ConfirmationInBatch(paid));
}

// The participant's library, on a directory of its own.
struct Person {
  Person(EngineTest& test, const std::string& name)
      : directory(test.directory + "/" + name), clock(test.clock), root_pem(test.root_pem),
        disk(Must(participant::OpenDisk(directory))), transport(*test.engine) {}
  void Open(bool batch_signatures) {
    client.reset();
    client = Must(participant::Client::Open(
        {*disk, transport, clock, root_pem},
        {.batch_signatures = batch_signatures, .wait = [](std::chrono::seconds) {}}));
    const auto passphrase = base::SecretBytes::CopyOf("a long passphrase");
    if (client->identity()) {
      Must(client->Unlock(passphrase));
    } else {
      Must(client->MakeKeys(passphrase));
    }
  }
  const std::string directory;
  const base::Clock& clock;
  const std::string root_pem;
  const std::unique_ptr<participant::Disk> disk;
  EngineTransport transport;
  std::unique_ptr<participant::Client> client;
};

TEST_F(BatchTest, AWalletThatAskedKeepsEvidenceThatVerifiesOfflineEverAfter) {
  Person shop(*this, "shop"), payer(*this, "payer");
  for (auto& [person, iban] : {std::pair(&shop, "GB29NWBK60161331926819"),
                               std::pair(&payer, "GB82WEST12345698765432")}) {
    person->Open(true);
    ASSERT_TRUE(Must(person->client->Register(iban, "0123456789abcdef")).value);
  }
  const auto sale = Must(shop.client->Sell("A thing", Must(base::Money::Parse("5.00", "GBP")), ""));
  std::optional<participant::PaymentRecord> receipt;
  std::thread thread([&] {
    receipt = Must(payer.client->Pay(Must(payer.client->Inspect(sale.value->csblk)))).value;
  });
  ASSERT_TRUE(Eventually([&] { return bank.Answer(Outcome::kCompleted); }));
  thread.join();
  ASSERT_TRUE(receipt);
  EXPECT_TRUE(ReceiptInBatch(receipt->payload.payment_id));
  const auto told = Must(shop.client->Inbox(std::chrono::seconds(0)));
  ASSERT_EQ(told.size(), 1u);
  ASSERT_TRUE(told[0].payment) << told[0].set_aside;
  // No longer asking; and the gateway is gone.
  for (Person* person : {&shop, &payer}) {
    person->Open(false);
    const auto held = Must(person->client->Receipts());
    ASSERT_EQ(held.size(), 1u);
    EXPECT_TRUE(held[0]) << held[0].error().ToString();
  }
  // A directory that never asked takes none of it, whatever is put into it.
  Person stranger(*this, "stranger");
  std::filesystem::copy(payer.directory, stranger.directory,
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(stranger.directory + "/batch-signatures.json");
  stranger.Open(false);
  const auto refused = Must(stranger.client->Receipts());
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_FALSE(refused[0]);
}

}  // namespace
}  // namespace paygate::gateway::engine
