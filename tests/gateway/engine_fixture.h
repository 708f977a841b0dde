// The engine in one process, with a real store, software keys, a bank that does what the test says
// and a clock that the test turns.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>

#include "gateway/engine/engine.h"
#include "protocol/software_key.h"
#include "storage/rocksdb/rocks_store.h"
#include "tests/doubles/scripted_bank.h"
#include "tests/integration/raw_participant.h"

namespace paygate::gateway::engine {

using bank::Outcome;
using bank::ScriptedBank;
using integration::Eventually;
using integration::Must;
using integration::RawParticipant;
using integration::Said;
using protocol::Certificate;
using protocol::PaymentResult;
using protocol::Role;
using protocol::SoftwareKey;

// A signer whose token can be taken away, and which counts what it signs. What happens while it
// signs is the test's to say.
class LeavingSigner final : public hsm::Signer {
 public:
  LeavingSigner(std::unique_ptr<hsm::Signer> signer, const std::atomic<bool>& away,
                std::atomic<int>& signatures, const std::function<void()>& meanwhile)
      : signer_(std::move(signer)),
        away_(away),
        signatures_(signatures),
        meanwhile_(meanwhile) {}
  hsm::SignatureAlgorithm algorithm() const override { return signer_->algorithm(); }
  base::Result<std::string> Sign(hsm::Statement statement) override {
    if (away_) return base::Fail(base::ErrorCode::kTokenUnavailable, "the token is away");
    ++signatures_;
    if (meanwhile_) meanwhile_();
    return signer_->Sign(statement);
  }

 private:
  const std::unique_ptr<hsm::Signer> signer_;
  const std::atomic<bool>& away_;
  std::atomic<int>& signatures_;
  const std::function<void()>& meanwhile_;
};

class EngineTransport final : public participant::Transport {
 public:
  explicit EngineTransport(Engine& engine) : engine_(engine) {}
  base::Result<participant::HttpAnswer> Post(const std::string& path,
                                             const std::string& body) override {
    return Send({.method = Method::kPost, .path = path, .content_type = "application/jose",
                 .source = "127.0.0.1", .body = body});
  }
  base::Result<participant::HttpAnswer> Get(const std::string& path) override {
    return Send({.method = Method::kGet, .path = path, .source = "127.0.0.1"});
  }

 private:
  base::Result<participant::HttpAnswer> Send(Request request) {
    std::mutex mutex;
    std::condition_variable there;
    std::optional<Response> response;
    engine_.Handle(std::move(request), Reply(1, [&](Response answer) {
                     std::lock_guard lock(mutex);
                     response = std::move(answer);
                     there.notify_one();
                   }));
    std::unique_lock lock(mutex);
    there.wait(lock, [&] { return response.has_value(); });
    return participant::HttpAnswer{.status = static_cast<int>(response->status),
                                   .content_type = response->content_type,
                                   .body = response->body,
                                   .retry_after_s = static_cast<int>(response->retry_after_s)};
  }
  Engine& engine_;
};

struct EngineTest : testing::Test {
  EngineTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "engine-XXXXXX").string();
    directory = mkdtemp(pattern.data());
    config.gateway_id = protocol::NewNonce();
    config.engine.workers = 4;
    config.engine.payment_wait_s = std::chrono::seconds(1);
    MakeKeys();
    StartEngine();
    seller = Participant("GB33BUKB20201555555555");
    buyer = Participant("GB94BARC10201530093459");
  }
  ~EngineTest() override {
    StopEngine();
    std::filesystem::remove_all(directory);
  }

  Certificate Certify(Role role, const std::string& cn, const SoftwareKey& key,
                      const Certificate* issuer, hsm::Signer& signer) {
    return Must(BuildCertificate({.role = role,
                                  .subject_cn = cn,
                                  .subject_key = key.public_key(),
                                  .not_before = clock.Now() - std::chrono::days(1),
                                  .not_after = clock.Now() + std::chrono::days(365)},
                                 issuer, signer));
  }

  void MakeKeys() {
    const auto make = [](hsm::KeyUsage usage) {
      return Must(SoftwareKey::Generate(hsm::KeyType::kP256, usage));
    };
    const auto root = make(hsm::KeyUsage::kSign), ca = make(hsm::KeyUsage::kSign),
               signature = make(hsm::KeyUsage::kSign), encryption = make(hsm::KeyUsage::kDecrypt),
               storage = make(hsm::KeyUsage::kDecrypt);
    const auto root_signer = Must(root.AsSigner()), ca_signer = Must(ca.AsSigner());
    const auto root_certificate = Certify(Role::kRoot, "Root", root, nullptr, *root_signer);
    const auto ca_certificate =
        Certify(Role::kIssuingCa, "Issuing CA", ca, &root_certificate, *root_signer);
    root_pem = root_certificate.ToPem();
    GatewayKeys made{
        .id = config.gateway_id,
        .checker =
            Must(protocol::CertificateChecker::Create(root_certificate, {ca_certificate})),
        .signature = {},
        .encryption = {},
        .issuing = {},
        .storage = Must(storage.AsDecrypter()),
        .storage_public_key = storage.public_key()};
    made.signature.push_back(
        {Certify(Role::kGatewaySignature, config.gateway_id, signature, &ca_certificate,
                 *ca_signer),
         ca_certificate,
         std::make_unique<LeavingSigner>(Must(signature.AsSigner()), token_away, signatures,
                                         while_signing)});
    made.encryption.push_back({Certify(Role::kGatewayEncryption, config.gateway_id, encryption,
                                       &ca_certificate, *ca_signer),
                               ca_certificate, Must(encryption.AsDecrypter())});
    made.issuing.push_back({ca_certificate, root_certificate,
                            std::make_unique<LeavingSigner>(Must(ca.AsSigner()), token_away,
                                                            issued, while_signing)});
    keys = std::make_shared<const GatewayKeys>(std::move(made));
    in_force = std::make_unique<KeysInForce>(keys);
  }

  void StartEngine() {
    store = Must(storage::rocksdb::OpenRocksStore(directory + "/store"));
    storage_keys = Must(StorageKeys::Open(directory + "/storage-keys", clock,
                                          keys->storage_public_key, *keys->storage));
    engine = std::make_unique<Engine>(config, clock, *in_force, *storage_keys, *store, bank);
    engine->Recover();
  }
  void StopEngine() {
    engine.reset();
    storage_keys.reset();
    store.reset();
  }
  // As after a crash: what the bank was asked is not answered any more.
  void RestartEngine() {
    bank.Forget();
    StopEngine();
    StartEngine();
    for (auto* each : {seller.get(), buyer.get()}) {
      each->transport = std::make_unique<EngineTransport>(*engine);
    }
  }

  std::unique_ptr<RawParticipant> Participant(const std::string& iban) {
    auto made = std::make_unique<RawParticipant>(
        std::make_unique<EngineTransport>(*engine), root_pem,
        integration::Customer{.name = "X", .iban = iban, .currency = "GBP",
                              .enrolment_code = "0123456789abcdef"});
    made->Register();
    return made;
  }

  // Message 3, sent; it parks, and the clock is turned until the engine says `pending`.
  protocol::PaymentResultPayload PendingPayment() {
    const Said said = Turning([&] { return buyer->Pay(seller->Sell("A thing", "5.00")); });
    EXPECT_EQ(said.status, 202) << said.code;
    return buyer->ReceiptIn(said);
  }
  // Runs a request that waits for the engine's clock.
  Said Turning(const std::function<Said()>& request) {
    std::atomic<bool> done = false;
    Said said;
    std::thread thread([&] {
      said = request();
      done = true;
    });
    EXPECT_TRUE(Eventually([&] {
      // As soon as the bank has been asked, time passes.
      if (bank.waiting() > 0 && !done) {
        clock.Advance(std::chrono::seconds(1));
        engine->Tick();
      }
      return done.load();
    }));
    thread.join();
    return said;
  }
  // A request that asks the bank, which answers at once.
  Said Answered(const std::function<Said()>& request, Outcome outcome, std::string reason = {}) {
    Said said;
    std::thread thread([&] { said = request(); });
    EXPECT_TRUE(Eventually([&] { return bank.Answer(outcome, reason); }));
    thread.join();
    return said;
  }
  // Time passes until the bank is asked (again); whether to submit or for the status.
  std::pair<ScriptedBank::Call, std::string> NextCall() {
    const size_t before = bank.calls().size();
    EXPECT_TRUE(Eventually([&] {
      clock.Advance(std::chrono::seconds(1));
      engine->Tick();
      return bank.calls().size() > before;
    }));
    return bank.calls().back();
  }
  std::optional<storage::Payment> Stored(const std::string& payment_id) {
    return Must(store->payments().Find(payment_id));
  }
  bool Settles(const std::string& payment_id) {
    return Eventually([&] { return !Stored(payment_id)->results.receipt.empty(); });
  }
  bool Completed(const std::string& payment_id) {
    return Stored(payment_id)->settlement->outcome().completed;
  }

  std::string directory, root_pem;
  base::ManualClock clock{base::SystemClock().Now()};
  Config config;
  std::atomic<bool> token_away = false;
  std::atomic<int> signatures = 0;  // by the gateway's signature key
  std::atomic<int> issued = 0;      // by the issuing CA's
  std::function<void()> while_signing;  // set while nobody signs
  std::shared_ptr<const GatewayKeys> keys;
  std::unique_ptr<KeysInForce> in_force;
  ScriptedBank bank;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<StorageKeys> storage_keys;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<RawParticipant> seller, buyer;
};

}  // namespace paygate::gateway::engine
