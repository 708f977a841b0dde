// Ledger: every payment that was authorised, what the buyer was told of it, and what the seller
// was. At the end it is compared with the bank's books (truth.h). Of one driver's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/load/roster.h"

namespace paygate::load {

enum class Told : uint8_t {
  kNothing,  // sent, and no answer has come
  kPending,  // the gateway has it, the bank has not answered
  kCompleted,
  kFailed,   // a signed receipt says that no money moved
  kRefused,  // refused, or never taken: no money may move
};

struct PaymentFact {
  std::string payment_id;
  const Participant* buyer = nullptr;
  const Participant* seller = nullptr;
  int64_t amount = 0;  // minor units
  Told told = Told::kNothing;
  bool contradicted = false;  // two answers that exclude each other
  std::string bank_reference;
  std::string jwe;             // the authorisation as it was sent, until its end is known
  uint32_t confirmations = 0;  // that came to the seller's mailbox
  bool confirmed_completed = false;
};

class Ledger {
 public:
  // Before the authorisation is sent for the first time.
  size_t Sent(PaymentFact fact) {
    by_id_.emplace(fact.payment_id, facts_.size());
    facts_.push_back(std::move(fact));
    return facts_.size() - 1;
  }
  PaymentFact& at(size_t index) { return facts_[index]; }
  std::deque<PaymentFact>& facts() { return facts_; }
  const std::deque<PaymentFact>& facts() const { return facts_; }
  PaymentFact* Find(const std::string& payment_id) {
    const auto found = by_id_.find(payment_id);
    return found == by_id_.end() ? nullptr : &facts_[found->second];
  }
  // A receipt; a final one never changes.
  void Tell(size_t index, Told told, const std::string& bank_reference);

 private:
  std::deque<PaymentFact> facts_;
  std::unordered_map<std::string, size_t> by_id_;
};

inline void Ledger::Tell(size_t index, Told told, const std::string& bank_reference) {
  PaymentFact& fact = facts_[index];
  const bool was_final =
      fact.told == Told::kCompleted || fact.told == Told::kFailed || fact.told == Told::kRefused;
  if (was_final && told != Told::kPending && fact.told != told) fact.contradicted = true;
  if (was_final) return;
  fact.told = told;
  fact.bank_reference = bank_reference;
  if (told != Told::kPending && told != Told::kNothing) fact.jwe = {};
}

}  // namespace paygate::load
