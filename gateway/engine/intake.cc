#include "gateway/engine/intake.h"

#include <iterator>

#include "base/log.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;

constexpr std::chrono::seconds kLogInterval{1};
constexpr std::string_view kBeginnings[] = {"/v1/registrations", "/v1/seller-blocks/challenge"};

}  // namespace

Precedence PrecedenceOf(std::string_view path) {
  const bool begins = std::ranges::find(kBeginnings, path) != std::end(kBeginnings);
  return begins ? Precedence::kBegins : Precedence::kGoesOn;
}

base::Result<size_t> Intake::Admit(Precedence precedence, size_t in_progress,
                                   base::MonotonicTime now) {
  const size_t limit = precedence == Precedence::kBegins ? (in_progress_ + 1) / 2 : in_progress_;
  if (in_progress < (limit + 1) / 2) return limit;
  bool burst;
  {
    base::MutexLock lock(mutex_);
    Crowd& crowd = crowds_[static_cast<size_t>(precedence)];
    if (!crowd.last || now - *crowd.last >= kCalm) crowd.since = now;
    crowd.last = now;
    burst = now - *crowd.since < kBurst;
  }
  if (in_progress >= (burst ? kInBurst * limit : limit)) {
    return base::Fail(ErrorCode::kOverloaded, "as much is in progress as may be");
  }
  return burst ? kInBurst * limit : share();
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
  base::LogWarning("requests.refused", {{"overloaded", overloaded},
                                        {"rate_limited", rate_limited},
                                        {"others", others}});
}

}  // namespace paygate::gateway::engine
