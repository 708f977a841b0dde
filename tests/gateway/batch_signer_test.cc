#include "gateway/engine/batch_signer.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "protocol/messages.h"
#include "protocol/software_key.h"
#include "tests/integration/raw_participant.h"
#include "tests/protocol/test_pki.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using integration::Eventually;
using protocol::JwsForms;
using protocol::kTypReceipt;
using protocol::Role;
using protocol::UnsignedJws;

constexpr char kPayload[] = R"({"a":1})";
constexpr char kId[] = "AAECAwQFBgcICQoLDA0ODw";

// A token as slow as the test likes: each operation waits until it is let through.
class SlowSigner final : public hsm::Signer {
 public:
  explicit SlowSigner(const protocol::SoftwareKey& key) : signer_(key.AsSigner().value()) {}
  hsm::SignatureAlgorithm algorithm() const override { return signer_->algorithm(); }
  base::Result<std::string> Sign(hsm::Statement statement) override {
    ++asked;
    EXPECT_FALSE(busy.exchange(true)) << "two operations at once";
    let_through.acquire();
    busy = false;
    if (away.exchange(false)) return base::Fail(ErrorCode::kTokenUnavailable, "away");
    return signer_->Sign(statement);
  }
  std::counting_semaphore<> let_through{0};
  std::atomic<int> asked = 0;
  std::atomic<bool> away = false, busy = false;

 private:
  const std::unique_ptr<hsm::Signer> signer_;
};

struct BatchSignerTest : testing::Test {
  BatchSignerTest() : in_force(MakeKeys()), batches(in_force) {}
  ~BatchSignerTest() override { Join(); }

  // Keys that nothing but signing is asked of; the slow signer of the newest is `signer`.
  std::shared_ptr<const GatewayKeys> MakeKeys() {
    const auto key = protocol::NewKey();
    auto slow = std::make_unique<SlowSigner>(key);
    signer = slow.get();
    const auto now = base::SystemClock().Now();
    const auto ca_signer = pki.issuing_key.AsSigner().value();
    const auto root_signer = pki.root_key.AsSigner().value();
    const auto certify = [&](Role role, const protocol::PublicKey& subject,
                             const protocol::Certificate* issuer, hsm::Signer& by) {
      auto what = protocol::TestPki::Template(role, kId, subject);
      what.not_before = now - std::chrono::days(1);
      what.not_after = now + std::chrono::days(1);
      return protocol::BuildCertificate(what, issuer, by).value();
    };
    const auto root = certify(Role::kRoot, pki.root_key.public_key(), nullptr, *root_signer);
    const auto ca = certify(Role::kIssuingCa, pki.issuing_key.public_key(), &root, *root_signer);
    GatewayKeys made{.id = kId,
                     .checker = protocol::CertificateChecker::Create(root, {ca}).value(),
                     .signature = {},
                     .encryption = {},
                     .issuing = {},
                     .storage = nullptr,
                     .storage_public_key = key.public_key()};
    made.signature.push_back({certify(Role::kGatewaySignature, key.public_key(), &ca, *ca_signer),
                              ca, std::move(slow)});
    public_key = key.public_key();
    auto shared = std::make_shared<const GatewayKeys>(std::move(made));
    kept.push_back(shared);
    return shared;
  }
  void Start(size_t messages = 1) {
    threads.emplace_back([this, messages] {
      const std::vector<UnsignedJws> all(messages, {kTypReceipt, kPayload});
      auto compact = batches.Sign(all);
      std::lock_guard lock(mutex);
      done.push_back(std::move(compact));
    });
  }
  // One that is being signed, and so many that wait for it.
  void StartOneAndQueue(size_t others) {
    Start();
    ASSERT_TRUE(Eventually([&] { return signer->busy.load(); }));
    for (size_t i = 0; i < others; ++i) Start();
    ASSERT_TRUE(Eventually([&] { return batches.waiting() == others; }));
  }
  void Join() {
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
  bool InBatch(const std::string& compact) const {
    auto jws = protocol::ParseJws(compact, kTypReceipt, protocol::KeyName::kX5t,
                                  JwsForms::kSingleOrBatch)
                   .value();
    const bool in_batch = jws.in_batch;
    EXPECT_TRUE(protocol::VerifyJws(std::move(jws), public_key));
    return in_batch;
  }

  protocol::TestPki pki;
  SlowSigner* signer = nullptr;
  protocol::PublicKey public_key = protocol::NewKey().public_key();
  std::vector<std::shared_ptr<const GatewayKeys>> kept;
  KeysInForce in_force;
  BatchSigner batches;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<base::Result<std::vector<std::string>>> done;
};

TEST_F(BatchSignerTest, AnIdleTokenSignsAtOnceAndAlone) {
  signer->let_through.release();
  Start();
  Join();
  EXPECT_EQ(signer->asked, 1);
  EXPECT_FALSE(InBatch(done.at(0).value().at(0)));
}

TEST_F(BatchSignerTest, WhatComesWhileTheTokenSignsIsOneOperation) {
  StartOneAndQueue(9);
  signer->let_through.release(2);
  Join();
  EXPECT_EQ(signer->asked, 2);
  size_t in_batch = 0;
  for (const auto& compact : done) in_batch += InBatch(compact.value().at(0));
  EXPECT_EQ(in_batch, 9u);
}

TEST_F(BatchSignerTest, TheTwoResultsOfOnePaymentAreABatch) {
  signer->let_through.release();
  Start(2);
  Join();
  EXPECT_EQ(signer->asked, 1);
  for (const std::string& compact : done.at(0).value()) EXPECT_TRUE(InBatch(compact));
}

TEST_F(BatchSignerTest, AFailureIsOfEveryoneInTheBatchAndOfNobodyElse) {
  StartOneAndQueue(4);
  signer->let_through.release();  // the first, alone
  ASSERT_TRUE(Eventually([&] { return signer->asked == 2; }));
  Start();
  ASSERT_TRUE(Eventually([&] { return batches.waiting() == 1; }));
  signer->away = true;
  signer->let_through.release(2);
  Join();
  size_t failed = 0, good = 0;
  for (const auto& compact : done) {
    if (compact) {
      ++good;
    } else {
      EXPECT_EQ(compact.error().code, ErrorCode::kTokenUnavailable);
      ++failed;
    }
  }
  EXPECT_EQ(failed, 4u);
  EXPECT_EQ(good, 2u);
}

TEST_F(BatchSignerTest, ABatchIsSignedWithTheKeyInForceWhenItIsSigned) {
  StartOneAndQueue(3);
  SlowSigner* const former = signer;
  const protocol::PublicKey former_key = public_key;
  in_force.Replace(MakeKeys());
  former->let_through.release();
  signer->let_through.release();
  Join();
  EXPECT_EQ(former->asked, 1);
  EXPECT_EQ(signer->asked, 1);
  size_t by_the_new = 0;
  for (const auto& compact : done) {
    auto jws = protocol::ParseJws(compact.value().at(0), kTypReceipt, protocol::KeyName::kX5t,
                                  JwsForms::kSingleOrBatch)
                   .value();
    by_the_new += protocol::VerifyJws(jws, public_key).has_value();
    EXPECT_NE(protocol::VerifyJws(jws, public_key).has_value(),
              protocol::VerifyJws(jws, former_key).has_value());
  }
  EXPECT_EQ(by_the_new, 3u);
}

TEST_F(BatchSignerTest, MoreThanATreeHoldsIsSeveralBatches) {
  Start();
  ASSERT_TRUE(Eventually([&] { return signer->busy.load(); }));
  for (int i = 0; i < 3; ++i) Start(protocol::kMaxBatchLeaves / 2);
  ASSERT_TRUE(Eventually([&] { return batches.waiting() == 3 * protocol::kMaxBatchLeaves / 2; }));
  signer->let_through.release(3);
  Join();
  EXPECT_EQ(signer->asked, 3);
  for (const auto& compact : done) EXPECT_TRUE(compact);
  EXPECT_FALSE(batches.Sign({}));
  EXPECT_FALSE(batches.Sign(
      std::vector<UnsignedJws>(protocol::kMaxBatchLeaves + 1, {kTypReceipt, kPayload})));
}

}  // namespace
}  // namespace paygate::gateway::engine
