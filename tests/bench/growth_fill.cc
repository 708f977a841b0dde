#include "tests/bench/growth_fill.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <functional>
#include <mutex>
#include <thread>

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
constexpr size_t kNumberedAtOnce = 10'000;
constexpr size_t kNumberEvery = 1'000;  // records of one thread
constexpr unsigned kThreads = 2;
constexpr size_t kDigestLength = 43, kParticipantIdLength = 22;  // characters, of 256 and 128 bits
constexpr std::chrono::seconds kBetweenLines{2};

// Random bytes, drawn many at a time.
class Noise {
 public:
  std::string_view Bytes(size_t n) {
    if (n > kPool) throw std::runtime_error("too much noise at once");
    if (pool_.size() - used_ < n) {
      pool_ = base::RandomBytes(kPool);
      used_ = 0;
    }
    used_ += n;
    return std::string_view(pool_).substr(used_ - n, n);
  }
  // Of base64url, the last one zero in its last four bits, as in the text of 256 bits or of 128.
  void AppendWord(size_t length, std::string& to) {
    static constexpr char kLetters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const std::string_view bytes = Bytes(length);
    for (const char c : bytes.substr(1)) to += kLetters[static_cast<uint8_t>(c) % 64];
    to += kLetters[static_cast<uint8_t>(bytes[0]) % 4 * 16];
  }

 private:
  static constexpr size_t kPool = 1 << 20;
  std::string pool_;
  size_t used_ = 0;
};

// The text of a digest or an identifier: the i-th of `count`, in the order of the store's keys, so
// that RocksDB has little to sort. At its end a store of random keys lies as one of ordered keys.
std::string OrderedWord(size_t i, size_t count, size_t length, Noise& noise) {
  static constexpr char kSorted[] =
      "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  uint64_t place = i * (uint64_t{1} << 30) / count;
  std::string word(5, ' ');
  for (auto c = word.rbegin(); c != word.rend(); ++c, place /= 64) *c = kSorted[place % 64];
  noise.AppendWord(length - word.size(), word);
  return word;
}

// Makes compact serialisations of the same form and length as a real one, whose values (digests,
// nonces, certificates, the serialisations within it) are random: as hard to compress as those of
// other payments, or harder. JSON keeps its names.
class Imitation {
 public:
  explicit Imitation(const std::string& real) {
    for (size_t at = 0; at <= real.size();) {
      const size_t end = std::min(real.find('.', at), real.size());
      const std::string part = Must(base::Base64UrlDecode(real.substr(at, end - at)));
      const std::vector<Piece> noise{{Piece::kBytes, part.size(), {}}};
      parts_.push_back(part.starts_with('{') ? PiecesOf(part) : noise);
      at = end + 1;
    }
  }

  std::string Make(Noise& noise, const std::string& certificate = {}) const {
    std::string made, text;
    for (const std::vector<Piece>& pieces : parts_) {
      text.clear();
      for (const Piece& piece : pieces) {
        switch (piece.kind) {
          case Piece::kLiteral: text += piece.literal; break;
          case Piece::kCertificate: text += certificate; break;
          case Piece::kWord: noise.AppendWord(piece.length, text); break;
          case Piece::kBytes: text += noise.Bytes(piece.length); break;
        }
      }
      if (!made.empty()) made += '.';
      made += base::Base64UrlEncode(text);
    }
    return made;
  }

 private:
  struct Piece {
    enum Kind : uint8_t { kLiteral, kCertificate, kWord, kBytes } kind;
    size_t length;
    std::string literal;
  };
  // Each long word of base64 or base64url is to give way to a random one, a certificate to another.
  static std::vector<Piece> PiecesOf(const std::string& json) {
    const auto in_word = [](unsigned char c) {
      return std::isalnum(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=';
    };
    std::vector<Piece> pieces;
    for (size_t at = 0, length; at < json.size(); at += std::max<size_t>(length, 1)) {
      length = 0;
      while (at + length < json.size() && in_word(json[at + length])) ++length;
      if (length >= kShortestCertificate && json.compare(at, 3, "MII") == 0) {
        pieces.push_back({Piece::kCertificate, length, {}});
      } else if (length >= kShortestValue) {
        pieces.push_back({Piece::kWord, length, {}});
      } else {
        if (pieces.empty() || pieces.back().kind != Piece::kLiteral) {
          pieces.push_back({Piece::kLiteral, 0, {}});
        }
        pieces.back().literal += json.substr(at, std::max<size_t>(length, 1));
      }
    }
    return pieces;
  }

  std::vector<std::vector<Piece>> parts_;
};

class Progress {
 public:
  Progress(const char* what, size_t all) : what_(what), all_(all) {}
  void At(size_t done) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kBetweenLines && done != all_) return;
    last_ = now;
    std::fprintf(stderr, "%s: %zu of %zu\n", what_, done, all_);
  }

 private:
  const char* what_;
  const size_t all_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Certificates of real length and form (DER), each with its own subject, serial, binding and
// signature, which nobody could verify: the store does not. One key for all.
class Certificates {
 public:
  explicit Certificates(base::UnixTime now, protocol::Role role) {
    const auto key =
        Must(protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign));
    const auto signer = Must(key.AsSigner());
    protocol::CertificateTemplate request{.role = protocol::Role::kRoot,
                                         .subject_cn = "CA of nobody",
                                         .subject_key = key.public_key(),
                                         .not_before = now,
                                         .not_after = now + std::chrono::days(365),
                                         .serial = {},
                                         .account_binding = {},
                                         .crl_url = {},
                                         .ocsp_url = {},
                                         .dns_names = {},
                                         .ip_addresses = {}};
    const auto ca = Must(protocol::BuildCertificate(request, nullptr, *signer));
    Noise noise;
    request.role = role;
    request.subject_cn.clear();
    noise.AppendWord(kParticipantIdLength, request.subject_cn);
    request.serial = noise.Bytes(16);
    request.serial[0] = 0x55;
    request.account_binding = noise.Bytes(32);
    der_ = Must(protocol::BuildCertificate(request, &ca, *signer)).der();
    for (const std::string& value :
         {request.subject_cn, request.serial.substr(1), request.account_binding}) {
      const size_t at = der_.find(value);
      if (at == der_.npos) throw std::runtime_error("a value is not in its certificate");
      values_.emplace_back(at, value.size());
    }
    // Most of s, the second number of the signature, which ends the certificate.
    values_.emplace_back(der_.size() - 24, 24);
  }
  std::string Of(const std::string& participant_id, Noise& noise) const {
    std::string der = der_;
    for (const auto& [at, length] : values_) der.replace(at, length, noise.Bytes(length));
    return der.replace(values_[0].first, participant_id.size(), participant_id);
  }

 private:
  std::string der_;
  std::vector<std::pair<size_t, size_t>> values_;  // place and length; the subject's first
};

// Calls work(i) for each i below `count`, from several threads.
void ForEach(const char* what, size_t count, storage::AuditLog& audit,
             const std::function<void(size_t i, Noise& noise)>& work) {
  Progress progress(what, count);
  std::atomic<size_t> next = 0, done = 0;
  std::mutex mutex;
  std::string failed;
  const auto run = [&](bool numbers) {
    try {
      Noise noise;
      for (size_t i; (i = next++) < count;) {
        work(i, noise);
        // The audit log is numbered by the engine behind the writes; here with them.
        if (numbers && i % kNumberEvery < kThreads) Must(audit.Number(kNumberedAtOnce));
        progress.At(++done);
      }
    } catch (const std::exception& e) {
      const std::lock_guard lock(mutex);
      failed = e.what();
      next = count;
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < kThreads; ++i) threads.emplace_back(run, false);
  run(true);
  threads.clear();
  if (!failed.empty()) throw std::runtime_error(failed);
}

class Filler {
 public:
  Filler(storage::Store& store, const Model& model) : store_(store), model_(model) {
    auto payment = Must(store_.payments().Find(model.payment_id));
    if (!payment || !payment->settlement) throw std::runtime_error("the model is not settled");
    payment_ = std::move(payment);
    csblk_ = Must(store_.csblks().Find(payment_->intent.record().csblk_id));
    csblk_jws_.emplace(csblk_->record.jws);
    authorisation_.emplace(payment_->intent.record().authorisation);
    const std::string& accounts = payment_->intent.record().sealed_accounts;
    if (!accounts.empty()) accounts_.emplace(accounts);
    receipt_.emplace(payment_->results.receipt);
    confirmation_.emplace(payment_->results.confirmation);
    mail_.emplace(Must(store_.mailbox().Read(model.seller_id, 0, 1, 1 << 20)).messages.at(0).jwe);
    Noise noise;
    for (size_t i = 0; i < kPayers; ++i) {
      std::string id;
      noise.AppendWord(kParticipantIdLength, id);
      payers_.push_back(base::Base64Encode(signing_.Of(id, noise)));
    }
  }

  void Payments(size_t count) {
    ForEach("settled payments", count, store_.audit(), [&](size_t i, Noise& noise) {
      // Sellers read their mail, and what is read is deleted in time.
      Settle(Recorded(i, count, /*real_documents=*/false, noise), {}, noise);
    });
  }

  // The model's documents, so that the engine can read them and sign results.
  void Open(size_t count) {
    ForEach("open intents", count, store_.audit(), [&](size_t i, Noise& noise) {
      const auto intent = Recorded(i, count, /*real_documents=*/true, noise);
      Must(store_.authorisations().RecordOutcome(
          Settlement::Decide(intent, payment_->settlement->outcome(), clock_.Now())));
    });
  }

  void Mail(size_t count) {
    const size_t batches = (count + kMailInOneBatch - 1) / kMailInOneBatch;
    ForEach("batches of messages", batches, store_.audit(), [&](size_t i, Noise& noise) {
      std::vector<storage::Delivery> deliveries;
      for (size_t k = i * kMailInOneBatch; k < std::min(count, (i + 1) * kMailInOneBatch); ++k) {
        deliveries.push_back({model_.seller_id, mail_->Make(noise)});
      }
      Settle(Recorded(i, batches, /*real_documents=*/false, noise), deliveries, noise);
    });
  }

  void Participants(size_t count) {
    ForEach("participants", count, store_.audit(), [&](size_t i, Noise& noise) {
      const std::string id = OrderedWord(i, count, kParticipantIdLength, noise);
      Must(store_.registrations().Complete(
          {.request_digest = OrderedWord(i, count, kDigestLength, noise),
           .participant_id = id,
           .signature_certificate = signing_.Of(id, noise),
           .encryption_certificate = encrypting_.Of(id, noise),
           .registered_jws = csblk_jws_->Make(noise),
           .registered_at = clock_.Now()}));
    });
  }

 private:
  storage::Intent Recorded(size_t i, size_t count, bool real_documents, Noise& noise) {
    const storage::IntentRecord& real = payment_->intent.record();
    storage::CsblkRecord csblk = csblk_->record;
    for (std::string* id : {&csblk.csblk_id, &csblk.confirmation_digest, &csblk.nonce}) {
      *id = OrderedWord(i, count, kDigestLength, noise);
    }
    csblk.jws = csblk_jws_->Make(noise);
    Must(store_.csblks().Issue(csblk));
    storage::IntentRecord intent = real;
    intent.payment_id = OrderedWord(i, count, kDigestLength, noise);
    intent.csblk_id = csblk.csblk_id;
    intent.recorded_at = clock_.Now();
    if (!real_documents) {
      intent.authorisation = authorisation_->Make(noise, payers_[i % payers_.size()]);
    }
    if (accounts_) intent.sealed_accounts = accounts_->Make(noise);
    intent.prepared = "gone with the settlement";
    auto recorded = Must(store_.authorisations().RecordIntent(std::move(intent)));
    if (!recorded.intent) throw std::runtime_error("an intent was refused");
    return *recorded.intent;
  }

  void Settle(const storage::Intent& intent, const std::vector<storage::Delivery>& deliveries,
              Noise& noise) {
    Must(store_.authorisations().Settle(
        Settlement::Decide(intent, payment_->settlement->outcome(), clock_.Now()),
        {.receipt = receipt_->Make(noise), .confirmation = confirmation_->Make(noise)},
        deliveries));
  }

  const base::SystemClock clock_;
  const Certificates signing_{clock_.Now(), protocol::Role::kParticipantSignature};
  const Certificates encrypting_{clock_.Now(), protocol::Role::kParticipantEncryption};
  storage::Store& store_;
  const Model& model_;
  std::optional<storage::Payment> payment_;
  std::optional<storage::Csblk> csblk_;
  std::optional<Imitation> csblk_jws_, authorisation_, accounts_, receipt_, confirmation_, mail_;
  std::vector<std::string> payers_;
};

}  // namespace

void Fill(const std::string& store_directory, const Model& model, const Wanted& wanted) {
  auto store = Must(storage::rocksdb::OpenRocksStore(store_directory));
  Filler filler(*store, model);
  filler.Payments(wanted.payments);
  filler.Participants(wanted.participants);
  filler.Mail(wanted.mail);
  filler.Open(wanted.open);
  while (Must(store->audit().Number(kNumberedAtOnce)) > 0) continue;
  store.reset();
  // As it stands after a while: without logs and without what was deleted.
  const auto database = Must(storage::rocksdb::Database::Open(::rocksdb::Env::Default(),
                                                              store_directory + "/db", false));
  Must(database->CompactForTest());
}

}  // namespace paygate::bench
