// What Open refuses, what damage looks like from above, and what a thief of the disk finds.
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include "base/crypto.h"
#include "base/file.h"
#include "storage/rocksdb/database.h"
#include "storage/rocksdb/records.h"
#include "tests/storage/fixture.h"
#include "tests/storage/writer.h"

namespace paygate::storage {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using testing::HasSubstr;

class AStore : public StoreTest {};

TEST_F(AStore, RefusesAStoreOfANewerProgram) {
  store_.reset();
  const std::string version = directory_.store() + "/VERSION";
  ASSERT_EQ(base::ReadFile(version).value(), "paygate-store 2\n");
  ASSERT_TRUE(base::ReplaceFile(version, "paygate-store 3 whatever it says\n"));
  const auto newer = rocksdb::OpenRocksStore(directory_.store());
  EXPECT_EQ(CodeOf(newer), ErrorCode::kInvalidArgument);
  EXPECT_THAT(newer.error().message, HasSubstr("version 3"));
  EXPECT_THAT(newer.error().message, HasSubstr("version 2"));
  for (const char* text : {"", "paygate-store", "paygate-store x\n", "paygate-store 1", "\n",
                           "paygate-store 0\n", "paygate-store 1 created\n"}) {
    ASSERT_TRUE(base::ReplaceFile(version, text));
    EXPECT_EQ(CodeOf(rocksdb::OpenRocksStore(directory_.store())), ErrorCode::kInvalidArgument);
  }
}

TEST_F(AStore, RefusesAStoreThatAnotherHolds) {
  const auto second = rocksdb::OpenRocksStore(directory_.store());
  EXPECT_EQ(CodeOf(second), ErrorCode::kAlreadyExists);
  store_.reset();
  Writer writer(directory_.path() + "/held", "w");
  // It has promised something, so it holds the store; it is killed after this block.
  const auto third = [&] {
    char byte = 0;
    EXPECT_EQ(read(writer.promises(), &byte, 1), 1);
    return rocksdb::OpenRocksStore(directory_.path() + "/held");
  }();
  EXPECT_EQ(CodeOf(third), ErrorCode::kAlreadyExists);
  EXPECT_THAT(third.error().message, HasSubstr("held by another process"));
  writer.KillAfter(0);
}

TEST_F(AStore, RefusesADirectoryThatIsNotAStore) {
  const std::string other = directory_.path() + "/other";
  ASSERT_TRUE(base::MakePrivateDirectory(other));
  ASSERT_TRUE(base::WriteNewFile(other + "/letter.txt", "hello"));
  EXPECT_EQ(CodeOf(rocksdb::OpenRocksStore(other)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(base::ReadFile(other + "/letter.txt").value(), "hello");
}

TEST_F(AStore, NeverPutsAnEmptyStoreInPlaceOfALostOne) {
  store_.reset();
  fs::remove_all(directory_.store() + "/db");
  EXPECT_EQ(CodeOf(rocksdb::OpenRocksStore(directory_.store())), ErrorCode::kIo);
  EXPECT_FALSE(fs::exists(directory_.store() + "/db"));
}

TEST_F(AStore, FinishesACreationThatWasCutShort) {
  const std::string cut = directory_.path() + "/cut";
  ASSERT_TRUE(base::MakePrivateDirectory(cut));
  ASSERT_TRUE(base::WriteNewFile(cut + "/VERSION", "paygate-store 1 creating\n"));
  EXPECT_TRUE(rocksdb::OpenRocksStore(cut));
  EXPECT_EQ(base::ReadFile(cut + "/VERSION").value(), "paygate-store 2\n");
}

TEST_F(AStore, OfAnOlderReleaseIsReadAndThenClosedToThatRelease) {
  const std::string jwe = "eyJhIjoxfQ..aXY.Y2lwaGVydGV4dA.dGFn";
  store_.reset();
  const std::string version = directory_.store() + "/VERSION";
  ASSERT_TRUE(base::ReplaceFile(version, "paygate-store 1\n"));
  {
    auto database =
        rocksdb::Database::Open(::rocksdb::Env::Default(), directory_.store() + "/db", false)
            .value();
    rocksdb::Batch batch(*database);
    batch.Put(rocksdb::Family::kAccounts, "payment", rocksdb::EncodeBytes(jwe));  // as text
    ASSERT_TRUE(database->Write(batch));
  }
  Reopen();
  EXPECT_EQ(store_->payments().SealedAccounts("payment").value(), jwe);
  EXPECT_EQ(base::ReadFile(version).value(), "paygate-store 2\n");
}

TEST_F(AStore, GetsTheFamiliesThatAnOlderReleaseDidNotHaveAndKeepsWhatIsInTheOthers) {
  Issue("sale");
  Recorded(MakeIntent("payment", "sale"));
  store_.reset();
  const std::string path = directory_.store() + "/db";
  std::vector<std::string> names;
  ASSERT_TRUE(::rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
  {
    std::vector<::rocksdb::ColumnFamilyDescriptor> all;
    for (const std::string& name : names) all.emplace_back(name, ::rocksdb::ColumnFamilyOptions());
    std::vector<::rocksdb::ColumnFamilyHandle*> handles;
    ::rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(::rocksdb::DB::Open({}, path, all, &handles, &opened).ok());
    const std::unique_ptr<::rocksdb::DB> db(opened);
    for (auto* handle : handles) {
      const std::string& name = handle->GetName();
      if (name == "claims" || name == "staged" || name == "unreconciled") {
        ASSERT_TRUE(db->DropColumnFamily(handle).ok());
      }
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
  }
  Reopen();
  EXPECT_TRUE(store_->payments().Find("payment").value());
  Issue("another sale");  // which records an entry of the audit log in "staged"
  Reopen();
  EXPECT_TRUE(store_->csblks().Find("another sale").value());
  EXPECT_TRUE(store_->payments().Find("payment").value());
  std::vector<std::string> now;
  ASSERT_TRUE(::rocksdb::DB::ListColumnFamilies({}, path, &now).ok());
  EXPECT_THAT(now, testing::UnorderedElementsAreArray(names));
}

TEST_F(AStore, AnswersADamagedRecordWithAnErrorThatNamesIt) {
  Issue("sale");
  Recorded(MakeIntent("payment", "sale"));
  store_.reset();
  {
    auto database =
        rocksdb::Database::Open(::rocksdb::Env::Default(), directory_.store() + "/db", false)
            .value();
    rocksdb::Batch batch(*database);
    batch.Put(rocksdb::Family::kIntents, "payment", "\x01garbage");
    batch.Put(rocksdb::Family::kCsblkStates, "sale", "");
    ASSERT_TRUE(database->Write(batch));
  }
  Reopen();
  const auto payment = store_->payments().Find("payment");
  EXPECT_EQ(CodeOf(payment), ErrorCode::kIo);
  EXPECT_THAT(payment.error().message, HasSubstr("intents/"));
  EXPECT_EQ(CodeOf(store_->csblks().Find("sale")), ErrorCode::kIo);
  EXPECT_EQ(CodeOf(store_->authorisations().RecordIntent(MakeIntent("p2", "sale"))),
            ErrorCode::kIo);
  EXPECT_TRUE(store_->Healthy());
}

TEST_F(AStore, OnAStolenDiskShowsNoAccountNumber) {
  const std::string buyer = "GB33BUKB20201555555555", seller = "DE89370400440532013000";
  const base::SecretBytes key = base::RandomSecret(32);
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i), sale = "sale " + n;
    Issue(sale);
    IntentRecord intent = MakeIntent("payment " + n, sale);
    intent.prepared = base::AeadSeal(key, "debit " + buyer + " credit " + seller, n);
    const Intent recorded = Recorded(intent);
    EXPECT_EQ(base::AeadOpen(key, store_->payments().Find("payment " + n).value()->intent.record()
                                      .prepared, n).value(),
              "debit " + buyer + " credit " + seller);
    if (i % 3 == 0) {
      ASSERT_TRUE(Settle(Completed(recorded), {{"seller", "jwe"}}));
    } else if (i % 3 == 1) {
      ASSERT_TRUE(store_->authorisations().RecordOutcome(Failed(recorded)));
    }
  }
  store_.reset();
  {  // into SST files, and compacted
    auto database =
        rocksdb::Database::Open(::rocksdb::Env::Default(), directory_.store() + "/db", false)
            .value();
    ASSERT_TRUE(database->CompactForTest());
  }
  Reopen();
  size_t files = 0, marks = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_.store())) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = base::ReadFile(entry.path()).value();
    ++files;
    marks += bytes.find("print of Cert_PB") != std::string::npos;
    for (const std::string& iban : {buyer, seller}) {
      EXPECT_EQ(bytes.find(iban), std::string::npos) << entry.path();
      EXPECT_EQ(bytes.find(iban.substr(8)), std::string::npos) << entry.path();
    }
  }
  EXPECT_GT(files, 5u);
  EXPECT_GT(marks, 0u);  // the search looked where records are
}

}  // namespace
}  // namespace paygate::storage
