#include "tools/banksim/faults.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>

#include "base/codec.h"
#include "base/crypto.h"

namespace paygate::banksim {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MutexLock;

constexpr std::array<std::string_view, 20> kNames = {"none",
                                                     "reject",
                                                     "lost",
                                                     "answer-lost",
                                                     "silent",
                                                     "late",
                                                     "pending",
                                                     "twice",
                                                     "contradict",
                                                     "out-of-order",
                                                     "cut",
                                                     "malformed",
                                                     "wrong-signature",
                                                     "slow",
                                                     "admi",
                                                     "lie",
                                                     "left-out",
                                                     "amount-differs",
                                                     "reference-differs",
                                                     "restart"};

bool Fits(const Rule& r, const Occasion& o) {
  const bool of_statement = r.fault == FaultKind::kLeftOut ||
                            r.fault == FaultKind::kAmountDiffers ||
                            r.fault == FaultKind::kReferenceDiffers;
  const std::string_view message = !r.message.empty() ? std::string_view(r.message)
                                   : of_statement     ? "camt.054"
                                                      : "pacs.008";
  return (r.bank.empty() || r.bank == o.bank) && o.message.starts_with(message) &&
         (r.account.empty() || r.account == o.debtor || r.account == o.creditor) &&
         (r.amount.empty() || r.amount == o.amount);
}

}  // namespace

std::string_view Name(FaultKind kind) { return kNames[static_cast<size_t>(kind)]; }

base::Result<Rule> MakeRule(std::string_view fault) {
  const auto found = std::ranges::find(kNames, fault);
  if (found != kNames.end() && found != kNames.begin())
    return Rule{.fault = static_cast<FaultKind>(found - kNames.begin())};
  std::string all;
  for (std::string_view name : kNames)
    if (name != "none") all += (all.empty() ? "" : ", ") + std::string(name);
  return Fail(ErrorCode::kInvalidArgument,
              "no fault '" + std::string(fault) + "'; there are: " + all);
}

double Chance(uint64_t seed, std::string_view what, const Occasion& o) {
  base::Encoder words;
  words.U64(seed).Bytes(what).Bytes(o.bank).Bytes(o.message).Bytes(o.transaction).Bytes(o.step);
  const std::string digest = base::Sha256(words.Take());
  const uint64_t bits = base::Decoder(std::string_view(digest).substr(0, 8)).U64() >> 11;
  return static_cast<double>(bits) / static_cast<double>(1ULL << 53);
}

Rules::Rules(uint64_t seed, std::vector<Rule> rules) : seed_(seed) {
  for (Rule& rule : rules) Add(std::move(rule));
}

std::optional<Rule> Rules::Decide(const Occasion& occasion) {
  MutexLock lock(mutex_);
  for (Entry& e : entries_) {
    if (!Fits(e.rule, occasion)) continue;
    if (e.rule.rate < 1 &&
        Chance(seed_, "rule " + std::to_string(e.number), occasion) >= e.rule.rate)
      continue;
    ++e.seen;
    if (e.rule.nth != 0 && e.seen != e.rule.nth) continue;
    if (e.rule.times != 0 && e.struck >= e.rule.times) continue;
    ++e.struck;
    return e.rule;
  }
  return std::nullopt;
}

uint64_t Rules::Add(Rule rule) {
  MutexLock lock(mutex_);
  entries_.push_back({.rule = std::move(rule), .number = next_});
  return next_++;
}

bool Rules::Remove(uint64_t number) {
  MutexLock lock(mutex_);
  return std::erase_if(entries_, [&](const Entry& e) { return e.number == number; }) > 0;
}

void Rules::Clear() {
  MutexLock lock(mutex_);
  entries_.clear();
}

std::vector<Rules::Listed> Rules::List() const {
  MutexLock lock(mutex_);
  std::vector<Listed> list;
  for (const Entry& e : entries_) list.push_back({e.number, e.rule, e.struck});
  return list;
}

base::Result<Latency> ParseLatency(std::string_view text) {
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  std::string shape, rest;
  Latency l;
  in >> shape >> l.a;
  bool good = !in.fail() && l.a >= 0;
  if (shape != "fixed") good = good && (in >> l.b) && l.b >= 0;
  good = good && !(in >> rest);
  if (shape == "fixed")
    l.shape = Latency::Shape::kFixed;
  else if (shape == "uniform" && l.a <= l.b)
    l.shape = Latency::Shape::kUniform;
  else if (shape == "lognormal")
    l.shape = Latency::Shape::kLognormal;
  else if (shape == "pareto" && l.b > 0)
    l.shape = Latency::Shape::kPareto;
  else
    good = false;
  if (!good)
    return Fail(ErrorCode::kInvalidArgument,
                "a latency is \"fixed MS\", \"uniform FROM TO\", \"lognormal MEDIAN SIGMA\" or "
                "\"pareto LEAST ALPHA\", not \"" +
                    std::string(text) + "\"");
  return l;
}

double LatencyMs(const Latency& l, uint64_t seed, const Occasion& occasion) {
  if (l.shape == Latency::Shape::kFixed) return std::min(l.a, kLongestLatencyMs);
  const double u = Chance(seed, "latency", occasion);
  double ms = 0;
  switch (l.shape) {
    case Latency::Shape::kFixed:
      break;
    case Latency::Shape::kUniform:
      ms = l.a + u * (l.b - l.a);
      break;
    case Latency::Shape::kLognormal: {
      const double v = Chance(seed, "latency 2", occasion);  // Box and Muller
      const double normal = std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * std::numbers::pi * v);
      ms = l.a * std::exp(l.b * normal);
      break;
    }
    case Latency::Shape::kPareto:
      ms = l.a * std::pow(1 - u, -1 / l.b);
      break;
  }
  return std::min(ms, kLongestLatencyMs);
}

}  // namespace paygate::banksim
