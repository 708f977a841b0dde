#include "tools/ctl/reconcile.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

namespace paygate::tools::ctl {

using base::ErrorCode;
using base::Fail;
using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{100};

}  // namespace

base::Result<Reconciled> Reconcile(const Asker& ask, const std::string& since) {
  std::map<std::string, std::string> arguments;
  if (!since.empty()) arguments["since"] = since;
  ASSIGN_OR_RETURN(const std::string started, ask("reconcile.start", arguments));
  const json begun = json::parse(started, nullptr, false);
  if (!begun.is_object() || !begun.contains("run") || !begun["run"].is_number_unsigned()) {
    return Fail(ErrorCode::kMalformed, "the engine's answer is no run: run one release of both");
  }
  const uint64_t run = begun["run"].get<uint64_t>();
  for (;;) {
    ASSIGN_OR_RETURN(std::string text, ask("reconcile.show", {}));
    const json report = json::parse(text, nullptr, false);
    if (!report.is_object() || !report.contains("count") ||
        !report["count"].is_number_unsigned()) {
      return Fail(ErrorCode::kMalformed,
                  "the engine's answer is no report: run one release of both");
    }
    if (report.value("ended", false) && report.value("run", uint64_t{0}) >= run) {
      return Reconciled{.json = std::move(text),
                        .done = !report.contains("failure"),
                        .differences = report["count"].get<uint64_t>()};
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace paygate::tools::ctl
