// What one run counts. Each driver thread has a Stats of its own; they are merged at the end.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "tools/load/histogram.h"

namespace paygate::load {

// What a participant does; a purchase is a sale and at once its payment.
enum class Kind : uint8_t { kPurchase, kSale, kPayment, kMailbox, kRegistration, kHostile };
constexpr size_t kKinds = 6;
std::string_view Name(Kind kind);  // "purchase" …

// One request of the protocol, from its first byte sent to the last of its answer.
enum class Step : uint8_t {
  kSellerChallenge,
  kSellerConfirmation,
  kBuyerChallenge,
  kAuthorisation,
  kMailbox,
  kRegistration,
  kHostile
};
constexpr size_t kSteps = 7;
std::string_view Name(Step step);  // "sale, message 1" …

// How an operation ended.
enum class Verdict : uint8_t {
  kGood,
  kPending,  // a payment whose bank has not answered yet; it is asked about again at the end
  kRefused,  // the gateway's no to what was honest
  kBusy,     // 429 or 503 before anything binding was sent
  kLost,     // no answer, before anything binding was sent
  kBroken,   // an answer that does not hold: wrong signature, another's, another price
  kAccepted  // what should have been refused was not
};
constexpr size_t kVerdicts = 7;
std::string_view Name(Verdict verdict);

struct KindStats {
  Histogram latency;  // of those that ended kGood or kPending; halves of purchases besides
  std::array<uint64_t, kVerdicts> ended{};
  uint64_t Ended(Verdict verdict) const { return ended[static_cast<size_t>(verdict)]; }
};

// One second of the run.
struct Second {
  uint32_t due = 0;              // operations whose time came
  uint32_t not_started = 0;      // of these, those for which no place was free
  uint32_t good = 0;             // operations that ended well
  uint32_t payments = 0;         // payments that completed
  uint32_t refused = 0;          // kRefused, kBusy, kLost
  uint32_t bad = 0;              // kBroken, kAccepted
  uint32_t outstanding = 0;      // at its end
  std::vector<uint32_t> micros;  // latencies of payments and purchases (kGood, kPending)
  void Add(const Second& other);
};

struct Stats {
  // Of operations that were due within the steady phase.
  std::array<KindStats, kKinds> kinds;
  std::array<Histogram, kSteps> steps;  // of answers that were no refusals
  Histogram refusals;                   // of 429 and 503, whatever was asked
  uint64_t due = 0, not_started = 0;
  uint64_t good_within = 0, payments_within = 0;  // that ended within the steady phase
  // Of the whole run.
  std::map<std::string, uint64_t> codes;    // every answer that was no result: "503 overloaded"
  std::map<std::string, uint64_t> hostile;  // each kind of attack, how often
  std::map<std::string, uint64_t> broken;   // what did not hold, or was accepted, in words
  uint64_t requests = 0, asked_again = 0, verified = 0, connections = 0;
  uint64_t latest_tick_us = 0;  // by how much the event loop was late at worst
  std::vector<Second> seconds;

  KindStats& Of(Kind kind) { return kinds[static_cast<size_t>(kind)]; }
  const KindStats& Of(Kind kind) const { return kinds[static_cast<size_t>(kind)]; }
  Second& At(double elapsed_s);
  void Merge(const Stats& other);
};

constexpr size_t kMaxDifferentWords = 64;  // of codes and broken; others are counted as "others"
constexpr size_t kMaxWordBytes = 200;
// What a gateway says, as far as a terminal may show it: printable ASCII, others as '?'.
std::string Printable(const std::string& text);
void CountWord(std::map<std::string, uint64_t>& words, const std::string& word, uint64_t n = 1);

}  // namespace paygate::load
