#include "base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <set>
#include <thread>

namespace paygate::base {
namespace {

// A task that says when it has begun and then waits to be let go.
struct Gate {
  std::promise<void> begun, go;
  std::shared_future<void> released = go.get_future().share();
  WorkerPool::Task Task() {
    return [this] {
      begun.set_value();
      released.wait();
    };
  }
};

TEST(WorkerPool, RefusesWhenTheQueueIsFullAndRunsWhatItAccepted) {
  Gate gate;
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("test", 1, 2);
    ASSERT_TRUE(pool.TrySubmit(gate.Task()));
    gate.begun.get_future().wait();
    ASSERT_TRUE(pool.TrySubmit([&] { ran++; }));
    ASSERT_TRUE(pool.TrySubmit([&] { ran++; }));
    EXPECT_EQ(pool.queued(), 2u);
    EXPECT_EQ(pool.in_progress(), 3u);
    const Status refused = pool.TrySubmit([&] { ran += 100; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
    EXPECT_TRUE(pool.SubmitPromised([&] { ran++; }));  // promised work is above the limit
    gate.go.set_value();
  }
  EXPECT_EQ(ran, 3);
}

TEST(WorkerPool, DrainFinishesWhatIsQueued) {
  std::atomic<int> ran = 0;
  WorkerPool pool("test", 3, 1000);
  for (int i = 0; i < 1000; i++) ASSERT_TRUE(pool.TrySubmit([&] { ran++; }));
  pool.Drain();
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(pool.queued(), 0u);
}

TEST(WorkerPool, RefusesWorkAfterDrain) {
  WorkerPool pool("test", 2, 10);
  pool.Drain();
  pool.Drain();  // twice is once
  ASSERT_FALSE(pool.TrySubmit([] {}));
  EXPECT_EQ(pool.TrySubmit([] {}).error().code, ErrorCode::kDraining);
  EXPECT_EQ(pool.SubmitPromised([] {}).error().code, ErrorCode::kDraining);
}

TEST(WorkerPool, ATaskMaySubmitFurtherTasks) {
  std::promise<void> last;
  WorkerPool pool("test", 1, 10);
  ASSERT_TRUE(pool.TrySubmit([&] {
    ASSERT_TRUE(pool.TrySubmit([&] { last.set_value(); }));
  }));
  last.get_future().wait();
}

TEST(WorkerPool, PromisedWorkOfATaskThatRunsDuringDrainIsStillDone) {
  Gate gate;
  std::atomic<bool> promised_ran = false;
  WorkerPool pool("test", 4, 10);
  ASSERT_TRUE(pool.TrySubmit([&] {
    gate.begun.set_value();
    gate.released.wait();
    EXPECT_EQ(pool.TrySubmit([] {}).error().code, ErrorCode::kDraining);
    EXPECT_TRUE(pool.SubmitPromised([&] { promised_ran = true; }));
  }));
  gate.begun.get_future().wait();
  std::thread drainer([&] { pool.Drain(); });
  // Let the task go only once the pool refuses, that is, drains.
  const auto drains = [&] {
    const Status refused = pool.TrySubmit([] {});
    return !refused && refused.error().code == ErrorCode::kDraining;  // and not that it is full
  };
  while (!drains()) std::this_thread::yield();
  gate.go.set_value();
  drainer.join();
  EXPECT_TRUE(promised_ran);
}

TEST(WorkerPool, WakesTheThreadThatWaitedLeast) {
  constexpr int kThreads = 8;
  WorkerPool pool("test", kThreads, 10);
  const auto is_idle = [&] {
    while (pool.in_progress() > 0) std::this_thread::yield();
  };
  std::latch all_run(kThreads);  // so that each thread has begun before the order is looked at
  for (int i = 0; i < kThreads; ++i) {
    ASSERT_TRUE(pool.TrySubmit([&] { all_run.arrive_and_wait(); }));
  }
  is_idle();
  std::set<std::thread::id> ran_on;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(pool.TrySubmit([&] { ran_on.insert(std::this_thread::get_id()); }));
    is_idle();
  }
  EXPECT_EQ(ran_on.size(), 1u);
}

TEST(WorkerPool, LetsGoOfWhatATaskHeldWhenItEnds) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  WorkerPool pool("test", 1, 10);
  ASSERT_TRUE(pool.TrySubmit([held = std::move(held)] {}));
  pool.Drain();
  EXPECT_TRUE(watch.expired());
}

TEST(WorkerPool, ManyThreadsMaySubmitWhileItDrains) {
  std::atomic<int> accepted = 0, ran = 0;
  WorkerPool pool("test", 4, 64);
  std::vector<std::thread> clients;
  for (int t = 0; t < 4; t++) {
    clients.emplace_back([&] {
      while (true) {
        const Status status = pool.TrySubmit([&] { ran++; });
        if (status) accepted++;
        else if (status.error().code == ErrorCode::kDraining) return;
      }
    });
  }
  while (ran < 100) std::this_thread::yield();
  pool.Drain();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(ran, accepted);
}

}  // namespace
}  // namespace paygate::base
