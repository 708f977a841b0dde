// Ledger: the embedded bank's books, kept durably.
//
// Every answer is given only when all that it rests on is on disk: the decision is made in memory,
// its record joins the batch that waits, and one writer thread appends batch after batch (one write
// and one fdatasync each) and then gives the answers, in order. So answers come from the writer
// thread, exactly once, never from inside the call. After a failed write every answer is "unknown"
// until the process is started again: memory is then ahead of the disk.
// Bound: at most max_waiting requests (then false: nothing happened). Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "bank/adapters/embedded/books.h"
#include "bank/adapters/embedded/config.h"
#include "bank/adapters/embedded/journal.h"
#include "bank/adapters/embedded/order_file.h"
#include "base/mutex.h"

namespace paygate::bank::embedded {

class Ledger {
 public:
  using Now = std::function<int64_t()>;
  using TransferDone = std::move_only_function<void(TransferAnswer)>;
  // `asked` false: the ledger is broken, there is no answer.
  using VerifyDone = std::move_only_function<void(bool asked, VerifyAnswer)>;

  // Replays the journal, opens new accounts, and checks that money is conserved.
  static base::Result<std::unique_ptr<Ledger>> Open(Config config, Now now,
                                                    size_t max_waiting = 16384);
  ~Ledger();  // gives what is outstanding its answers, then ends

  // kMalformed for bytes that PrepareOrder did not make; kOverloaded at the bound.
  base::Status Submit(std::string_view prepared, TransferDone done) EXCLUDES(mutex_);
  base::Status Inquire(std::string_view prepared, TransferDone done) EXCLUDES(mutex_);
  base::Status VerifyAccount(std::string_view account, std::string_view participant,
                             VerifyDone done) EXCLUDES(mutex_);
  base::Status Enrol(std::string_view account, std::string_view code, std::string_view registration,
                     std::string_view participant, VerifyDone done) EXCLUDES(mutex_);

  // At most `limit` notices after the first `after`; `asked` as above.
  using NoticesDone = std::move_only_function<void(bool asked, std::vector<BankNotice>)>;
  base::Status Notices(uint64_t after, size_t limit, NoticesDone done) EXCLUDES(mutex_);

  struct Statement {
    std::vector<BankBooking> bookings;
    bool more = false;
    int64_t complete_until = 0;
  };
  using StatementDone = std::move_only_function<void(bool asked, Statement)>;
  base::Status AskStatement(uint64_t after, size_t limit, StatementDone done) EXCLUDES(mutex_);

  void Drain() EXCLUDES(mutex_);  // returns when nothing waits for an answer
  bool Healthy() const EXCLUDES(mutex_);
  base::Status CheckConservation() const EXCLUDES(mutex_);
  std::optional<int64_t> Balance(std::string_view account) const EXCLUDES(mutex_);
  uint64_t torn_bytes() const { return journal_->torn_bytes(); }

 private:
  struct Waiting {
    std::string record;  // empty: the answer rests on what was written before
    std::move_only_function<void(bool durable)> done;
  };
  Ledger(Config config, Now now, size_t max_waiting);
  base::Status Load();
  // Also takes what the bank's staff ordered meanwhile: it counts for this request already.
  base::Status CheckRoom() REQUIRES(mutex_);
  void Enqueue(const std::optional<Record>& record, std::move_only_function<void(bool)> done)
      REQUIRES(mutex_);
  void Write() EXCLUDES(mutex_);
  bool Append(const std::vector<Waiting>& batch);

  const Config config_;
  const Now now_;
  const size_t max_waiting_;
  std::unique_ptr<Journal> journal_;  // of the writer thread, once it runs

  mutable base::Mutex mutex_;
  base::CondVar work_;
  base::CondVar idle_;
  Books books_ GUARDED_BY(mutex_);
  OrderFile orders_ GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ GUARDED_BY(mutex_);
  size_t in_flight_ GUARDED_BY(mutex_) = 0;  // waiting or being written
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
  std::thread writer_;
};

}  // namespace paygate::bank::embedded
