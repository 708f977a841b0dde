#include "tools/banksim/ledger.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"

namespace paygate::banksim {
namespace {

using base::MutexLock;
constexpr int64_t kLongestSleepMs = 1000;

std::chrono::steady_clock::time_point In(int64_t ms) {
  return base::SystemClock().Monotonic() + std::chrono::milliseconds(ms);
}

}  // namespace

// The wall clock has whole seconds: what lies between comes from the other.
int64_t NowMs() {
  static const base::SystemClock clock;
  static const auto begin = clock.Monotonic();
  static const int64_t begin_ms = base::ToNumericDate(clock.Now()) * 1000;
  const auto passed = clock.Monotonic() - begin;
  return begin_ms + std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

Ledger::Ledger(const Config& config, Notice notice)
    : config_(config), notice_(std::move(notice)), books_(config) {}

base::Result<std::unique_ptr<Ledger>> Ledger::Open(const Config& config, Notice notice) {
  std::unique_ptr<Ledger> ledger(new Ledger(config, std::move(notice)));
  RETURN_IF_ERROR(ledger->Load());
  ledger->writer_ = std::thread([raw = ledger.get()] { raw->Write(); });
  ledger->hand_thread_ = std::thread([raw = ledger.get()] { raw->TurnHand(); });
  return ledger;
}

base::Status Ledger::Load() {
  MutexLock lock(mutex_);
  const auto apply = [this](std::string_view bytes) NO_THREAD_SAFETY_ANALYSIS -> base::Status {
    ASSIGN_OR_RETURN(const Record record, DecodeRecord(bytes));
    return books_.Apply(record);
  };
  ASSIGN_OR_RETURN(journal_, bank::embedded::Journal::Open(config_.ledger, apply));
  std::vector<std::string> opened;
  for (const Record& record : books_.AccountsToOpen(NowMs())) {
    RETURN_IF_ERROR(books_.Apply(record));
    opened.push_back(EncodeRecord(record));
  }
  if (!opened.empty()) RETURN_IF_ERROR(journal_->Append(opened));
  return books_.Check();
}

Ledger::~Ledger() {
  Stop();
  if (hand_thread_.joinable()) hand_thread_.join();
  if (writer_.joinable()) writer_.join();
}

void Ledger::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  for (base::CondVar* changed : {&work_, &hand_, &posted_}) changed->NotifyAll();
}

void Ledger::Put(const std::vector<Record>& records) {
  for (const Record& record : records) {
    // What Decide made, Apply takes; if not, the books are wrong and nothing more may be said.
    if (auto applied = books_.Apply(record); !applied) {
      std::fprintf(stderr, "paygate-banksim: %s\n", applied.error().message.c_str());
      _exit(70);
    }
    waiting_.push_back(EncodeRecord(record));
    ++queued_;
  }
  if (records.empty()) return;
  work_.NotifyOne();
  hand_.NotifyOne();
}

void Ledger::WaitDurable() {
  const uint64_t mine = queued_;
  while (durable_ < mine) durable_changed_.Wait(mutex_);
}

void Ledger::Change(const Look& look) {
  MutexLock lock(mutex_);
  Put(look(books_));
  WaitDurable();
}

void Ledger::Write() {
  for (;;) {
    std::vector<std::string> batch;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) work_.Wait(mutex_);
      if (waiting_.empty()) return;
      batch.swap(waiting_);
    }
    std::vector<std::string> block;
    size_t bytes = 0;
    bool good = true;
    for (std::string& record : batch) {
      if (bytes + record.size() + 4 > bank::embedded::kMaxBlockBytes) {
        good = good && journal_->Append(block).has_value();
        block.clear();
        bytes = 0;
      }
      bytes += record.size() + 4;
      block.push_back(std::move(record));
    }
    if (!good || !journal_->Append(block)) {
      std::fprintf(stderr, "paygate-banksim: cannot write the ledger %s\n", config_.ledger.c_str());
      _exit(74);
    }
    MutexLock lock(mutex_);
    durable_ += batch.size();
    durable_changed_.NotifyAll();
  }
}

std::vector<Record> Ledger::WhatIsDue(int64_t now) {
  std::vector<Record> records;
  for (const auto& [due, id] : books_.pending()) {
    if (due > now) break;
    if (auto record = books_.DecideSettlement(id, now)) {
      Transaction settled = *books_.Find(id);
      settled.state = State::kCompleted;
      records.push_back(std::move(*record));
      records.push_back({.kind = RecordKind::kScheduled,
                         .time = now,
                         .bank = settled.bank,
                         .text = notice_(settled),
                         .due = now});
    }
    break;  // the next one's balances follow from this one's
  }
  if (!records.empty()) return records;
  for (const auto& [due, message] : books_.scheduled()) {
    if (due > now) break;
    records.push_back(
        {.kind = RecordKind::kPosted, .time = now, .bank = message.first, .due = due});
  }
  return records;
}

void Ledger::TurnHand() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const std::vector<Record> records = WhatIsDue(NowMs());
    if (!records.empty()) {
      Put(records);
      WaitDurable();
      posted_.NotifyAll();
      continue;
    }
    int64_t next = kLongestSleepMs;
    if (!books_.pending().empty()) next = std::min(next, books_.pending().begin()->first - NowMs());
    if (!books_.scheduled().empty())
      next = std::min(next, books_.scheduled().begin()->first - NowMs());
    hand_.WaitUntil(mutex_, In(std::max<int64_t>(next, 1)));
  }
}

std::string Ledger::Inbox(const std::string& bank, uint64_t after, int64_t wait_ms) {
  const auto deadline = In(wait_ms);
  MutexLock lock(mutex_);
  for (;;) {
    const auto& messages = books_.InboxOf(bank);
    if (after < messages.size()) {
      std::string message = messages[after];
      WaitDurable();
      return message;
    }
    if (stopping_ || !posted_.WaitUntil(mutex_, deadline)) return "";
  }
}

uint64_t Ledger::NewestIn(const std::string& bank) {
  MutexLock lock(mutex_);
  return books_.InboxOf(bank).size();
}

}  // namespace paygate::banksim
