// What the bank tells on its own account: it has a participant revoked who lost everything, or an
// account is closed and its certificates end with it. Asked for every few seconds; each notice is
// durable together with the cursor behind it, so that none is lost or taken twice in a crash.
// An adapter that has no notices is never asked. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/worker_pool.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class BankNotices {
 public:
  BankNotices(const base::Clock& clock, storage::BankNotices& store, bank::Bank& bank,
              base::WorkerPool& workers, std::chrono::seconds interval)
      : clock_(clock), store_(store), bank_(bank), workers_(workers), interval_(interval) {}

  void Tick();  // from the ticker

 private:
  void Take(const std::string& adapter, const bank::Notices& notices);
  bool Apply(const std::string& adapter, const bank::Notice& notice);

  const base::Clock& clock_;
  storage::BankNotices& store_;
  bank::Bank& bank_;
  base::WorkerPool& workers_;
  const std::chrono::seconds interval_;
  base::MonotonicTime next_{};         // of the ticker's thread
  std::atomic<bool> asking_ = false;   // one question at a time
  std::atomic<bool> more_ = false;     // the last answer was full
};

}  // namespace paygate::gateway::engine
