// What survives: kill -9, a log that ends in the middle, a disk that fails.
#include <rocksdb/env.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>

#include "base/file.h"
#include "storage/rocksdb/open_on.h"
#include "tests/doubles/failing_fs.h"
#include "tests/storage/fixture.h"
#include "tests/storage/writer.h"

namespace paygate::storage {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using testing::HasSubstr;

class Durability : public StoreTest {};

// ---- kill -9 ----

TEST_F(Durability, EveryPromiseSurvivesKillNine) {
  constexpr int kRounds = 12;
  std::mt19937_64 random(Seed());
  std::vector<std::string> promises;
  for (int round = 0; round < kRounds; ++round) {
    store_.reset();
    Writer writer(directory_.store(), "r" + std::to_string(round));
    const auto made = writer.KillAfter(1 + random() % 200);
    promises.insert(promises.end(), made.begin(), made.end());
    Reopen();
    for (const std::string& promise : promises) {
      const std::string id = promise.substr(1);
      const auto payment = store_->payments().Find(id).value();
      ASSERT_TRUE(payment) << promise << " is lost in round " << round;
      const auto csblk = store_->csblks().Find("sale " + id).value();
      ASSERT_TRUE(csblk);
      if (promise[0] == 's') {
        ASSERT_EQ(payment->results.receipt, "receipt of " + id);
        ASSERT_EQ(csblk->state, CsblkState::kPaid);
      }
      ASSERT_EQ(csblk->payment_id, id);
    }
  }
  // Every settled payment left one message, promised or not, and every open one is listed.
  std::set<std::string> mail;
  for (uint64_t after = 0;;) {
    const MailboxPage page = store_->mailbox().Read("seller", after, 50, 65536).value();
    if (page.messages.empty()) break;
    for (const auto& m : page.messages) EXPECT_TRUE(mail.insert(m.jwe).second) << m.jwe << " twice";
    after = page.messages.back().cursor;
  }
  const auto open = OpenPayments();
  for (const std::string& promise : promises) {
    const std::string id = promise.substr(1);
    const bool settled = mail.contains("jwe " + id);
    EXPECT_NE(settled, std::ranges::count(open, id) == 1) << id;
    EXPECT_TRUE(settled || promise[0] != 's') << id;
  }
}

// ---- A log that ends in the middle, and one that is damaged ----

std::string LogOf(const std::string& store) {
  std::string newest;
  for (const auto& entry : fs::directory_iterator(store + "/db")) {
    const std::string path = entry.path();
    if (path.ends_with(".log") && fs::file_size(path) > 0) newest = std::max(newest, path);
  }
  return newest;
}

// Copies the store, lets `spoil` work on the log's bytes, and opens the copy.
base::Result<std::unique_ptr<Store>> OpenSpoilt(const std::string& store, const std::string& copy,
                                                const std::function<void(std::string&)>& spoil) {
  fs::remove_all(copy);
  fs::copy(store, copy, fs::copy_options::recursive);
  fs::permissions(copy, fs::perms::owner_all);
  const std::string log = LogOf(copy);
  std::string bytes = base::ReadFile(log).value();
  spoil(bytes);
  std::ofstream(log, std::ios::trunc | std::ios::binary) << bytes;
  return rocksdb::OpenRocksStore(copy);
}

// The length field of a record: damaged within the last block of the log it looks like a torn tail.
bool InLengthField(const std::string& log, size_t at) {
  constexpr size_t kHeader = 7;  // crc: 4, length: 2, type: 1
  for (size_t begin = 0; begin + kHeader <= log.size();) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(log[begin + i]); };
    if (at == begin + 4 || at == begin + 5) return true;
    begin += kHeader + (byte(4) | byte(5) << 8);
    if (at < begin) return false;
  }
  return false;
}

class TheLog : public Durability {
 protected:
  // Three payments; where the third one's record begins and ends in the log.
  void RecordThree() {
    for (const char* n : {"1", "2", "3"}) Issue(std::string("sale ") + n);
    Recorded(MakeIntent("payment 1", "sale 1"));
    Recorded(MakeIntent("payment 2", "sale 2"));
    begin_ = fs::file_size(LogOf(directory_.store()));
    Recorded(MakeIntent("payment 3", "sale 3"));
    end_ = fs::file_size(LogOf(directory_.store()));
    store_.reset();
    ASSERT_GT(end_, begin_ + 100);
  }
  std::string copy() const { return directory_.path() + "/copy"; }
  size_t begin_ = 0, end_ = 0;
};

TEST_F(TheLog, MayEndInsideTheLastRecord) {
  RecordThree();
  std::mt19937_64 random(Seed());
  for (int round = 0; round < 12; ++round) {
    const size_t cut = begin_ + random() % (end_ - begin_);
    auto store = OpenSpoilt(directory_.store(), copy(), [&](std::string& b) { b.resize(cut); });
    ASSERT_TRUE(store) << "cut at " << cut << ": " << store.error().ToString();
    EXPECT_TRUE((*store)->payments().Find("payment 2").value());
    EXPECT_FALSE((*store)->payments().Find("payment 3").value());
    EXPECT_EQ((*store)->csblks().Find("sale 3").value()->state, CsblkState::kPayable);
  }
}

TEST_F(TheLog, ThatEndsInsideARecordRaisesAnAlarm) {
  RecordThree();
  std::mt19937_64 random(Seed());
  testing::internal::CaptureStderr();
  store_ = OpenSpoilt(directory_.store(), copy(), [](std::string&) {}).value();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  store_.reset();

  const std::string log = base::ReadFile(LogOf(directory_.store())).value();
  size_t length = 0;  // the high byte of some record's length
  while (!InLengthField(log, length) || InLengthField(log, length + 1)) length = random() % begin_;
  for (const bool torn : {true, false}) {
    testing::internal::CaptureStderr();
    store_ = OpenSpoilt(directory_.store(), copy(), [&](std::string& b) {
               torn ? b.resize(end_ - 1) : void(b[length] = static_cast<char>(b[length] ^ 0x20));
             }).value();
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("alarm paygate store.log_torn"));
    store_.reset();
  }
}

TEST_F(TheLog, MayEndInZeroesOfSpaceThatWasSetAside) {
  RecordThree();
  auto store = OpenSpoilt(directory_.store(), copy(), [&](std::string& b) {
    b.resize(begin_);
    b.append(20000, '\0');
  });
  ASSERT_TRUE(store) << store.error().ToString();
  EXPECT_TRUE((*store)->payments().Find("payment 2").value());
}

TEST_F(TheLog, IsRefusedWhenAnAcknowledgedRecordInItIsDamaged) {
  RecordThree();
  std::mt19937_64 random(Seed());
  const std::string log = base::ReadFile(LogOf(directory_.store())).value();
  for (int round = 0; round < 12; ++round) {
    const size_t at = random() % begin_;
    if (InLengthField(log, at)) continue;
    const auto store = OpenSpoilt(directory_.store(), copy(),
                                  [&](std::string& b) { b[at] = static_cast<char>(b[at] ^ 0x20); });
    ASSERT_FALSE(store) << "a changed byte at " << at << " of " << end_ << " went unnoticed";
    EXPECT_EQ(store.error().code, ErrorCode::kIo);
    EXPECT_THAT(store.error().message, HasSubstr("damaged"));
  }
}

// ---- A disk that fails ----

class AFailingDisk : public Durability {
 protected:
  void SetUp() override {
    auto opened = rocksdb::OpenRocksStoreOn(env_.get(), directory_.store());
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = std::move(*opened);
  }
  // Every kind of write is refused, every read answers, and a restart mends it.
  void ExpectReadOnlyUntilRestart() {
    disk_.Mend();  // no matter: what the disk holds is unknown
    EXPECT_FALSE(store_->Healthy());
    const auto refused = ErrorCode::kStoreUnavailable;
    EXPECT_EQ(CodeOf(store_->authorisations().RecordIntent(MakeIntent("p3", "sale 3"))), refused);
    EXPECT_EQ(CodeOf(store_->csblks().Issue(MakeCsblk("sale 4"))), refused);
    EXPECT_EQ(CodeOf(store_->csblks().Cancel("sale 3", "seller", At(9))), refused);
    EXPECT_EQ(CodeOf(store_->refusals().Record("message", "jws", At(0))), refused);
    EXPECT_EQ(CodeOf(store_->registrations().Begin("request", "id", At(0))), refused);
    EXPECT_EQ(CodeOf(Settle(Completed(store_->payments().Find("p1").value()->intent))), refused);
    EXPECT_TRUE(store_->payments().Find("p1").value());
    EXPECT_EQ(StateOf("sale 3"), CsblkState::kPayable);
    Reopen();
    EXPECT_TRUE(store_->Healthy());
    EXPECT_TRUE(store_->payments().Find("p1").value());
    EXPECT_TRUE(Settle(Completed(store_->payments().Find("p1").value()->intent)));
  }

  doubles::FailingFileSystem disk_;
  // Shares the double without owning it.
  std::unique_ptr<::rocksdb::Env> env_ = ::rocksdb::NewCompositeEnv(
      std::shared_ptr<::rocksdb::FileSystem>(&disk_, [](::rocksdb::FileSystem*) {}));
};

TEST_F(AFailingDisk, WhoseFsyncFailsStopsAllWritesUntilRestart) {
  for (const char* n : {"1", "2", "3"}) Issue(std::string("sale ") + n);
  Recorded(MakeIntent("p1", "sale 1"));
  disk_.FailFsync(1);
  const auto failed = store_->authorisations().RecordIntent(MakeIntent("p2", "sale 2"));
  EXPECT_EQ(CodeOf(failed), ErrorCode::kStoreUnavailable);
  EXPECT_FALSE(store_->payments().Find("p2").value());
  EXPECT_EQ(StateOf("sale 2"), CsblkState::kPayable);
  ExpectReadOnlyUntilRestart();
}

TEST_F(AFailingDisk, ThatTakesNoMoreBytesStopsAllWritesUntilRestart) {
  for (const char* n : {"1", "2", "3"}) Issue(std::string("sale ") + n);
  Recorded(MakeIntent("p1", "sale 1"));
  disk_.FailAppend(1);
  const auto failed = store_->authorisations().RecordIntent(MakeIntent("p2", "sale 2"));
  EXPECT_EQ(CodeOf(failed), ErrorCode::kStoreUnavailable);
  ExpectReadOnlyUntilRestart();
  EXPECT_FALSE(store_->payments().Find("p2").value());
}

TEST_F(AFailingDisk, AmongManyWritersBreaksNoPromiseThatWasMade) {
  constexpr int kThreads = 16, kEach = 20;
  const uint64_t seed = Seed();
  for (int i = 0; i < kThreads * kEach; ++i) Issue("sale " + std::to_string(i));
  disk_.FailFsync(1 + static_cast<int64_t>(seed % 40));
  std::vector<std::set<std::string>> promised(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = t * kEach; i < (t + 1) * kEach; ++i) {
          const std::string id = "payment " + std::to_string(i);
          const auto r =
              store_->authorisations().RecordIntent(MakeIntent(id, "sale " + std::to_string(i)));
          if (r) promised[t].insert(id);
        }
      });
    }
  }
  disk_.Mend();
  EXPECT_FALSE(store_->Healthy());
  Reopen();
  for (const auto& ids : promised) {
    for (const std::string& id : ids) EXPECT_TRUE(store_->payments().Find(id).value()) << id;
  }
}

}  // namespace
}  // namespace paygate::storage
