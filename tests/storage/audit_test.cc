// The audit log in the store: each promise has its entry, whatever happens in between.
#include "storage/audit_log.h"

#include <map>
#include <set>
#include <thread>

#include "audit/checkpoint.h"
#include "base/encoding.h"
#include "storage/rocksdb/tickets.h"
#include "tests/storage/fixture.h"
#include "tests/storage/writer.h"

namespace paygate::storage {
namespace {

using audit::Entry;
using audit::EntryKind;

class Audit : public StoreTest {
 protected:
  AuditLog& log() { return store_->audit(); }
  void NumberAll() {
    while (log().Number(100).value() == 100) {
    }
  }
  // All entries; checks numbers and tree on the way.
  std::vector<Entry> Entries() {
    NumberAll();
    std::vector<Entry> entries;
    audit::Frontier frontier;
    EXPECT_TRUE(log().ForEach(0, [&](uint64_t number, std::string_view line) {
      EXPECT_EQ(number, entries.size()) << "a gap in the numbers";
      entries.push_back(audit::ParseEntry(line).value());
      (void)frontier.Append(audit::HashLeaf(line));
      return true;
    }));
    EXPECT_EQ(log().Head().size, frontier.size());
    EXPECT_EQ(base::HexEncode(log().Head().root), base::HexEncode(frontier.Root()));
    return entries;
  }
  std::vector<std::string> Kinds() {
    std::vector<std::string> kinds;
    for (const Entry& entry : Entries()) kinds.emplace_back(Name(entry.kind));
    return kinds;
  }
};

TEST_F(Audit, EveryPromiseLeavesItsEntryInOrder) {
  Issue("sale");
  Issue("unsold");
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  ASSERT_TRUE(store_->authorisations().RecordOutcome(Completed(intent)));
  ASSERT_TRUE(Settle(Completed(intent)));
  ASSERT_TRUE(store_->csblks().Cancel("unsold", "seller", At(9)));
  ASSERT_TRUE(store_->registrations().Complete(
      {"request", "id", "V", "P", "registered", At(0)}));
  ASSERT_TRUE(store_->certificates().Hold("id", "a note with GB33BUKB20201555555555", At(1)));
  ASSERT_TRUE(store_->certificates().Release("id", At(2)));
  ASSERT_TRUE(store_->certificates().Revoke("id", RevocationReason::kKeyCompromise, At(3)));
  ASSERT_TRUE(store_->bank_notices().Apply(
      "adapter", {"cursor", "another", RevocationReason::kSuperseded}, At(4)));
  ASSERT_TRUE(log().Append({EntryKind::kOperator, At(5), {"id", "participants.hold", "0"}}));
  EXPECT_EQ(Kinds(), (std::vector<std::string>{
                         "csblk-issued", "csblk-issued", "authorised", "outcome", "results",
                         "csblk-cancelled", "certified", "held", "released", "revoked", "revoked",
                         "operator"}));
  const auto about = log().About("payment").value();
  EXPECT_EQ(about, (std::vector<uint64_t>{2, 3, 4}));
  for (const Entry& entry : Entries()) {
    for (const std::string& value : entry.values) {
      EXPECT_EQ(value.find("GB33"), std::string::npos) << "what a person wrote is in no entry";
    }
  }
}

TEST_F(Audit, WhatChangedNothingLeavesNoEntry) {
  Issue("sale");
  Recorded(MakeIntent("payment", "sale"));
  const auto before = Kinds();
  EXPECT_EQ(Record(MakeIntent("payment", "sale")), RecordVerdict::kSeenBefore);
  EXPECT_EQ(Record(MakeIntent("other", "sale")), RecordVerdict::kInFlight);
  EXPECT_TRUE(store_->csblks().Issue(MakeCsblk("sale")));
  EXPECT_FALSE(store_->csblks().Cancel("sale", "seller", At(9)));
  EXPECT_FALSE(store_->certificates().Revoke("nobody", RevocationReason::kSuperseded, At(1)));
  EXPECT_EQ(Kinds(), before);
}

TEST_F(Audit, EntriesThatWaitAndThoseThatAreNumberedSurviveARestart) {
  Issue("one");
  Issue("two");
  EXPECT_EQ(log().Number(1).value(), 1u);
  const TreeHead head = log().Head();
  Reopen();
  EXPECT_EQ(log().Head().size, 1u);
  EXPECT_EQ(log().Head().root, head.root);
  Issue("three");
  const auto entries = Entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].subject(), "one");
  EXPECT_EQ(entries[1].subject(), "two");
  EXPECT_EQ(entries[2].subject(), "three");
}

TEST_F(Audit, ManyWritersAndANumbererMakeOneLogWithoutGaps) {
  constexpr int kThreads = 16, kEach = 40;
  {
    std::vector<std::jthread> threads;
    std::atomic<int> left = kThreads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string id = std::to_string(t) + "." + std::to_string(i);
          Issue("sale " + id);
          EXPECT_TRUE(Settle(Completed(Recorded(MakeIntent(id, "sale " + id)))));
        }
        --left;
      });
    }
    while (left > 0) EXPECT_TRUE(log().Number(37));
  }
  std::map<std::string, std::vector<EntryKind>> by_payment;
  size_t issued = 0;
  for (const Entry& entry : Entries()) {
    if (entry.kind == EntryKind::kCsblkIssued) {
      ++issued;
    } else {
      by_payment[entry.subject()].push_back(entry.kind);
    }
  }
  EXPECT_EQ(issued, size_t{kThreads * kEach});
  EXPECT_EQ(by_payment.size(), size_t{kThreads * kEach});
  for (const auto& [id, kinds] : by_payment) {
    // The authorisation was durable before its outcome began; the other two are one batch.
    EXPECT_EQ(kinds, (std::vector{EntryKind::kAuthorised, EntryKind::kOutcome,
                                  EntryKind::kResults}))
        << id;
  }
}

TEST_F(Audit, ProvesEachEntryToWhoHasACheckpoint) {
  for (int i = 0; i < 21; ++i) Issue("sale " + std::to_string(i));
  NumberAll();
  const audit::Hash old_root = log().Head().root;
  for (int i = 21; i < 30; ++i) Issue("sale " + std::to_string(i));
  NumberAll();
  std::vector<std::string> lines;
  ASSERT_TRUE(log().ForEach(0, [&](uint64_t, std::string_view line) {
    lines.emplace_back(line);
    return true;
  }));
  for (uint64_t i = 0; i < 30; ++i) {
    const audit::Hash leaf = audit::HashLeaf(lines[i]);
    const auto proof = log().InclusionProof(i, 30).value();
    EXPECT_TRUE(audit::VerifyInclusion(leaf, i, 30, proof, log().Head().root));
    if (i >= 21) continue;
    const auto older = log().InclusionProof(i, 21).value();
    EXPECT_TRUE(audit::VerifyInclusion(leaf, i, 21, older, old_root));
  }
  EXPECT_EQ(CodeOf(log().InclusionProof(0, 31)), base::ErrorCode::kInvalidArgument);
}

TEST_F(Audit, KeepsCheckpointsAndWhoSignedThem) {
  EXPECT_FALSE(log().LatestCheckpoint().value());
  ASSERT_TRUE(log().KeepCheckpoint({3, "three"}, {"leaf", "issuer"}));
  ASSERT_TRUE(log().KeepCheckpoint({300, "three hundred"}, {"other leaf", "issuer"}));
  Reopen();
  EXPECT_EQ(log().LatestCheckpoint().value()->note, "three hundred");
  EXPECT_EQ(log().Checkpoints(0, 9).value().size(), 2u);
  EXPECT_EQ(log().Checkpoints(0, 1).value()[0].note, "three");
  EXPECT_EQ(log().Checkpoints(3, 9).value()[0].size, 300u);
  EXPECT_EQ(log().SigningCertificates().value().size(), 3u);
}

TEST_F(Audit, LogAndStoreAgreeAfterEveryKillNine) {
  constexpr int kRounds = 8;
  std::mt19937_64 random(Seed());
  std::vector<std::string> before;
  for (int round = 0; round < kRounds; ++round) {
    store_.reset();
    Writer writer(directory_.store(), "r" + std::to_string(round));
    const auto promises = writer.KillAfter(1 + random() % 300);
    Reopen();
    std::set<std::string> authorised, finished;
    std::vector<std::string> lines;
    for (const Entry& entry : Entries()) {
      lines.push_back(PrintEntry(entry));
      if (entry.kind == EntryKind::kAuthorised) authorised.insert(entry.subject());
      if (entry.kind == EntryKind::kResults) finished.insert(entry.subject());
    }
    ASSERT_GE(lines.size(), before.size());
    lines.resize(before.size());
    EXPECT_EQ(lines, before) << "the past is another one after a crash";
    for (const Entry& entry : Entries()) before.push_back(PrintEntry(entry));
    before.erase(before.begin(), before.begin() + static_cast<long>(lines.size()));
    // Every promise has its entry, and every entry its promise.
    for (const std::string& promise : promises) {
      EXPECT_TRUE((promise[0] == 'i' ? authorised : finished).contains(promise.substr(1)));
    }
    for (const std::string& id : authorised) {
      const auto payment = store_->payments().Find(id).value();
      ASSERT_TRUE(payment) << id;
      EXPECT_EQ(!payment->results.receipt.empty(), finished.contains(id)) << id;
    }
  }
}

TEST(Tickets, TheOldestIsTheFirstWhoseRowMayStillCome) {
  rocksdb::Tickets tickets;
  tickets.StartAt(7);
  EXPECT_EQ(tickets.Oldest(), 7u);
  const uint64_t first = tickets.Take(), second = tickets.Take();
  EXPECT_EQ(first, 7u);
  tickets.GiveBack(second);
  EXPECT_EQ(tickets.Oldest(), 7u) << "it is not written yet";
  tickets.GiveBack(first);
  EXPECT_EQ(tickets.Oldest(), 9u);
}

}  // namespace
}  // namespace paygate::storage
