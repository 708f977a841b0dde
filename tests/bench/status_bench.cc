// Revocation lists from the store's rows to their signature, and what an OCSP question costs a
// whole gateway. `bytes` is the list's size; `signatures_per_question` what the token signed.
#include <openssl/ocsp.h>

#include "base/encoding.h"
#include "protocol/crl.h"
#include "protocol/software_key.h"
#include "storage/rocksdb/participants.h"
#include "tests/bench/rig.h"
#include "tests/bench/store_rig.h"
#include "tests/doubles/ocsp_question.h"

namespace paygate::bench {
namespace {

using protocol::Certificate;

// A store of the usual shape in which so many certificates of one CA are revoked.
struct RevokedRig final : Fixture {
  explicit RevokedRig(size_t n) : count(n) {
    std::string pattern = std::filesystem::temp_directory_path() / "paygate-bench-XXXXXX";
    directory = mkdtemp(pattern.data());
    database = Must(storage::rocksdb::Database::Open(::rocksdb::Env::Default(), directory + "/db",
                                                     true));
    participants = std::make_unique<storage::rocksdb::Participants>(*database, locks);
    const auto now = base::SystemClock().Now();
    for (size_t i = 0; i < n;) {
      storage::rocksdb::Batch batch(*database);
      for (const size_t end = std::min(n, i + 10'000); i < end; ++i) {
        std::string serial = base::RandomBytes(16);
        serial[0] = 0x41;
        batch.Put(storage::rocksdb::Family::kRevocations,
                  storage::rocksdb::RevocationKey(ca, now - std::chrono::seconds(n - i), serial),
                  storage::rocksdb::EncodeRevocation(
                      {storage::RevocationReason::kKeyCompromise, now + std::chrono::days(300)}));
      }
      Must(database->Write(batch));
    }
  }
  ~RevokedRig() override {
    participants.reset();
    database.reset();
    std::filesystem::remove_all(directory);
  }
  bool Is(size_t n) const { return n == count; }

  // One certificate was revoked each second.
  std::string Entries(base::UnixTime since = {}) {
    std::string entries;
    Must(participants->ForEachRevoked(ca, since, [&](const storage::RevokedCertificate& r) {
      protocol::AppendCrlEntry(entries, r.serial, r.revoked_at,
                               protocol::CrlReason::kKeyCompromise);
    }));
    return entries;
  }

  const size_t count;
  const std::string ca = std::string(20, 'k');
  std::string directory;
  std::unique_ptr<storage::rocksdb::Database> database;
  storage::rocksdb::KeyLocks locks;
  std::unique_ptr<storage::rocksdb::Participants> participants;
};

void CrlEntries(benchmark::State& state) {
  auto& rig = Use<RevokedRig>(static_cast<size_t>(state.range(0)));
  size_t bytes = 0;
  for (auto _ : state) bytes = rig.Entries().size();
  state.counters["bytes"] = static_cast<double>(bytes);
}

// As the engine makes one, but for the hop to the token: the key is software. Complete, or with the
// changes of so many seconds.
void CrlMade(benchmark::State& state, std::optional<std::chrono::seconds> changes) {
  auto& rig = Use<RevokedRig>(static_cast<size_t>(state.range(0)));
  const auto key = Must(protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  const auto signer = Must(key.AsSigner());
  const auto now = base::SystemClock().Now();
  const Certificate ca = Must(protocol::BuildCertificate({.role = protocol::Role::kRoot,
                                                          .subject_cn = "CA",
                                                          .subject_key = key.public_key(),
                                                          .not_before = now,
                                                          .not_after = now + std::chrono::days(9)},
                                                         nullptr, *signer));
  size_t bytes = 0;
  for (auto _ : state) {
    const std::string entries = changes ? rig.Entries(now - *changes) : rig.Entries();
    bytes = Must(protocol::BuildCrl({.number = 2,
                                     .base_number = changes ? std::optional<uint64_t>(1)
                                                            : std::nullopt,
                                     .this_update = now,
                                     .next_update = now + std::chrono::hours(24),
                                     .entries = entries},
                                    ca, *signer))
                .size();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

struct Asked final : Fixture {
  bool Is() const { return true; }
  Rig rig{hsm::KeyType::kP256};
};

std::string Question(const Rig& rig, bool nonce) {
  return doubles::OcspQuestion(rig.keys().Signature().certificate.der(),
                               rig.keys().Issuing().certificate.der(), nonce);
}

// Engine and token processes; one source asks, 32 questions at a time.
void OcspQuestions(benchmark::State& state, bool nonce) {
  Rig& rig = Use<Asked>().rig;
  constexpr size_t kQuestions = 2000;
  Cpu used;
  for (auto _ : state) {
    std::vector<std::string> questions(kQuestions);
    for (auto& question : questions) question = Question(rig, nonce);
    const Cpu before = rig.UsedCpu();
    const auto begin = std::chrono::steady_clock::now();
    const auto answers = rig.PostAll("/v1/ocsp", std::move(questions), 32);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    used += rig.UsedCpu() - before;
    state.SetIterationTime(wall.count());
    for (const auto& answer : answers) {
      if (answer.status != 200 || answer.body.size() < 100) return state.SkipWithError("no answer");
    }
  }
  const double questions = static_cast<double>(state.iterations()) * kQuestions;
  state.counters["questions_per_s"] = benchmark::Counter(questions, benchmark::Counter::kIsRate);
  state.counters["engine_us"] = used.engine / questions;
  state.counters["token_us"] = used.token / questions;
}

}  // namespace

void RegisterStatus() {
  for (int64_t revoked : {1'000, 10'000, 60'000}) {
    benchmark::RegisterBenchmark("crl/made/revoked", CrlMade, std::nullopt)
        ->Arg(revoked)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RegisterBenchmark("crl/delta_of_1000/revoked", CrlMade, std::chrono::seconds(1000))
      ->Arg(1'000'000)
      ->Unit(benchmark::kMillisecond);
  // More than one list may hold: its entries alone.
  benchmark::RegisterBenchmark("crl/entries/revoked", CrlEntries)
      ->Arg(1'000'000)
      ->Unit(benchmark::kMillisecond);
  for (const bool nonce : {false, true}) {
    benchmark::RegisterBenchmark(nonce ? "ocsp/nonce" : "ocsp/plain",
                                 [nonce](benchmark::State& s) { OcspQuestions(s, nonce); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace paygate::bench
