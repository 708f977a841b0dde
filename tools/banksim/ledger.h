// Ledger: the network's books, kept durably; and the clock hand that settles what is pending and
// posts what is scheduled.
//
// Change runs a function on the books under the lock, applies the records that it returns and comes
// back when they, and everything before them, are on disk; so no answer tells what a kill could
// undo. One writer thread makes one fdatasync serve all that wait. A write that fails ends the
// program: nobody knows then what is on disk. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bank/adapters/embedded/journal.h"
#include "base/mutex.h"
#include "tools/banksim/books.h"

namespace paygate::banksim {

int64_t NowMs();  // the wall clock in Unix milliseconds: the simulator's only look at it

class Ledger {
 public:
  // What the inbox says of a pending transaction that has settled.
  using Notice = std::function<std::string(const Transaction& transaction)>;
  using Look = std::function<std::vector<Record>(Books& books)>;

  static base::Result<std::unique_ptr<Ledger>> Open(const Config& config, Notice notice);
  ~Ledger();

  void Change(const Look& look) EXCLUDES(mutex_);
  // The message number after + 1 of a bank's inbox, once it is there; empty after `wait_ms`.
  std::string Inbox(const std::string& bank, uint64_t after, int64_t wait_ms) EXCLUDES(mutex_);
  uint64_t NewestIn(const std::string& bank) EXCLUDES(mutex_);
  // Wakes whoever waits in Inbox, for good.
  void Stop() EXCLUDES(mutex_);
  uint64_t torn_bytes() const { return journal_->torn_bytes(); }

 private:
  Ledger(const Config& config, Notice notice);
  base::Status Load();
  void Put(const std::vector<Record>& records) REQUIRES(mutex_);
  void WaitDurable() REQUIRES(mutex_);
  void Write() EXCLUDES(mutex_);
  void TurnHand() EXCLUDES(mutex_);
  std::vector<Record> WhatIsDue(int64_t now) REQUIRES(mutex_);

  const Config& config_;
  const Notice notice_;
  std::unique_ptr<bank::embedded::Journal> journal_;  // of the writer thread, once it runs
  base::Mutex mutex_;
  base::CondVar work_, durable_changed_, hand_, posted_;
  Books books_ GUARDED_BY(mutex_);
  std::vector<std::string> waiting_ GUARDED_BY(mutex_);
  uint64_t queued_ GUARDED_BY(mutex_) = 0, durable_ GUARDED_BY(mutex_) = 0;  // records, counted
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread writer_, hand_thread_;
};

}  // namespace paygate::banksim
