// What every test of the store needs: a directory of its own and short ways to make records.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "storage/rocksdb/rocks_store.h"
#include "storage/store.h"

namespace paygate::storage {

// Deleted with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "paygate-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string store() const { return path_ + "/store"; }

 private:
  std::string path_;
};

inline base::UnixTime At(int64_t seconds) { return base::FromNumericDate(1'800'000'000 + seconds); }

inline IntentRecord MakeIntent(const std::string& payment_id, const std::string& csblk_id,
                               const std::string& buyer_id = "buyer", int64_t recorded_at = 0) {
  return IntentRecord{
      .payment_id = payment_id,
      .csblk_id = csblk_id,
      .buyer_id = buyer_id,
      .seller_id = "seller",
      .authorisation = "authorisation of " + payment_id,
      .reply_certificate = "print of Cert_PB",
      .amount = base::Money::Of(1250, base::Currency::Parse("GBP").value()).value(),
      .authorised_at = At(recorded_at - 1),
      .recorded_at = At(recorded_at),
      .deadline = At(recorded_at + 60),
      .prepared_key = "2026-11-22",
      .prepared = "sealed bytes of " + payment_id,
  };
}

inline CsblkRecord MakeCsblk(const std::string& csblk_id, const std::string& seller_id = "seller") {
  return CsblkRecord{.csblk_id = csblk_id,
                     .confirmation_digest = "confirmation of " + csblk_id,
                     .seller_id = seller_id,
                     .nonce = "nonce of " + csblk_id,
                     .jws = "jws of " + csblk_id,
                     .reply_certificate = "print of Cert_PS",
                     .issued_at = At(0),
                     .expires_at = At(3600)};
}

inline SignedResults MakeResults(const std::string& payment_id) {
  return {"receipt of " + payment_id, "confirmation of " + payment_id};
}

inline Settlement Completed(const Intent& intent) {
  return Settlement::Decide(
      intent, {.completed = true, .reason = {}, .bank_reference = "ref", .evidence = "signed"},
      At(5));
}
inline Settlement Failed(const Intent& intent) {
  return Settlement::Decide(
      intent, {.completed = false, .reason = "AM04", .bank_reference = {}, .evidence = {}}, At(5));
}

inline uint64_t Seed() {
  const char* given = std::getenv("PAYGATE_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("PAYGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  // As after a restart.
  void Reopen() {
    store_.reset();
    auto opened = rocksdb::OpenRocksStore(directory_.store());
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = std::move(*opened);
  }
  void Issue(const std::string& csblk_id) {
    ASSERT_TRUE(store_->csblks().Issue(MakeCsblk(csblk_id)));
  }
  RecordVerdict Record(const IntentRecord& intent) {
    return store_->authorisations().RecordIntent(intent).value().verdict;
  }
  Intent Recorded(const IntentRecord& intent) {
    return store_->authorisations().RecordIntent(intent).value().intent.value();
  }
  base::Status Settle(const Settlement& settlement, const std::vector<Delivery>& deliveries = {}) {
    const SignedResults results = MakeResults(settlement.intent().payment_id());
    return store_->authorisations().Settle(settlement, results, deliveries);
  }
  CsblkState StateOf(const std::string& csblk_id) {
    return store_->csblks().Find(csblk_id).value().value().state;
  }
  std::vector<std::string> OpenPayments() {
    return store_->payments().OldestOpen(SIZE_MAX);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

template <typename T>
base::ErrorCode CodeOf(const std::expected<T, base::Error>& result) {
  EXPECT_FALSE(result);
  return result ? base::ErrorCode::kInternal : result.error().code;
}

}  // namespace paygate::storage
