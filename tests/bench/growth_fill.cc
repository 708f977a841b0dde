#include "tests/bench/growth_fill.h"

#include <chrono>
#include <cstdio>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/certificate.h"
#include "protocol/software_key.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/rocks_store.h"
#include "tests/bench/bench.h"

namespace paygate::bench {
namespace {

using storage::Settlement;

constexpr size_t kMailInOneBatch = 100;
constexpr std::chrono::seconds kBetweenLines{2};

std::string RandomId() { return base::Base64UrlEncode(base::RandomBytes(32)); }
std::string RandomParticipant() { return base::Base64UrlEncode(base::RandomBytes(16)); }
// Of the same length, and as hard to compress as base64url of random bytes.
std::string Like(const std::string& real) {
  std::string text = base::Base64UrlEncode(base::RandomBytes(real.size()));
  text.resize(real.size());
  return text;
}

class Progress {
 public:
  explicit Progress(const char* what, size_t all) : what_(what), all_(all) {}
  void At(size_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kBetweenLines && done != all_) return;
    last_ = now;
    std::fprintf(stderr, "%s: %zu of %zu\n", what_, done, all_);
  }

 private:
  const char* what_;
  const size_t all_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

class Filler {
 public:
  Filler(storage::Store& store, const Model& model) : store_(store), model_(model) {
    auto payment = Must(store_.payments().Find(model.payment_id));
    if (!payment || !payment->settlement) throw std::runtime_error("the model is not settled");
    payment_ = std::move(payment);
    csblk_ = Must(store_.csblks().Find(payment_->intent.record().csblk_id));
    const auto mail = Must(store_.mailbox().Read(model.seller_id, 0, 1, 1 << 20));
    mail_ = mail.messages.at(0).jwe;
  }

  void Payments(size_t count) {
    Progress progress("settled payments", count);
    for (size_t i = 0; i < count; progress.At(++i)) {
      const auto intent = Recorded(/*real_documents=*/false);
      Must(store_.authorisations().Settle(
          Settlement::Decide(intent, payment_->settlement->outcome(), clock_.Now()),
          {.receipt = Like(payment_->results.receipt),
           .confirmation = Like(payment_->results.confirmation)},
          // Sellers read their mail, and what is read is deleted in time.
          {}));
    }
  }

  // The model's documents, so that the engine can read them and sign results.
  void Open(size_t count) {
    Progress progress("open intents", count);
    for (size_t i = 0; i < count; progress.At(++i)) {
      const auto intent = Recorded(/*real_documents=*/true);
      Must(store_.authorisations().RecordOutcome(
          Settlement::Decide(intent, payment_->settlement->outcome(), clock_.Now())));
    }
  }

  void Mail(size_t count) {
    Progress progress("messages", count);
    for (size_t i = 0; i < count;) {
      std::vector<storage::Delivery> deliveries;
      for (; i < count && deliveries.size() < kMailInOneBatch; ++i) {
        deliveries.push_back({model_.seller_id, Like(mail_)});
      }
      const auto intent = Recorded(false);
      Must(store_.authorisations().Settle(
          Settlement::Decide(intent, payment_->settlement->outcome(), clock_.Now()),
          {.receipt = Like(payment_->results.receipt),
           .confirmation = Like(payment_->results.confirmation)},
          deliveries));
      progress.At(i);
    }
  }

  // Real certificates of real length; one key for all, and a CA that nobody else knows.
  void Participants(size_t count) {
    const auto key = Must(protocol::SoftwareKey::Generate(hsm::KeyType::kP256,
                                                          hsm::KeyUsage::kSign));
    const auto signer = Must(key.AsSigner());
    const auto now = clock_.Now();
    const auto made = [&](protocol::Role role, const std::string& id,
                          const protocol::Certificate* issuer) {
      return Must(protocol::BuildCertificate(
          {.role = role,
           .subject_cn = id,
           .subject_key = key.public_key(),
           .not_before = now,
           .not_after = now + std::chrono::days(365),
           .account_binding = role == protocol::Role::kParticipantSignature ||
                                      role == protocol::Role::kParticipantEncryption
                                  ? base::RandomBytes(32)
                                  : std::string()},
          issuer, *signer));
    };
    const auto ca = made(protocol::Role::kRoot, "CA of nobody", nullptr);
    Progress progress("participants", count);
    for (size_t i = 0; i < count; progress.At(++i)) {
      const std::string id = RandomParticipant();
      Must(store_.registrations().Complete(
          {.request_digest = RandomId(),
           .participant_id = id,
           .signature_certificate =
               std::string(made(protocol::Role::kParticipantSignature, id, &ca).der()),
           .encryption_certificate =
               std::string(made(protocol::Role::kParticipantEncryption, id, &ca).der()),
           .registered_jws = Like(csblk_->record.jws),
           .registered_at = now}));
    }
  }

 private:
  storage::Intent Recorded(bool real_documents) {
    const storage::IntentRecord& real = payment_->intent.record();
    storage::CsblkRecord csblk = csblk_->record;
    csblk.csblk_id = RandomId();
    csblk.confirmation_digest = RandomId();
    csblk.nonce = RandomId();
    csblk.jws = Like(csblk.jws);
    Must(store_.csblks().Issue(csblk));
    storage::IntentRecord intent = real;
    intent.payment_id = RandomId();
    intent.csblk_id = csblk.csblk_id;
    intent.recorded_at = clock_.Now();
    if (!real_documents) intent.authorisation = Like(real.authorisation);
    if (!real.sealed_accounts.empty()) intent.sealed_accounts = Like(real.sealed_accounts);
    intent.prepared = "gone with the settlement";
    auto recorded = Must(store_.authorisations().RecordIntent(std::move(intent)));
    if (!recorded.intent) throw std::runtime_error("an intent was refused");
    return *recorded.intent;
  }

  const base::SystemClock clock_;
  storage::Store& store_;
  const Model& model_;
  std::optional<storage::Payment> payment_;
  std::optional<storage::Csblk> csblk_;
  std::string mail_;
};

}  // namespace

void Fill(const std::string& store_directory, const Model& model, const Wanted& wanted) {
  auto store = Must(storage::rocksdb::OpenRocksStore(store_directory));
  Filler filler(*store, model);
  filler.Payments(wanted.payments);
  filler.Participants(wanted.participants);
  filler.Mail(wanted.mail);
  filler.Open(wanted.open);
  // The audit log is numbered by the engine behind the writes; here at once, so that what is
  // measured next is not that.
  while (Must(store->audit().Number(10'000)) > 0) continue;
  store.reset();
  // As it stands after a while: without logs and without what was deleted.
  const auto database = Must(storage::rocksdb::Database::Open(::rocksdb::Env::Default(),
                                                              store_directory + "/db", false));
  Must(database->CompactForTest());
}

}  // namespace paygate::bench
