#include "base/worker_pool.h"

#include <pthread.h>

#include "base/meter.h"

namespace paygate::base {

WorkerPool::WorkerPool(std::string name, size_t threads, size_t queue_limit)
    : name_(std::move(name)), queue_limit_(queue_limit) {
  MutexLock lock(join_mutex_);
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; i++) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() { Drain(); }

Status WorkerPool::TrySubmit(Task task) {
  {
    MutexLock lock(mutex_);
    if (draining_) return Fail(ErrorCode::kDraining, name_ + " is shutting down");
    if (queue_.size() >= queue_limit_) {
      return Fail(ErrorCode::kOverloaded,
                  name_ + " has its limit of " + std::to_string(queue_limit_) + " queued tasks");
    }
    queue_.push_back({std::move(task), SystemClock().Monotonic()});
  }
  work_.NotifyOne();  // unlocked, or the worker would wake only to wait for the mutex
  return {};
}

Status WorkerPool::SubmitPromised(Task task) {
  {
    MutexLock lock(mutex_);
    if (Finished()) return Fail(ErrorCode::kDraining, name_ + " has shut down");
    queue_.push_back({std::move(task), SystemClock().Monotonic()});
  }
  work_.NotifyOne();
  return {};
}

void WorkerPool::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
    work_.NotifyAll();
  }
  MutexLock lock(join_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

size_t WorkerPool::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

size_t WorkerPool::in_progress() const {
  MutexLock lock(mutex_);
  return queue_.size() + running_;
}

void WorkerPool::Run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());  // the kernel's limit
  mutex_.lock();
  while (true) {
    while (queue_.empty() && !Finished()) work_.Wait(mutex_);
    if (Finished()) break;
    Task task = std::move(queue_.front().task);
    const MonotonicTime since = queue_.front().since;
    queue_.pop_front();
    running_++;
    mutex_.unlock();
    AddTime(Meter::kQueue, SystemClock().Monotonic() - since);
    task();
    task = nullptr;  // what it holds is let go before the pool counts it as ended
    mutex_.lock();
    running_--;
    if (Finished()) work_.NotifyAll();  // workers that found the queue empty wait for the last task
  }
  mutex_.unlock();
}

}  // namespace paygate::base
