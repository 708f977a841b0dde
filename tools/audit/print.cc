#include "tools/audit/print.h"

#include "base/clock.h"
#include "protocol/json.h"

namespace paygate::tools::audit {

using paygate::audit::EvidenceCheck;
using paygate::audit::EvidenceReport;
using paygate::audit::EvidenceSummary;
using protocol::JsonWriter;

namespace {

std::string At(int64_t seconds) {
  return paygate::audit::InWords(base::FromNumericDate(seconds));
}

const char* Name(EvidenceCheck::Outcome outcome) {
  switch (outcome) {
    case EvidenceCheck::Outcome::kGood:
      return "good";
    case EvidenceCheck::Outcome::kBad:
      return "bad";
    case EvidenceCheck::Outcome::kNotChecked:
      return "not checked";
  }
  return "";
}

std::string Ended(const EvidenceSummary& s) {
  if (s.result == "completed") {
    return "completed " + At(s.settled_at) +
           (s.bank_reference.empty() ? "" : ", bank reference " + s.bank_reference);
  }
  if (s.result == "failed") {
    return "failed " + At(s.settled_at) + (s.reason.empty() ? "" : ", reason " + s.reason) +
           ": no money moved";
  }
  return "open: the bank had not said what became of it";
}

std::string SummaryInWords(const EvidenceSummary& s) {
  std::string out = "payment     " + s.payment_id + "\n" +        //
                    "who         " + s.buyer + " to " + s.seller + "\n" +
                    "what        " + s.amount + " for " + s.goods + "\n" +
                    "authorised  " + At(s.authorised_at) + "\n" +  //
                    "outcome     " + Ended(s) + "\n";
  for (const auto& refund : s.refunds) {
    out += "refund      " + refund.amount + " " + refund.result +
           (refund.settled_at == 0 ? "" : " " + At(refund.settled_at)) + ", " + refund.refund_id +
           "\n";
  }
  if (!s.buyer_account.empty()) {
    out += "accounts    " + s.buyer_account + " to " + s.seller_account + "\n";
  }
  return out + "as of       " + At(s.exported_at) + ", by the gateway " + s.gateway + "\n";
}

}  // namespace

std::string EvidenceInWords(const EvidenceReport& report) {
  std::string out;
  for (const EvidenceCheck& check : report.checks) {
    out += (check.outcome == EvidenceCheck::Outcome::kBad ? "BAD" : Name(check.outcome)) +
           std::string(": ") + check.words + "\n";
  }
  if (!report.valid()) return out + "INVALID: the file does not prove what it says\n";
  return out + "\n" + SummaryInWords(report.summary) + "VALID\n";
}

std::string EvidenceAsJson(const EvidenceReport& report) {
  std::vector<std::string> checks, refunds;
  for (const EvidenceCheck& check : report.checks) {
    checks.push_back(
        JsonWriter().String("outcome", Name(check.outcome)).String("words", check.words).Take());
  }
  const EvidenceSummary& s = report.summary;
  for (const auto& refund : s.refunds) {
    refunds.push_back(JsonWriter()
                          .String("refund_id", refund.refund_id)
                          .String("amount", refund.amount)
                          .String("result", refund.result)
                          .Integer("settled_at", refund.settled_at)
                          .Take());
  }
  return JsonWriter()
      .String("verdict", report.valid() ? "valid" : "invalid")
      .String("gateway", s.gateway)
      .String("payment_id", s.payment_id)
      .String("buyer", s.buyer)
      .String("seller", s.seller)
      .String("amount", s.amount)
      .String("goods", s.goods)
      .String("result", s.result)
      .String("reason", s.reason)
      .String("bank_reference", s.bank_reference)
      .Integer("authorised_at", s.authorised_at)
      .Integer("settled_at", s.settled_at)
      .Integer("exported_at", s.exported_at)
      .String("buyer_account", s.buyer_account)
      .String("seller_account", s.seller_account)
      .RawArray("refunds", refunds)
      .RawArray("checks", checks)
      .Take();
}

}  // namespace paygate::tools::audit
