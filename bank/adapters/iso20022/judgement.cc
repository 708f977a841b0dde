#include "bank/adapters/iso20022/judgement.h"

#include <algorithm>
#include <array>

namespace paygate::bank::iso20022 {
namespace {

constexpr std::array<std::string_view, 2> kCompleted = {"ACSC", "ACCC"};
constexpr std::array<std::string_view, 9> kPending = {"RCVD", "PDNG", "ACTC", "ACCP", "ACSP",
                                                      "ACWC", "ACFC", "ACWP", "PATC"};

Judgement Rejected(const Question& q, const std::string& reason, int64_t said_at) {
  // A resend of what was executed is a duplicate, not a rejection of it.
  if (reason == "AM05") return {};
  if (!q.is_status) {
    // To a resend, "too late" and "not found" do not say that the first one was not executed.
    if (reason == "TM01" || reason == "AG09") return {};
  } else if (reason == "AG09") {
    // Until the deadline an order may still be on its way. Whether it is past, the bank's clock
    // decides, because the bank is who enforces it.
    const bool past = q.now > q.about.deadline;
    if (past && (!q.enforces_deadline || said_at <= q.about.deadline)) return {};
    return {.outcome = Outcome::kNotFound};
  }
  return {.outcome = Outcome::kRejected, .reason = reason.empty() ? "NARR" : reason};
}

Judgement One(const Question& q, const TransactionStatus& t, int64_t said_at) {
  if (std::ranges::find(kCompleted, t.status) != kCompleted.end())
    return {.outcome = Outcome::kCompleted,
            .reference = t.reference.empty() ? q.about.transaction_id : t.reference};
  if (std::ranges::find(kPending, t.status) != kPending.end())
    return {.outcome = Outcome::kPending};
  if (t.status == "RJCT") return Rejected(q, t.reason, said_at);
  if (t.status == "CANC")
    return {.outcome = Outcome::kRejected, .reason = t.reason.empty() ? "CUST" : t.reason};
  return {};
}

bool IsAbout(const Original& original, const Prepared& about) {
  return original.transaction_id == about.transaction_id &&
         (original.uetr.empty() || about.uetr.empty() || original.uetr == about.uetr);
}

}  // namespace

std::optional<Judgement> Judge(const Question& q, const Message& message) {
  const auto* report = std::get_if<StatusReport>(&message.body);
  if (!report) return std::nullopt;
  std::optional<Judgement> judged;
  for (const TransactionStatus& t : report->transactions) {
    if (!IsAbout(t.original, q.about)) continue;
    const Judgement one = One(q, t, message.header.created);
    // Two words in one message: who contradicts himself has said nothing.
    judged = judged && judged->outcome != one.outcome ? Judgement{} : one;
  }
  return judged;
}

}  // namespace paygate::bank::iso20022
