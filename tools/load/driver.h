// Driver: one thread's event loop, its connections, and the operations that are under way on them.
//
// Work() carries out given operations, so many at once: to register, to set cursors, to settle.
// Load() is the load itself, by a Plan. Latency counts from when an operation was due, so that a
// gateway that stalls is not spared the requests that should have come meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "tools/load/operation.h"
#include "tools/load/schedule.h"

struct event_base;

namespace paygate::load {

using Mix = std::array<double, kKinds>;  // weights of what is done

struct Plan {
  Phases phases;
  Mix mix{1, 0, 0, 0, 0, 0};
  bool open_loop = false;
  uint32_t concurrency = 1;         // closed loop: participants at work at once
  double rate = 0;                  // open loop: operations a second
  bool even = false;                // open loop: at equal distances
  uint32_t max_outstanding = 1000;  // open loop: beyond, an operation counts as not started
  uint64_t seed = 1;
};

class Driver final : public Connection::Owner {
 public:
  struct Options {
    size_t number = 0;                        // of this driver, so that sources differ
    size_t sources = 1;                       // loopback addresses
    const std::atomic<bool>* stop = nullptr;  // ends the load early
  };
  Driver(Scene& scene, Options options);
  ~Driver() override;

  using Maker = std::function<std::unique_ptr<Operation>()>;  // nullptr: none is left now
  using Ended = std::function<void(Operation&, const Next&)>;
  // True when every operation has ended; false when `limit_s` was over first.
  bool Work(Maker make, uint32_t at_once, double limit_s, Ended ended = {});
  // `start`: the plan's second 0. Ends when all that was started has ended, `settle_s` after the
  // plan's end at the latest. Returns when the load ended: the plan's end, or earlier if stopped.
  double Load(const Plan& plan, base::MonotonicTime start, double settle_s);

  // What came since the last call. From any thread.
  Second TakeRecent() EXCLUDES(mutex_);

  void OnAnswer(Connection& connection, HttpAnswer answer) override;
  void OnLost(Connection& connection, const std::string& why) override;
  void OnOpened() override { ++scene_.stats.connections; }

 private:
  struct Flight;
  double Elapsed() const;
  void RunLoop();
  void Abandon();
  void OnTick();
  void StartMore();
  void StartArrivals();
  std::unique_ptr<Operation> Draw();
  std::unique_ptr<Operation> DrawHostile();
  void Launch(std::unique_ptr<Operation> operation, double due);
  void Follow(Flight& flight, Next next);
  void Send(Flight& flight);
  void Finish(Flight& flight, const Next& next);
  void Count(const Flight& flight, const Next& next);
  void AskAgain(Flight& flight, std::chrono::milliseconds wait);
  Participant& Someone(const Participant* but = nullptr);
  bool Over() const;

  Scene& scene_;
  const Options options_;
  event_base* base_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::vector<std::unique_ptr<Flight>> flights_;  // all that were made; some are free
  std::vector<Flight*> free_;
  size_t active_ = 0, sleeping_ = 0;

  // Of the present Work() or Load().
  bool loading_ = false, ended_ = false;
  base::MonotonicTime start_{};
  double limit_ = 0, end_ = 0, tick_due_ = 0, begun_at_ = 0;
  Maker make_;
  Ended on_ended_;
  uint32_t at_once_ = 1;
  Plan plan_;
  std::optional<Arrivals> arrivals_;
  std::optional<double> next_due_;

  base::Mutex mutex_;
  Second recent_ GUARDED_BY(mutex_);
};

}  // namespace paygate::load
