// std::mutex and friends with the names that clang's -Wthread-safety understands, so that
// `int x GUARDED_BY(mutex_)` is checked at compile time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define PAYGATE_TSA(x) __attribute__((x))
#else
#define PAYGATE_TSA(x)
#endif
#define CAPABILITY(x) PAYGATE_TSA(capability(x))
#define SCOPED_CAPABILITY PAYGATE_TSA(scoped_lockable)
#define GUARDED_BY(x) PAYGATE_TSA(guarded_by(x))
#define REQUIRES(...) PAYGATE_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) PAYGATE_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) PAYGATE_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) PAYGATE_TSA(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PAYGATE_TSA(no_thread_safety_analysis)

namespace paygate::base {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Not over std::condition_variable_any: that one locks a mutex of its own in each wait and
// notification, for which the workers of a busy gateway queue.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    Borrowed lock(mutex.mutex_);
    cv_.wait(lock.lock);
  }
  // False when the deadline passed first.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    Borrowed lock(mutex.mutex_);
    return cv_.wait_until(lock.lock, deadline) == std::cv_status::no_timeout;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  struct Borrowed {  // held by the caller before and after
    explicit Borrowed(std::mutex& mutex) : lock(mutex, std::adopt_lock) {}
    ~Borrowed() { lock.release(); }
    std::unique_lock<std::mutex> lock;
  };
  std::condition_variable cv_;
};

}  // namespace paygate::base
