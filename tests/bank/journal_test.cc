#include "bank/adapters/embedded/journal.h"

#include "tests/bank/bank_testing.h"

namespace paygate::bank::embedded {
namespace {

using testing::TempDir;

std::string Contents(const std::string& path) { return *base::ReadFile(path); }
void Put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

Journal::Visitor Into(std::vector<std::string>& records) {
  return [&records](std::string_view r) -> base::Status {
    records.emplace_back(r);
    return {};
  };
}

// Three blocks of 1, 2 and 1 records; returns where each block ends.
std::vector<size_t> Fill(const std::string& path) {
  std::vector<std::string> none;
  auto journal = Journal::Open(path, Into(none));
  EXPECT_TRUE(journal.has_value());
  std::vector<size_t> ends = {Contents(path).size()};
  for (const std::vector<std::string>& block :
       std::vector<std::vector<std::string>>{{"one"}, {"two", "three"}, {"four"}}) {
    EXPECT_TRUE((*journal)->Append(block).has_value());
    ends.push_back(Contents(path).size());
  }
  return ends;
}

TEST(BankJournal, KeepsEveryWholeBlockWhereverTheFileWasCut) {
  TempDir dir;
  const std::string path = dir / "j";
  const auto ends = Fill(path);
  const std::string whole = Contents(path);
  const std::vector<std::string> all = {"one", "two", "three", "four"};
  const size_t records_after[] = {0, 1, 3, 4};
  for (size_t n = 0; n <= whole.size(); ++n) {
    Put(path, whole.substr(0, n));
    size_t blocks = 0;
    while (blocks < 3 && ends[blocks + 1] <= n) ++blocks;
    std::vector<std::string> seen;
    {
      auto journal = Journal::Open(path, Into(seen));
      ASSERT_TRUE(journal.has_value()) << "cut at " << n << ": " << journal.error().message;
      EXPECT_EQ(seen, std::vector(all.begin(), all.begin() + records_after[blocks]));
      ASSERT_TRUE((*journal)->Append({"later"}).has_value());
    }
    seen.clear();
    ASSERT_TRUE(Journal::Replay(path, Into(seen)).has_value());
    EXPECT_EQ(seen.size(), records_after[blocks] + 1);
    EXPECT_EQ(seen.back(), "later");
  }
}

TEST(BankJournal, RefusesEveryDamagedByteAndLeavesTheFileAlone) {
  TempDir dir;
  const std::string path = dir / "j";
  Fill(path);
  const std::string whole = Contents(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 0x40;
    Put(path, damaged);
    std::vector<std::string> seen;
    EXPECT_FALSE(Journal::Open(path, Into(seen)).has_value()) << "byte " << i;
    EXPECT_EQ(Contents(path), damaged);
  }
}

TEST(BankJournal, CutsATailOfZerosAndRefusesABlockThatWasLeftOut) {
  TempDir dir;
  const std::string path = dir / "j";
  const auto ends = Fill(path);
  const std::string whole = Contents(path);
  std::vector<std::string> seen;
  Put(path, whole + std::string(100, '\0'));
  EXPECT_TRUE(Journal::Open(path, Into(seen)).has_value());
  EXPECT_EQ(Contents(path), whole);
  Put(path, whole.substr(0, ends[1]) + whole.substr(ends[2]));
  EXPECT_FALSE(Journal::Open(path, Into(seen)).has_value());
}

TEST(BankJournal, BelongsToOneProcessAtATime) {
  TempDir dir;
  std::vector<std::string> seen;
  auto first = Journal::Open(dir / "j", Into(seen));
  ASSERT_TRUE(first.has_value());
  auto second = Journal::Open(dir / "j", Into(seen));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, base::ErrorCode::kAlreadyExists);
  EXPECT_TRUE(Journal::Replay(dir / "j", Into(seen)).has_value());  // reading disturbs nobody
}

}  // namespace
}  // namespace paygate::bank::embedded
