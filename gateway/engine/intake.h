// Intake: which requests are taken up while much is in progress, that is in work or waiting for a
// worker in either lane. What ends something goes before what begins it:
//
//   an answer to a challenge of ours      always; its lane's queue is its bound
//   what goes on with what there is       while fewer than `in_progress` are
//   a new sale, a new participant         while fewer than half of that are
//
// What is beyond what the machine can do is so refused at once, before any private-key operation;
// and a sale that was certified finds room for its payment. From half of a bound on it is crowded:
// one client then has at most a quarter of `in_progress` in a lane. A burst is no overload: for
// kBurst after a calm there is room for kInBurst times as much, and for one client all of it. A
// queue that stands is one: whose average over kStanding is more than a kStandingPart-th of
// `in_progress` comes of more than can be done, and its length only makes everyone wait. That part
// of each bound, and of what one client may have, then keeps the cores busy, and who is taken up is
// served as soon as before, until the average is a quarter of it. (Where each request waits long
// for a token or a disk, and not for others, `in_progress` must be more.) Thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace paygate::gateway::engine {

enum class Precedence : uint8_t { kBegins, kGoesOn };
// Of a message without a handshake.
Precedence PrecedenceOf(std::string_view path);

class Intake {
 public:
  static constexpr std::chrono::milliseconds kCalm{2000};  // not crowded for so long
  static constexpr std::chrono::milliseconds kBurst{500};
  static constexpr size_t kInBurst = 4;
  static constexpr std::chrono::milliseconds kStanding{500};
  static constexpr size_t kStandingPart = 4;

  explicit Intake(size_t in_progress) : in_progress_(in_progress) {}
  // How much of the lane its client may have now; kOverloaded: it is not taken up.
  base::Result<size_t> Admit(Precedence precedence, size_t in_progress, base::MonotonicTime now)
      EXCLUDES(mutex_);
  // Of answers, what one client may have now.
  size_t Share() const EXCLUDES(mutex_);
  // From the ticker: so that the average is one of time, whoever comes.
  void Look(size_t in_progress, base::MonotonicTime now) EXCLUDES(mutex_);

  // A line for each refusal would fill disks when there are most of them: they are counted, and
  // told together once a second.
  void CountRefusal(base::ErrorCode code);
  void LogRefusals(base::MonotonicTime now) EXCLUDES(mutex_);  // from the ticker

 private:
  // When it became crowded after a calm, and when it was last found so.
  struct Crowd {
    std::optional<base::MonotonicTime> since, last;
  };

  // Takes a look into the average and says whether a queue stands.
  bool Stands(size_t in_progress, base::MonotonicTime now) REQUIRES(mutex_);
  size_t ShareLocked() const REQUIRES(mutex_);

  const size_t in_progress_;
  mutable base::Mutex mutex_;
  std::array<Crowd, 2> crowds_ GUARDED_BY(mutex_);  // by precedence
  std::optional<base::MonotonicTime> last_look_ GUARDED_BY(mutex_);
  int64_t average_ GUARDED_BY(mutex_) = 0;  // in progress, in millionths
  bool stands_ GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> overloaded_ = 0, rate_limited_ = 0, others_ = 0;
  base::MonotonicTime log_at_{};  // of the ticker
};

}  // namespace paygate::gateway::engine
