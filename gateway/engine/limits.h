// The engine's bounds and lifetimes, from the configuration, by name and unit.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace paygate::gateway::engine {

// Payments and refunds whose end the bank has not told yet; each is held in memory too, a few KiB.
// Beyond: 503.
constexpr size_t kMaxOpenIntents = 100'000;

struct Limits {
  std::chrono::seconds handshake_lifetime, csblk_lifetime, clock_skew, payment_wait, bank_deadline,
      inquiry_interval, gateway_document_lifetime, certificate_lifetime,
      notices_interval, reconciliation_interval;
  std::set<std::string, std::less<>> currencies;

  bool Accepts(std::string_view currency) const { return currencies.contains(currency); }
};

}  // namespace paygate::gateway::engine
