#include "tests/bench/growth_fill.h"

#include <algorithm>
#include <cctype>
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
constexpr size_t kShortestValue = 16, kShortestCertificate = 600;  // characters
constexpr size_t kPayers = 1000;  // different certificates in authorisations
constexpr std::chrono::seconds kBetweenLines{2};

std::string RandomId() { return base::Base64UrlEncode(base::RandomBytes(32)); }
std::string RandomParticipant() { return base::Base64UrlEncode(base::RandomBytes(16)); }

// Each long word of base64 or base64url gives way to a random one, a certificate to another; JSON
// keeps its names.
std::string WithOtherValues(const std::string& json, const std::string& certificate) {
  const auto in_word = [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=';
  };
  std::string made;
  for (size_t at = 0, length; at < json.size(); at += std::max<size_t>(length, 1)) {
    length = 0;
    while (at + length < json.size() && in_word(json[at + length])) ++length;
    if (length >= kShortestCertificate && json.compare(at, 3, "MII") == 0) {
      made += certificate;
    } else if (length >= kShortestValue) {
      made += base::Base64UrlEncode(base::RandomBytes(length)).substr(0, length);
    } else {
      made += json.substr(at, std::max<size_t>(length, 1));
    }
  }
  return made;
}

// A compact serialisation of the same length whose values (digests, nonces, certificates, the
// serialisations within it) are random: as hard to compress as that of another payment between two
// others, or harder.
std::string Like(const std::string& real, const std::string& certificate = {}) {
  std::string made;
  for (size_t at = 0; at <= real.size();) {
    const size_t end = std::min(real.find('.', at), real.size());
    std::string part = Must(base::Base64UrlDecode(real.substr(at, end - at)));
    part = part.starts_with('{') ? WithOtherValues(part, certificate)
                                 : base::RandomBytes(part.size());
    if (at > 0) made += '.';
    made += base::Base64UrlEncode(part);
    at = end + 1;
  }
  return made;
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

// Real certificates of real length (DER); one key for all, and a CA that nobody else knows.
class Issuer {
 public:
  explicit Issuer(base::UnixTime now)
      : now_(now), ca_(Make(protocol::Role::kRoot, "CA of nobody", nullptr)) {}
  std::string New(protocol::Role role, const std::string& id) {
    return std::string(Make(role, id, &ca_).der());
  }

 private:
  protocol::Certificate Make(protocol::Role role, const std::string& id,
                             const protocol::Certificate* issuer) {
    return Must(protocol::BuildCertificate(
        {.role = role,
         .subject_cn = id,
         .subject_key = key_.public_key(),
         .not_before = now_,
         .not_after = now_ + std::chrono::days(365),
         .account_binding = issuer == nullptr ? std::string() : base::RandomBytes(32)},
        issuer, *signer_));
  }

  const base::UnixTime now_;
  const protocol::SoftwareKey key_ =
      Must(protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  const std::unique_ptr<hsm::Signer> signer_ = Must(key_.AsSigner());
  const protocol::Certificate ca_;
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

  void Participants(size_t count) {
    Progress progress("participants", count);
    for (size_t i = 0; i < count; progress.At(++i)) {
      const std::string id = RandomParticipant();
      Must(store_.registrations().Complete(
          {.request_digest = RandomId(),
           .participant_id = id,
           .signature_certificate = issuer_.New(protocol::Role::kParticipantSignature, id),
           .encryption_certificate = issuer_.New(protocol::Role::kParticipantEncryption, id),
           .registered_jws = Like(csblk_->record.jws),
           .registered_at = clock_.Now()}));
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
    if (!real_documents) intent.authorisation = Like(real.authorisation, PayersCertificate());
    if (!real.sealed_accounts.empty()) intent.sealed_accounts = Like(real.sealed_accounts);
    intent.prepared = "gone with the settlement";
    auto recorded = Must(store_.authorisations().RecordIntent(std::move(intent)));
    if (!recorded.intent) throw std::runtime_error("an intent was refused");
    return *recorded.intent;
  }

  const std::string& PayersCertificate() {
    if (payers_.size() < kPayers) {
      payers_.push_back(base::Base64Encode(
          issuer_.New(protocol::Role::kParticipantSignature, RandomParticipant())));
      return payers_.back();
    }
    return payers_[next_payer_++ % kPayers];
  }

  const base::SystemClock clock_;
  Issuer issuer_{clock_.Now()};
  std::vector<std::string> payers_;
  size_t next_payer_ = 0;
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
