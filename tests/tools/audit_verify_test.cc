#include "tools/audit/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "audit/entry.h"
#include "base/file.h"
#include "tests/protocol/test_pki.h"

namespace paygate::tools::audit {
namespace {

namespace fs = std::filesystem;
using paygate::audit::Checkpoint;
using paygate::audit::Entry;
using paygate::audit::EntryKind;
using testing::HasSubstr;

Entry MakeEntry(int i) {
  return {.kind = EntryKind::kAuthorised,
          .at = protocol::kTestNow + std::chrono::seconds(i),
          .values = {"payment" + std::to_string(i), "csblk", "buyer", "seller", "12.50 GBP", ""}};
}

// A log of 20 entries with checkpoints at 5, 13 and 20, in a directory as the gateway exports it.
class AuditVerify : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "paygate-audit-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    fs::create_directory(dir_ + "/checkpoints");
    Write("root.pem", pki_.root.ToPem());
    Write("certificates.pem", certificate_.ToPem() + pki_.issuing.ToPem());
    for (int i = 0; i < 20; ++i) lines_.push_back(PrintEntry(MakeEntry(i)));
    WriteEntries(lines_);
    for (uint64_t size : {5, 13, 20}) Write(FileOf(size), NoteOver(lines_, size));
  }
  void TearDown() override { fs::remove_all(dir_); }

  static std::string FileOf(uint64_t size) {
    return "checkpoints/" + std::to_string(100 + size) + ".txt";
  }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << bytes;
  }
  void WriteEntries(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    Write("entries.jsonl", all);
  }
  std::string NoteOver(const std::vector<std::string>& lines, uint64_t size) {
    paygate::audit::Frontier frontier;
    for (uint64_t i = 0; i < size; ++i) {
      (void)frontier.Append(paygate::audit::HashLeaf(lines[i]));
    }
    const Checkpoint checkpoint{paygate::audit::OriginOf(certificate_.subject_id()), size,
                                frontier.Root(), protocol::kTestNow};
    return SignCheckpoint(checkpoint, key_.public_key(), *key_.AsSigner().value()).value();
  }
  LogReport Verify(const std::vector<std::string>& kept = {}) {
    auto report = VerifyLog({dir_, dir_ + "/root.pem", kept});
    EXPECT_TRUE(report) << report.error().ToString();
    return report ? *report : LogReport();
  }
  std::string Finding(const std::vector<std::string>& kept = {}) {
    const LogReport report = Verify(kept);
    EXPECT_FALSE(report.findings.empty());
    return report.findings.empty() ? "" : report.findings.front();
  }

  protocol::TestPki pki_;
  protocol::SoftwareKey key_ = protocol::NewKey();
  protocol::Certificate certificate_ =
      pki_.Leaf(protocol::Role::kGatewaySignature, key_.public_key());
  std::string dir_;
  std::vector<std::string> lines_;
};

TEST_F(AuditVerify, ALogThatNobodyTouchedIsGood) {
  const LogReport report = Verify();
  EXPECT_THAT(report.findings, testing::IsEmpty());
  EXPECT_EQ(report.entries, 20u);
  EXPECT_EQ(report.checkpoints, 3u);
  EXPECT_EQ(report.newest.size, 20u);
}

TEST_F(AuditVerify, AnEntryThatWasChangedIsFoundAndPlaced) {
  lines_[7].replace(lines_[7].find("payment7"), 8, "payment8");
  WriteEntries(lines_);
  EXPECT_THAT(Finding(), HasSubstr("something among entries 5 to 12 was changed"));
}

TEST_F(AuditVerify, AFlippedBitAmongTheEntriesIsFoundWhereverItIs) {
  const char* given = std::getenv("PAYGATE_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("PAYGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const std::string good = base::ReadFile(dir_ + "/entries.jsonl").value();
  for (size_t i = random() % 32; i < good.size(); i += 1 + random() % 32) {
    std::string changed = good;
    changed[i] ^= static_cast<char>(1 << random() % 8);
    Write("entries.jsonl", changed);
    ASSERT_FALSE(Verify().findings.empty()) << "byte " << i;
  }
}

TEST_F(AuditVerify, AnEntryPutInTakenOutOrMovedIsFound) {
  auto with = lines_, without = lines_, moved = lines_;
  with.insert(with.begin() + 3, PrintEntry(MakeEntry(99)));
  without.erase(without.begin() + 15);
  std::swap(moved[0], moved[1]);
  for (const auto& lines : {with, without, moved}) {
    WriteEntries(lines);
    EXPECT_FALSE(Finding().empty());
  }
}

TEST_F(AuditVerify, AnEntryBehindTheLastCheckpointIsNobodys) {
  lines_.push_back(PrintEntry(MakeEntry(20)));
  WriteEntries(lines_);
  EXPECT_THAT(Finding(), HasSubstr("entries from 20 on are under no checkpoint"));
}

TEST_F(AuditVerify, ALogThatIsCutOffIsFound) {
  const std::string good = base::ReadFile(dir_ + "/entries.jsonl").value();
  Write("entries.jsonl", good.substr(0, good.size() - 1));
  EXPECT_THAT(Finding(), HasSubstr("entry 19 does not end"));
  lines_.pop_back();
  WriteEntries(lines_);
  EXPECT_THAT(Finding(), HasSubstr("is over 20 entries, but only 19 are here"));
}

TEST_F(AuditVerify, AnEndlessLineIsNotReadToItsEnd) {
  fs::remove(dir_ + "/entries.jsonl");
  fs::create_symlink("/dev/zero", dir_ + "/entries.jsonl");
  EXPECT_THAT(Finding(), HasSubstr("entry 0 is none: a line of more than 4096 bytes"));
}

TEST_F(AuditVerify, AKeptCheckpointShowsThatThePastWasWrittenAnew) {
  Write("kept.txt", NoteOver(lines_, 13));
  const std::string kept = dir_ + "/kept.txt";
  const LogReport good = Verify({kept});
  EXPECT_THAT(good.findings, testing::IsEmpty());
  ASSERT_EQ(good.kept.size(), 1u);
  EXPECT_THAT(good.kept[0], HasSubstr("this log continues it"));

  // The gateway's own key signs another history: only who kept a checkpoint can tell.
  lines_[2] = PrintEntry(MakeEntry(77));
  WriteEntries(lines_);
  for (uint64_t size : {5, 13, 20}) Write(FileOf(size), NoteOver(lines_, size));
  EXPECT_THAT(Verify().findings, testing::IsEmpty());
  EXPECT_THAT(Finding({kept}), HasSubstr("the gateway showed two histories"));
  Write("kept.txt", NoteOver(std::vector<std::string>(40, lines_[0]), 40));
  EXPECT_THAT(Finding({kept}), HasSubstr("over 40 entries, but only 20"));
}

TEST_F(AuditVerify, ACheckpointByAnotherKeyOrOfAnotherGatewayIsRefused) {
  const std::string good = base::ReadFile(dir_ + "/" + FileOf(13)).value();
  std::string changed = good;
  changed[good.size() - 10] ^= 1;
  Write(FileOf(13), changed);
  EXPECT_FALSE(Finding().empty());

  const Checkpoint forged{paygate::audit::OriginOf(certificate_.subject_id()), 13,
                          std::string(32, 'x'), protocol::kTestNow};
  const auto stranger = protocol::NewKey().AsSigner().value();
  Write(FileOf(13),
        paygate::audit::SignCheckpoint(forged, key_.public_key(), *stranger).value());
  EXPECT_THAT(Finding(), HasSubstr("by no certified key of this gateway"));

  // A participant's certificate is no gateway's, though the same CA signed it.
  const auto participant = pki_.Leaf(protocol::Role::kParticipantSignature, key_.public_key());
  Write("certificates.pem", participant.ToPem() + pki_.issuing.ToPem());
  EXPECT_FALSE(Finding().empty());
}

TEST_F(AuditVerify, ACertificateUnderAnotherRootIsRefused) {
  const protocol::TestPki other;
  Write("root.pem", other.root.ToPem());
  EXPECT_THAT(Finding(), HasSubstr("certificates.pem"));
}

TEST_F(AuditVerify, NothingSignedIsNotGood) {
  for (uint64_t size : {5, 13, 20}) fs::remove(dir_ + "/" + FileOf(size));
  EXPECT_THAT(Finding(), HasSubstr("there is no checkpoint"));
}

TEST_F(AuditVerify, WhatCannotBeReadIsSaidToBeUnchecked) {
  fs::remove(dir_ + "/entries.jsonl");
  EXPECT_EQ(VerifyLog({dir_, dir_ + "/root.pem", {}}).error().code, base::ErrorCode::kIo);
}

}  // namespace
}  // namespace paygate::tools::audit
