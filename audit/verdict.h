// What an evidence file proves, judged with nothing but the operator's root certificate, in words.
// The input is a stranger's: whatever it is, the answer is a report. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hsm/decrypter.h"
#include "protocol/certificate.h"

namespace paygate::audit {

struct EvidenceCheck {
  enum class Outcome : uint8_t { kGood, kBad, kNotChecked };
  Outcome outcome = Outcome::kBad;
  std::string words;  // what was shown; or what was not, and why
};

// What the file says, to be believed if the verdict is valid. Empty where that was not reached.
// Times are seconds since 1970, 0 for none.
struct EvidenceSummary {
  struct Refund {
    std::string refund_id, amount, result;
    int64_t settled_at = 0;
  };
  std::string gateway, payment_id, buyer, seller, amount, goods;
  std::string result;  // "completed", "failed", or "open": the bank has not said
  std::string reason, bank_reference;
  int64_t authorised_at = 0, settled_at = 0, exported_at = 0;
  std::vector<Refund> refunds;
  std::string buyer_account, seller_account;  // IBANs, once the bank's key has opened them
};

struct EvidenceReport {
  std::vector<EvidenceCheck> checks;
  EvidenceSummary summary;
  bool valid() const;  // there are checks, and none is bad
};

// A bank's answer, and what it shall be about.
struct BankAnswer {
  std::string_view id;  // payment_id or refund_id
  bool is_refund = false, completed = false;
  std::string_view bytes;
};
// What else a judge may have. All optional.
struct EvidenceMeans {
  hsm::Decrypter* bank_key = nullptr;  // opens the sealed accounts
  // Whether the bank signed this answer, and says this of this payment or refund in it. How banks
  // sign is the financial network's business, which this room does not know.
  std::function<base::Status(const BankAnswer&)> bank_signature;
};

EvidenceReport JudgeEvidence(std::string_view bytes, const protocol::Certificate& root,
                             const EvidenceMeans& means);

// "2027-01-15T08:00:00Z"
std::string InWords(base::UnixTime time);

}  // namespace paygate::audit
