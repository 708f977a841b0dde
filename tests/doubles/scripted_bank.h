// A bank that does what a test tells it: every call is kept, and answered when the test says so,
// never, late, twice over or wrongly. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bank/bank.h"
#include "base/mutex.h"

namespace paygate::bank {

class ScriptedBank final : public Bank {
 public:
  enum class Call : uint8_t { kSubmit, kStatus };

  base::Result<Capabilities> GetCapabilities() override {
    return Capabilities{.notfound_is_final = notfound_is_final,
                        .returns = returns,
                        .enrolment = true,
                        .notices = true,
                        .statement = statement,
                        .adapter = "scripted"};
  }
  bool Healthy() const override { return true; }
  base::Result<std::string> Prepare(const Transfer& transfer) override {
    if (while_preparing) while_preparing();
    if (away) return base::Fail(base::ErrorCode::kBankUnavailable, "no host");
    return "prepared " + transfer.payment_id;
  }
  base::Result<std::string> PrepareReturn(const Return& ret) override {
    if (while_preparing) while_preparing();
    if (away) return base::Fail(base::ErrorCode::kBankUnavailable, "no host");
    return "return " + ret.refund_id + " of " + ret.bank_reference;
  }
  void Submit(std::string_view prepared, AnswerCallback done) override {
    Keep(Call::kSubmit, prepared, std::move(done));
  }
  void Status(std::string_view prepared, AnswerCallback done) override {
    Keep(Call::kStatus, prepared, std::move(done));
  }
  void VerifyAccount(std::string_view, std::string_view, VerificationCallback done) override {
    if (while_verifying) while_verifying();
    done(verification);
  }
  void VerifyEnrolment(std::string_view, std::string_view, std::string_view, std::string_view,
                       VerificationCallback done) override {
    done(verification);
  }

  void AskNotices(std::string_view after, NoticesCallback done) override {
    ++notices_asked;
    Notices answer = notices;
    std::erase_if(answer.list, [&](const Notice& n) { return n.cursor <= after; });
    done(std::move(answer));
  }

  // A page of `bookings` after this number; complete until `statement_complete_until`.
  void AskStatement(std::string_view after, StatementCallback done) override {
    ++statements_asked;
    StatementPage page{.answered = statement_answered,
                       .complete_until = statement_complete_until};
    const size_t from =
        std::min(after.empty() ? 0 : std::stoul(std::string(after)), bookings.size());
    const size_t end = std::min(bookings.size(), from + statement_page);
    if (page.answered) page.bookings.assign(bookings.begin() + from, bookings.begin() + end);
    page.cursor = std::to_string(end);
    page.more = page.answered && end < bookings.size();
    done(std::move(page));
  }

  // Answers the oldest call that waits. False if none does.
  bool Answer(Outcome outcome, std::string reason = {}) {
    AnswerCallback done;
    {
      base::MutexLock lock(mutex_);
      if (waiting_.empty()) return false;
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    done({.outcome = outcome,
          .reason = std::move(reason),
          .bank_reference = outcome == Outcome::kCompleted ? "REF1" : ""});
    return true;
  }
  // The engine that asked is gone: nobody is there to be answered.
  void Forget() {
    base::MutexLock lock(mutex_);
    waiting_.clear();
  }
  size_t waiting() const {
    base::MutexLock lock(mutex_);
    return waiting_.size();
  }
  std::vector<std::pair<Call, std::string>> calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }

  bool notfound_is_final = true;
  bool returns = true;
  Notices notices;  // none until a test sets it; their cursors sort as texts
  int notices_asked = 0;
  std::vector<Booking> bookings;  // of the statement; changed between runs alone
  bool statement = true;  // the capability
  bool statement_answered = true;
  base::UnixTime statement_complete_until{};
  size_t statement_page = kMaxBookings;
  std::atomic<int> statements_asked = 0;
  bool away = false;
  std::function<void()> while_preparing;  // what happens in the world meanwhile
  std::function<void()> while_verifying;  // an account
  Verification verification{.verdict = Verdict::kVerified};

 private:
  void Keep(Call call, std::string_view prepared, AnswerCallback done) {
    base::MutexLock lock(mutex_);
    calls_.emplace_back(call, prepared);
    waiting_.push_back(std::move(done));
  }

  mutable base::Mutex mutex_;
  std::vector<std::pair<Call, std::string>> calls_ GUARDED_BY(mutex_);
  std::deque<AnswerCallback> waiting_ GUARDED_BY(mutex_);
};

}  // namespace paygate::bank
