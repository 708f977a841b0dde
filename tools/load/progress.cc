#include "tools/load/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace paygate::load {
namespace {
constexpr double kPlainEvery_s = 10;
}  // namespace

std::string ProgressLine(const char* phase, double elapsed_s, double end_s, double over_s,
                         const Second& recent) {
  std::vector<uint32_t> sorted = recent.micros;
  std::ranges::sort(sorted);
  const auto ms = [&](size_t percent) {
    return sorted.empty() ? 0.0 : sorted[(sorted.size() - 1) * percent / 100] / 1000.0;
  };
  char line[256];
  const int n = std::snprintf(
      line, sizeof line,
      "%-8s %3.0f/%.0f s  %6.0f payments/s  p50 %.1f  p99 %.1f ms  %u out  %u refused", phase,
      elapsed_s, end_s, over_s > 0 ? recent.payments / over_s : 0, ms(50), ms(99),
      recent.outstanding, recent.refused);
  std::string out(line, static_cast<size_t>(std::clamp(n, 0, 255)));
  if (recent.not_started > 0) out += "  " + std::to_string(recent.not_started) + " not started";
  if (recent.bad > 0) out += "  " + std::to_string(recent.bad) + " BAD";
  return out;
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (open_) std::fputc('\n', stderr);
}

void Progress::Print(const std::string& line) {
  if (quiet_) return;
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

void Progress::Say(const std::string& line) {
  if (quiet_) return;
  std::fprintf(stderr, "%s%s\n", open_ ? "\r\033[K" : "", line.c_str());
  open_ = false;
}

void Progress::Show(const char* phase, double elapsed_s, double end_s, const Second& recent) {
  sum_.Add(recent);
  sum_.outstanding = recent.outstanding;
  if (!terminal_ && elapsed_s - printed_at_ < kPlainEvery_s) return;
  Print(ProgressLine(phase, elapsed_s, end_s, elapsed_s - last_, sum_));
  printed_at_ = last_ = elapsed_s;
  sum_ = {};
}

}  // namespace paygate::load
