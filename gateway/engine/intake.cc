#include "gateway/engine/intake.h"

#include <iterator>
#include <utility>

#include "base/log.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;

constexpr std::chrono::seconds kLogInterval{1};
constexpr int64_t kMillion = 1'000'000;
constexpr std::string_view kBeginnings[] = {"/v1/registrations", "/v1/seller-blocks/challenge"};

size_t PartOf(size_t bound) { return std::max<size_t>(1, bound / Intake::kStandingPart); }

}  // namespace

Precedence PrecedenceOf(std::string_view path) {
  const bool begins = std::ranges::find(kBeginnings, path) != std::end(kBeginnings);
  return begins ? Precedence::kBegins : Precedence::kGoesOn;
}

bool Intake::Stands(size_t in_progress, base::MonotonicTime now) {
  const int64_t part = static_cast<int64_t>(PartOf(in_progress_)) * kMillion;
  const auto before = std::exchange(last_look_, now).value_or(now);
  // Those who look may be overtaken between the clock and the mutex.
  const auto since = std::clamp<std::chrono::microseconds>(
      std::chrono::duration_cast<std::chrono::microseconds>(now - before),
      std::chrono::microseconds(0), kStanding);
  const int64_t off = static_cast<int64_t>(in_progress) * kMillion - average_;
  average_ += off * since / kStanding;
  if (average_ >= part) stands_ = true;
  if (average_ < part / 4) stands_ = false;
  return stands_;
}

size_t Intake::ShareLocked() const {
  const size_t share = std::max<size_t>(1, in_progress_ / 4);
  return stands_ ? PartOf(share) : share;
}

size_t Intake::Share() const {
  base::MutexLock lock(mutex_);
  return ShareLocked();
}

void Intake::Look(size_t in_progress, base::MonotonicTime now) {
  base::MutexLock lock(mutex_);
  (void)Stands(in_progress, now);
}

base::Result<size_t> Intake::Admit(Precedence precedence, size_t in_progress,
                                   base::MonotonicTime now) {
  size_t limit = precedence == Precedence::kBegins ? (in_progress_ + 1) / 2 : in_progress_;
  base::MutexLock lock(mutex_);
  const bool stands = Stands(in_progress, now);
  if (stands) limit = PartOf(limit);
  if (in_progress < (limit + 1) / 2) return stands ? ShareLocked() : limit;
  Crowd& crowd = crowds_[static_cast<size_t>(precedence)];
  if (!crowd.last || now - *crowd.last >= kCalm) crowd.since = now;
  crowd.last = now;
  const bool burst = !stands && now - *crowd.since < kBurst;
  if (in_progress >= (burst ? kInBurst * limit : limit)) {
    return base::Fail(ErrorCode::kOverloaded, "as much is in progress as may be");
  }
  return burst ? kInBurst * limit : ShareLocked();
}

void Intake::CountRefusal(ErrorCode code) {
  auto& counter = code == ErrorCode::kOverloaded    ? overloaded_
                  : code == ErrorCode::kRateLimited ? rate_limited_
                                                    : others_;
  ++counter;
}

void Intake::LogRefusals(base::MonotonicTime now) {
  if (now < log_at_) return;
  log_at_ = now + kLogInterval;
  const uint64_t overloaded = overloaded_.exchange(0), rate_limited = rate_limited_.exchange(0),
                 others = others_.exchange(0);
  if (overloaded + rate_limited + others == 0) return;
  base::MutexLock lock(mutex_);
  base::LogWarning("requests.refused", {{"queue", stands_ ? "stands" : "short"},
                                        {"overloaded", overloaded},
                                        {"rate_limited", rate_limited},
                                        {"others", others}});
}

}  // namespace paygate::gateway::engine
