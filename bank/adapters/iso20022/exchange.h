// Exchange: HTTP requests to the banks, over mutual TLS 1.3, kept alive.
//
// One thread of its own runs libcurl's multi interface; all callbacks come from it, each exactly
// once, never from inside Send. Connections to each bank are bounded (the configuration's
// `connections`, and one for the inbox); what waits for one is bounded by max_waiting.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bank/adapters/iso20022/config.h"
#include "base/mutex.h"

namespace paygate::bank::iso20022 {

struct HttpRequest {
  const BankRoute* bank = nullptr;
  std::string path;       // "/messages"
  std::string body;       // empty: GET
  std::string signature;  // of the body
  std::chrono::milliseconds timeout{0};
};

struct HttpAnswer {
  bool connected = false;  // false: proven that not one byte of the request left
  int status = 0;          // 0: no whole answer
  std::string body, signature;
  uint64_t inbox_number = 0, inbox_newest = 0;
};

class Exchange {
 public:
  using Done = std::move_only_function<void(HttpAnswer)>;
  using Task = std::move_only_function<void()>;

  static base::Result<std::unique_ptr<Exchange>> Open(const Config& config);  // must outlive it
  ~Exchange();                                                                // Close()

  bool Send(HttpRequest request, Done done) EXCLUDES(mutex_);  // false at the bound, or closed
  void After(std::chrono::milliseconds delay, Task task) EXCLUDES(mutex_);
  // Ends the thread. What is in flight is answered as far as is known.
  void Close() EXCLUDES(mutex_);

 private:
  struct Transfer;
  struct Library;
  explicit Exchange(const Config& config);
  void Run() EXCLUDES(mutex_);
  void StartQueued() EXCLUDES(mutex_);
  void RunTimers() EXCLUDES(mutex_);
  void FinishDone();
  void Finish(Transfer& transfer, bool whole);

  const Config& config_;
  std::unique_ptr<Library> library_;
  std::map<void*, std::unique_ptr<Transfer>> running_;  // of the thread

  base::Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::deque<std::unique_ptr<Transfer>> queued_ GUARDED_BY(mutex_);
  std::multimap<std::chrono::steady_clock::time_point, Task> timers_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace paygate::bank::iso20022
