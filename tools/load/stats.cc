#include "tools/load/stats.h"

#include <algorithm>

namespace paygate::load {

std::string_view Name(Kind kind) {
  constexpr std::string_view kNames[kKinds] = {"purchase", "sale",         "payment",
                                               "mailbox",  "registration", "hostile"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view Name(Step step) {
  constexpr std::string_view kNames[kSteps] = {"sale_1",  "sale_3",       "payment_1", "payment_3",
                                               "mailbox", "registration", "hostile"};
  return kNames[static_cast<size_t>(step)];
}

std::string_view Name(Verdict verdict) {
  constexpr std::string_view kNames[kVerdicts] = {"good", "pending", "refused", "busy",
                                                  "lost", "broken",  "accepted"};
  return kNames[static_cast<size_t>(verdict)];
}

void Second::Add(const Second& other) {
  due += other.due;
  not_started += other.not_started;
  good += other.good;
  payments += other.payments;
  refused += other.refused;
  bad += other.bad;
  outstanding += other.outstanding;
  micros.insert(micros.end(), other.micros.begin(), other.micros.end());
}

Second& Stats::At(double elapsed_s) {
  const auto index = static_cast<size_t>(std::max(0.0, elapsed_s));
  if (index >= seconds.size()) seconds.resize(index + 1);
  return seconds[index];
}

std::string Printable(const std::string& text) {
  std::string shown = text.substr(0, kMaxWordBytes);
  std::ranges::replace_if(
      shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

void CountWord(std::map<std::string, uint64_t>& words, const std::string& word, uint64_t n) {
  const std::string shown = Printable(word);
  const bool room = words.size() < kMaxDifferentWords || words.contains(shown);
  words[room ? shown : "others"] += n;
}

void Stats::Merge(const Stats& other) {
  for (size_t i = 0; i < kKinds; ++i) {
    kinds[i].latency.Merge(other.kinds[i].latency);
    for (size_t v = 0; v < kVerdicts; ++v) kinds[i].ended[v] += other.kinds[i].ended[v];
  }
  for (size_t i = 0; i < kSteps; ++i) steps[i].Merge(other.steps[i]);
  refusals.Merge(other.refusals);
  due += other.due;
  not_started += other.not_started;
  good_within += other.good_within;
  payments_within += other.payments_within;
  for (const auto& [word, n] : other.codes) CountWord(codes, word, n);
  for (const auto& [word, n] : other.hostile) CountWord(hostile, word, n);
  for (const auto& [word, n] : other.broken) CountWord(broken, word, n);
  requests += other.requests;
  asked_again += other.asked_again;
  verified += other.verified;
  connections += other.connections;
  latest_tick_us = std::max(latest_tick_us, other.latest_tick_us);
  if (seconds.size() < other.seconds.size()) seconds.resize(other.seconds.size());
  for (size_t i = 0; i < other.seconds.size(); ++i) seconds[i].Add(other.seconds[i]);
}

}  // namespace paygate::load
