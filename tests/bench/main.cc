// paygate-bench [--payments=N] [--benchmark_…]: see tests/bench/run and docs/performance.md.
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "base/log.h"
#include "tests/bench/bench.h"

int main(int argc, char** argv) {
  using namespace paygate;  // NOLINT: main
  if (argc > 4 && std::strcmp(argv[1], "--bare") == 0) {
    return bench::BareMain({argv + 2, argv + argc});
  }
  size_t payments = 2000;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--payments=", 11) == 0) {
      payments = std::strtoul(argv[i] + 11, nullptr, 10);
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  argv[argc] = nullptr;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv) || payments == 0) return 2;
  // As a gateway logs, because logging is a part of what a payment costs.
  base::InitLog("paygate-bench", base::LogLevel::kInfo);
  try {
    bench::RegisterKeys();
    bench::RegisterToken();
    bench::RegisterJose();
    bench::RegisterMessages();
    bench::RegisterStore();
    bench::RegisterStatus();
    bench::RegisterAudit();
    bench::RegisterPayments(payments);
    bench::RegisterSlowToken(payments);
    benchmark::RunSpecifiedBenchmarks();
    bench::TheFixture().reset();
  } catch (const std::exception& e) {
    bench::TheFixture().reset();
    std::cout << "paygate-bench: " << e.what() << std::endl;
    return 1;
  }
  bench::PrintRatios();
  bench::PrintSlowToken();
}
