#include "tools/load/where.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace paygate::load {
namespace {

struct Sum {
  double count = 0, operations = 0, ms = 0;
};

// What a meter rose by; all zero if it is missing.
Sum Between(const Json& from, const Json& to, const char* meter) {
  const auto read = [&](const Json& status, const char* member) {
    const Json empty = Json::object();
    return status.value("meters", empty).value(meter, empty).value(member, 0.0);
  };
  return {read(to, "count") - read(from, "count"),
          read(to, "operations") - read(from, "operations"),
          (read(to, "micros") - read(from, "micros")) / 1000};
}

}  // namespace

std::optional<Json> WhereOf(const std::string& from_text, const std::string& to_text,
                            const Stats& stats, uint64_t payments) {
  const Json from = Json::parse(from_text, nullptr, false);
  const Json to = Json::parse(to_text, nullptr, false);
  if (!from.is_object() || !to.is_object() || !from.contains("meters") || payments == 0) {
    return std::nullopt;
  }
  const auto n = static_cast<double>(payments);
  // Of each request: what the tester waited, and what of it the engine had.
  constexpr std::pair<Step, const char*> kRequests[] = {{Step::kSellerChallenge, "sale_1"},
                                                        {Step::kSellerConfirmation, "sale_3"},
                                                        {Step::kBuyerChallenge, "payment_1"},
                                                        {Step::kAuthorisation, "payment_3"}};
  double front = 0, engine = 0;
  for (const auto& [step, meter] : kRequests) {
    const Histogram& seen = stats.steps[static_cast<size_t>(step)];
    const Sum had = Between(from, to, meter);
    if (had.count <= 0) continue;
    engine += had.ms / n;
    if (seen.count() == 0) continue;
    const double each = seen.Mean() / 1000 - had.ms / had.count;
    front += std::max(0.0, each) * had.count / n;
  }
  const Sum queue = Between(from, to, "queue"), sign = Between(from, to, "sign"),
            unwrap = Between(from, to, "unwrap"), store = Between(from, to, "store"),
            bank = Between(from, to, "bank");
  const double token_ms = sign.ms + unwrap.ms;
  const double waits = (queue.ms + token_ms + store.ms + bank.ms) / n;
  return Json{{"payments", payments},
              {"per_payment_ms",
               {{"front", front},
                {"queue", queue.ms / n},
                {"token", token_ms / n},
                {"store", store.ms / n},
                {"bank", bank.ms / n},
                {"engine, the rest", std::max(0.0, engine - waits)}}},
              {"token_operations",
               {{"signatures", sign.operations / n},
                {"decryptions", unwrap.operations / n},
                {"trips", (sign.count + unwrap.count) / n}}},
              {"durable_writes", store.count / n}};
}

}  // namespace paygate::load
