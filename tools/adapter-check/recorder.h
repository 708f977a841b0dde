// Recorder: what the adapter under check was asked, and every completion it makes, however wrong.
//
// The adapter gets a number, never a pointer, as its ctx. The first breach of bank_adapter.h is
// kept as a sentence; everything after it is only counted as what it is. One for each process,
// because completions come by plain C functions. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bank/include/bank_adapter.h"
#include "base/mutex.h"

namespace paygate::adaptercheck {

// A starting function that takes longer than this waits for something.
constexpr std::chrono::seconds kPromptly{5};

struct Completion {
  uint32_t word = 0;  // outcome, verdict, or whether notices or statement were answered
  std::string reason, reference, currency;
  std::vector<std::string> cursors;
  struct Booking {
    std::string id, currency, reference;
    uint32_t kind = 0;
    int64_t amount = 0, booked = 0;
    bool operator==(const Booking&) const = default;
  };
  std::vector<Booking> bookings;  // of a statement, as the next
  std::string cursor;
  bool more = false;
  int64_t complete_until = 0;
};

class Recorder {
 public:
  static Recorder& Get();

  struct Started {
    uint64_t id = 0;
    int returned = 0;  // nonzero: refused
  };
  // `what` is the function's name. `start` is given the ctx.
  Started Start(const char* what, const std::function<int(void*)>& start) EXCLUDES(mutex_);
  // The completion; nothing after `limit`, which is noted as a breach.
  std::optional<Completion> Wait(uint64_t id, std::chrono::seconds limit) EXCLUDES(mutex_);
  size_t open_calls() const EXCLUDES(mutex_);
  void Closed() EXCLUDES(mutex_);  // close() has returned
  // Looks on for `time`, or until there is a breach.
  void Watch(std::chrono::milliseconds time) EXCLUDES(mutex_);
  void Note(const std::string& breach) EXCLUDES(mutex_);
  std::string breach() const EXCLUDES(mutex_);  // empty: none

  static void OnTransfer(void* ctx, const paygate_bank_result* result);
  static void OnVerified(void* ctx, const paygate_bank_verification* verification);
  static void OnNotices(void* ctx, const paygate_bank_notice_list* list);
  static void OnStatement(void* ctx, const paygate_bank_statement_page* page);

 private:
  struct Call {
    const char* what;
    bool refused = false;
    std::optional<Completion> end;
  };
  void Complete(void* ctx, Completion completion, const std::string& fault) EXCLUDES(mutex_);
  void NoteLocked(const std::string& breach) REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Call> calls_ GUARDED_BY(mutex_);
  size_t open_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::string breach_ GUARDED_BY(mutex_);
};

}  // namespace paygate::adaptercheck
