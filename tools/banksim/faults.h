// Faults: what goes wrong, and when; and how long an answer takes.
//
// A decision depends on the seed, the bank, the transaction and the step alone (SHA-256 over them),
// never on timing: the same seed and the same messages give the same faults, whatever the threads
// do. What counts messages (nth, times) depends on their order, as it says. Rules: thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace paygate::banksim {

enum class FaultKind : uint8_t {
  kNone,
  kReject,          // rejected with `reason`; final
  kLost,            // the message never arrived: nothing happens, the connection is cut
  kAnswerLost,      // applied; the connection is cut instead of an answer
  kSilent,          // applied; nothing is said for delay_ms, then the connection is cut
  kLate,            // applied; 202, and the answer comes to the inbox after delay_ms
  kPending,         // accepted (ACSP); settled after delay_ms, which the inbox tells
  kTwice,           // answered, and the same again in the inbox
  kContradict,      // answered, and the contrary in the inbox
  kOutOfOrder,      // 202; the inbox brings the end first and then "pending"
  kCut,             // applied; the connection is cut in the middle of the answer
  kMalformed,       // applied; the answer is broken XML, rightly signed
  kWrongSignature,  // applied; the answer's signature does not hold
  kSlow,            // applied; the answer drips over delay_ms
  kAdmi,            // refused as unreadable with an admi.002; nothing happens
  kLie,             // applied; the answer says the contrary
  kLeftOut,         // in the statement (camt.054 of the orders): it does not list the order
  kAmountDiffers,   // likewise: it lists it with another amount
  kReferenceDiffers,
  kRestart,         // applied and durable; then the whole program starts anew without an answer
};
std::string_view Name(FaultKind kind);

struct Rule {
  FaultKind fault = FaultKind::kNone;
  // All that are set must hold.
  std::string bank;     // BIC
  std::string message;  // "pacs.008"; empty: pacs.008, or camt.054 of a fault of the statement
  std::string account;  // debtor's or creditor's IBAN
  std::string amount;   // "6.66", as messages spell it
  double rate = 1;      // of transactions
  uint64_t nth = 0;     // only the n-th message that all the rest holds for
  uint64_t times = 0;   // at most so often; 0: always
  // What it does.
  std::string reason = "AM04";
  int64_t delay_ms = 1000;
};
base::Result<Rule> MakeRule(std::string_view fault);  // kInvalidArgument, naming all faults

struct Occasion {
  std::string_view bank, message, transaction, step;
  std::string_view debtor, creditor, amount;
};

// A number in [0, 1) of these words.
double Chance(uint64_t seed, std::string_view what, const Occasion& occasion);

class Rules {
 public:
  Rules(uint64_t seed, std::vector<Rule> rules);
  std::optional<Rule> Decide(const Occasion& occasion) EXCLUDES(mutex_);  // the first that fits
  uint64_t Add(Rule rule) EXCLUDES(mutex_);                               // its number
  bool Remove(uint64_t number) EXCLUDES(mutex_);
  void Clear() EXCLUDES(mutex_);
  struct Listed {
    uint64_t number;
    Rule rule;
    uint64_t struck;
  };
  std::vector<Listed> List() const EXCLUDES(mutex_);

 private:
  struct Entry {
    Rule rule;
    uint64_t number, seen = 0, struck = 0;
  };
  const uint64_t seed_;
  mutable base::Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
};

// "fixed MS", "uniform FROM TO", "lognormal MEDIAN SIGMA" or "pareto LEAST ALPHA" (heavy-tailed);
// never more than kLongestLatencyMs.
struct Latency {
  enum class Shape : uint8_t { kFixed, kUniform, kLognormal, kPareto } shape = Shape::kFixed;
  double a = 0, b = 0;
};
constexpr double kLongestLatencyMs = 60'000;
base::Result<Latency> ParseLatency(std::string_view text);
double LatencyMs(const Latency& latency, uint64_t seed, const Occasion& occasion);

}  // namespace paygate::banksim
