// WorkerPool: a fixed number of threads over one bounded queue.
//
// TrySubmit never blocks: a full queue is refused (kOverloaded), a draining pool too (kDraining),
// so that the caller can tell its client at once. Drain() refuses new work, finishes what is queued
// and joins; the destructor drains. Of the threads that wait the one that waited least is woken:
// its stack and heap are still in the caches. Thread-safe; a task may submit further tasks, but not
// drain.
// Source: Bitcoin Core's util/threadpool.h for the shutdown order.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace paygate::base {

class WorkerPool {
 public:
  using Task = std::move_only_function<void()>;

  WorkerPool(std::string name, size_t threads, size_t queue_limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;

  Status TrySubmit(Task task) EXCLUDES(mutex_);
  // For work that was promised already (a bank's answer, recovery): may exceed the queue's limit,
  // and is accepted until Drain() has emptied the queue and the last task has ended (kDraining).
  Status SubmitPromised(Task task) EXCLUDES(mutex_);
  void Drain() EXCLUDES(mutex_, join_mutex_);
  size_t queued() const EXCLUDES(mutex_);
  size_t in_progress() const EXCLUDES(mutex_);  // queued or running

 private:
  struct Worker {
    CondVar wake;
    bool woken = false;  // under mutex_
    std::thread thread;  // under join_mutex_
  };
  struct Queued {
    Task task;
    MonotonicTime since;
  };

  void Run(Worker& self) EXCLUDES(mutex_);
  // Whom to notify, without the mutex, or it would wake only to wait for that. nullptr: all work.
  Worker* Push(Task task) REQUIRES(mutex_);
  void WakeAll() REQUIRES(mutex_);
  bool Finished() const REQUIRES(mutex_) {
    return draining_ && queue_.empty() && running_ == 0;
  }

  const std::string name_;
  const size_t queue_limit_;
  mutable Mutex mutex_;
  std::deque<Queued> queue_ GUARDED_BY(mutex_);
  std::vector<Worker*> idle_ GUARDED_BY(mutex_);  // the last to wait is last
  size_t running_ GUARDED_BY(mutex_) = 0;
  bool draining_ GUARDED_BY(mutex_) = false;
  Mutex join_mutex_;  // one Drain() joins, others wait for it
  std::vector<Worker> workers_;
};

}  // namespace paygate::base
