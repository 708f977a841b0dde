#include "base/worker_pool.h"

#include <pthread.h>

#include "base/meter.h"

namespace paygate::base {

WorkerPool::WorkerPool(std::string name, size_t threads, size_t queue_limit)
    : name_(std::move(name)), queue_limit_(queue_limit), workers_(threads) {
  MutexLock lock(join_mutex_);
  for (Worker& worker : workers_) {
    worker.thread = std::thread([this, &worker] { Run(worker); });
  }
}

WorkerPool::~WorkerPool() { Drain(); }

WorkerPool::Worker* WorkerPool::Push(Task task) {
  queue_.push_back({std::move(task), SystemClock().Monotonic()});
  if (idle_.empty()) return nullptr;
  Worker* worker = idle_.back();
  idle_.pop_back();
  worker->woken = true;
  return worker;
}

void WorkerPool::WakeAll() {
  for (Worker* worker : idle_) {
    worker->woken = true;
    worker->wake.NotifyOne();
  }
  idle_.clear();
}

Status WorkerPool::TrySubmit(Task task) {
  Worker* woken;
  {
    MutexLock lock(mutex_);
    if (draining_) return Fail(ErrorCode::kDraining, name_ + " is shutting down");
    if (queue_.size() >= queue_limit_) {
      return Fail(ErrorCode::kOverloaded,
                  name_ + " has its limit of " + std::to_string(queue_limit_) + " queued tasks");
    }
    woken = Push(std::move(task));
  }
  if (woken != nullptr) woken->wake.NotifyOne();
  return {};
}

Status WorkerPool::SubmitPromised(Task task) {
  Worker* woken;
  {
    MutexLock lock(mutex_);
    if (Finished()) return Fail(ErrorCode::kDraining, name_ + " has shut down");
    woken = Push(std::move(task));
  }
  if (woken != nullptr) woken->wake.NotifyOne();
  return {};
}

void WorkerPool::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
    WakeAll();
  }
  MutexLock lock(join_mutex_);
  for (Worker& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

size_t WorkerPool::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

size_t WorkerPool::in_progress() const {
  MutexLock lock(mutex_);
  return queue_.size() + running_;
}

void WorkerPool::Run(Worker& self) {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());  // the kernel's limit
  mutex_.lock();
  while (true) {
    while (queue_.empty() && !Finished()) {
      self.woken = false;
      idle_.push_back(&self);
      while (!self.woken) self.wake.Wait(mutex_);
    }
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
    if (Finished()) WakeAll();  // workers that found the queue empty wait for the last task
  }
  mutex_.unlock();
}

}  // namespace paygate::base
