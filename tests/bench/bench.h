// What every benchmark here shares. Set-up that fails ends the program with a sentence, by an
// exception up to main, so that processes and directories go with their owners.
#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"

namespace paygate::bench {

template <typename T>
T Must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// User and system time in µs, as the scheduler accounts it: of this process, or of another one.
inline double CpuMicros(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}
inline double CpuMicrosOf(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? CpuMicros(clock) : 0;
}

// CPU of this thread for one operation, of so many; each gives a Result.
template <typename Operation>
double MicrosOf(size_t times, Operation operation) {
  const double before = CpuMicros(CLOCK_THREAD_CPUTIME_ID);
  for (size_t i = 0; i < times; ++i) Must(operation());
  return (CpuMicros(CLOCK_THREAD_CPUTIME_ID) - before) / static_cast<double>(times);
}

// What several benchmarks stand on, made once and kept while they follow each other; one at a time,
// because a PKCS#11 module is configured for the whole process.
struct Fixture {
  virtual ~Fixture() = default;
};
inline std::unique_ptr<Fixture>& TheFixture() {
  static std::unique_ptr<Fixture> fixture;
  return fixture;
}
template <typename T, typename... Args>
T& Use(Args... args) {
  auto* now = dynamic_cast<T*>(TheFixture().get());
  if (now != nullptr && now->Is(args...)) return *now;
  TheFixture().reset();
  TheFixture() = std::make_unique<T>(args...);
  return static_cast<T&>(*TheFixture());
}

void RegisterKeys();
void RegisterToken();
int BareMain(const std::vector<std::string>& words);  // see token_bench.cc
void RegisterJose();
void RegisterMessages();
void RegisterStore();
void RegisterStatus();
void RegisterAudit();
void RegisterPayments(size_t payments);
void RegisterSlowToken(size_t payments);
// What batch signatures make of a slow token.
void PrintSlowToken();
// One line for each kind of gateway: what a payment costs beside what it cannot avoid.
void PrintRatios();

}  // namespace paygate::bench
