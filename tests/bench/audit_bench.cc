// paygate-audit verify over logs of several sizes: the time of an entry must not grow with the log.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "audit/checkpoint.h"
#include "audit/entry.h"
#include "tests/bench/bench.h"
#include "tests/protocol/test_pki.h"
#include "tools/audit/verify.h"

namespace paygate::bench {
namespace {

namespace fs = std::filesystem;

// A directory as paygatectl audit export makes it, with ten checkpoints.
struct ExportedLog : Fixture {
  explicit ExportedLog(uint64_t entries) : entries(entries) {
    std::string pattern = (fs::temp_directory_path() / "paygate-bench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    directory = pattern;
    fs::create_directory(directory + "/checkpoints");
    const protocol::TestPki pki;
    const protocol::SoftwareKey key = protocol::NewKey();
    const auto certificate = pki.Leaf(protocol::Role::kGatewaySignature, key.public_key());
    const auto signer = Must(key.AsSigner());
    std::ofstream(directory + "/root.pem") << pki.root.ToPem();
    std::ofstream(directory + "/certificates.pem") << certificate.ToPem() << pki.issuing.ToPem();
    std::ofstream out(directory + "/entries.jsonl", std::ios::binary);
    audit::Frontier frontier;
    for (uint64_t i = 0; i < entries; ++i) {
      const std::string id = base::Sha256Base64Url(std::to_string(i));
      const std::string line = audit::PrintEntry(
          {.kind = audit::EntryKind::kAuthorised,
           .at = protocol::kTestNow,
           .values = {id, id, id.substr(0, 22), id.substr(1, 22), "12.50 GBP", id}});
      out << line << '\n';
      (void)frontier.Append(audit::HashLeaf(line));
      if ((i + 1) % std::max<uint64_t>(entries / 10, 1) != 0) continue;
      std::ofstream(directory + "/checkpoints/" + std::to_string(i) + ".txt", std::ios::binary)
          << Must(audit::SignCheckpoint({.origin = audit::OriginOf(certificate.subject_id()),
                                         .size = i + 1,
                                         .root = frontier.Root(),
                                         .at = protocol::kTestNow},
                                        key.public_key(), *signer));
    }
  }
  ~ExportedLog() override { fs::remove_all(directory); }
  bool Is(uint64_t wanted) const { return wanted == entries; }

  const uint64_t entries;
  std::string directory;
};

void Verify(benchmark::State& state) {
  const auto entries = static_cast<uint64_t>(state.range(0));
  const ExportedLog& log = Use<ExportedLog>(entries);
  for (auto _ : state) {
    const auto report =
        Must(tools::audit::VerifyLog({log.directory, log.directory + "/root.pem", {}}));
    if (report.entries != entries || !report.findings.empty()) {
      state.SkipWithError("ERROR OCCURRED: the log is not good");
    }
  }
  const auto all = static_cast<double>(state.iterations()) * static_cast<double>(entries);
  state.counters["entries_per_s"] = benchmark::Counter(all, benchmark::Counter::kIsRate);
  state.counters["s_per_million"] =
      benchmark::Counter(all / 1e6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace

void RegisterAudit() {
  auto* verify = benchmark::RegisterBenchmark("audit/verify/entries", Verify);
  verify->Unit(benchmark::kMillisecond);
  for (const int64_t entries : {10'000, 50'000, 250'000}) verify->Arg(entries);
}

}  // namespace paygate::bench
