// The two durable writes of a payment, alone and with 64 writers. Each round makes its sales before
// the clock starts; `cpu_us` is of the whole process, RocksDB's own threads included.
#include <chrono>
#include <thread>

#include "tests/bench/store_rig.h"

namespace paygate::bench {
namespace {

constexpr size_t kEach = 16;  // writes of one writer in one round

enum class Write { kRecordIntent, kSettle };

// Everyone starts together; returns when all have ended.
void InParallel(size_t writers, const std::function<void(size_t)>& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < writers; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

void DurableWrite(benchmark::State& state, Write what) {
  StoreRig& rig = Use<StoreRig>();
  const auto writers = static_cast<size_t>(state.range(0));
  double cpu = 0;
  for (auto _ : state) {
    std::vector<std::optional<storage::IntentRecord>> sales(writers * kEach);
    InParallel(writers, [&](size_t w) {
      for (size_t i = w * kEach; i < (w + 1) * kEach; ++i) sales[i] = rig.Sell();
    });
    std::vector<std::optional<storage::Intent>> intents(sales.size());
    const auto record = [&](size_t w) {
      for (size_t i = w * kEach; i < (w + 1) * kEach; ++i) intents[i] = rig.Record(*sales[i]);
    };
    const auto settle = [&](size_t w) {
      for (size_t i = w * kEach; i < (w + 1) * kEach; ++i) rig.Settle(*intents[i]);
    };
    if (what == Write::kSettle) InParallel(writers, record);
    const double before = CpuMicros();
    const auto begin = std::chrono::steady_clock::now();
    if (what == Write::kSettle) {
      InParallel(writers, settle);
    } else {
      InParallel(writers, record);
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    cpu += CpuMicros() - before;
    state.SetIterationTime(wall.count());
  }
  const auto writes =
      static_cast<double>(state.iterations()) * static_cast<double>(writers * kEach);
  state.counters["cpu_us"] = cpu / writes;
  state.counters["writes_per_s"] = benchmark::Counter(writes, benchmark::Counter::kIsRate);
}

}  // namespace

void RegisterStore() {
  for (int writers : {1, 64}) {
    for (auto [what, name] : {std::pair{Write::kRecordIntent, "store/record_intent/writers"},
                              std::pair{Write::kSettle, "store/settle/writers"}}) {
      benchmark::RegisterBenchmark(name, DurableWrite, what)->Arg(writers)->UseManualTime();
    }
  }
}

}  // namespace paygate::bench
