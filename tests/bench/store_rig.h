// A store in a directory of its own, and payments of the usual size to be made durable in it.
#pragma once

#include <atomic>
#include <filesystem>

#include "base/crypto.h"
#include "storage/rocksdb/rocks_store.h"
#include "tests/bench/bench.h"

namespace paygate::bench {

struct StoreRig final : Fixture {
  StoreRig() {
    std::string pattern = std::filesystem::temp_directory_path() / "paygate-bench-XXXXXX";
    directory = mkdtemp(pattern.data());
    store = Must(storage::rocksdb::OpenRocksStore(directory + "/store"));
  }
  ~StoreRig() override {
    store.reset();
    std::filesystem::remove_all(directory);
  }
  bool Is() const { return true; }

  // A certified sale, ready to be paid: not measured.
  storage::IntentRecord Sell() {
    const std::string id = base::Sha256Base64Url(std::to_string(next++));
    const auto now = base::SystemClock().Now();
    Must(store->csblks().Issue({.csblk_id = "c" + id,
                                .confirmation_digest = "d" + id,
                                .seller_id = "seller",
                                .nonce = id,
                                .jws = std::string(900, 'j'),
                                .reply_certificate = id,
                                .issued_at = now,
                                .expires_at = now + std::chrono::days(14)}));
    return {.payment_id = id,
            .csblk_id = "c" + id,
            .buyer_id = "buyer",
            .seller_id = "seller",
            .authorisation = std::string(2800, 'a'),
            .reply_certificate = id,
            .amount = Must(base::Money::Parse("12.50", "GBP")),
            .authorised_at = now,
            .recorded_at = now,
            .deadline = now + std::chrono::seconds(120),
            .prepared_key = "2026-11-22",
            .prepared = std::string(400, 'p')};
  }
  storage::Intent Record(storage::IntentRecord record) {
    return *Must(store->authorisations().RecordIntent(std::move(record))).intent;
  }
  void Settle(const storage::Intent& intent) {
    const auto settlement = storage::Settlement::Decide(
        intent, {.completed = true, .reason = {}, .bank_reference = "reference", .evidence = {}},
        base::SystemClock().Now());
    Must(store->authorisations().Settle(
        settlement, {.receipt = std::string(2200, 'r'), .confirmation = std::string(2200, 'c')},
        {{"seller", std::string(3300, 's')}}));
  }

  std::string directory;
  std::unique_ptr<storage::Store> store;
  std::atomic<uint64_t> next = 0;
};

}  // namespace paygate::bench
