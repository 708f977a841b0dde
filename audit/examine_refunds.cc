// Refunds (protocol.md section 7): each as a payment of its own, and their sum.
#include <algorithm>

#include "audit/internal/examiner.h"

namespace paygate::audit {

using base::Result;
using base::Status;
using protocol::RefundAuthorisationPayload;
using protocol::RefundResultPayload;

// Of a refund that the seller authorised.
Result<base::Money> Examiner::AmountAuthorised(const EvidenceAct& act, const Steps& steps) {
  ASSIGN_OR_RETURN(const auto jws,
                   ByParticipant("the refunding seller's", act.authorisation,
                                 protocol::kTypRefundAuthorisation, *steps.authorised));
  ASSIGN_OR_RETURN(const auto said, RefundAuthorisationPayload::Parse(jws.payload()));
  if (said.iss != csblk_->sub || said.aud != file_.gateway_id ||
      reliances_.back().pair->signature.subject_id() != said.iss) {
    return NotShown("it is not the seller's, or to another gateway");
  }
  if (said.refund.payment_id != file_.payment_id) return NotShown("it is of another payment");
  return said.refund.amount;
}

// Of one that the claim brought about: nobody signed an amount, it is what was left of the price
// (CheckRefundSums).
Result<base::Money> Examiner::AmountClaimed(const Steps& steps) const {
  const bool decided = std::ranges::any_of(decisions_, [&](const Logged* each) {
    return each->number < steps.authorised->number && each->entry.Value("decision") == "refund";
  });
  if (!decided) return NotShown("no decision on the claim had ordered it");
  const std::string_view text = steps.authorised->entry.Value("amount");
  const size_t space = text.find(' ');
  if (space == text.npos) return NotShown("the log has no amount of it");
  return base::Money::Parse(text.substr(0, space), text.substr(space + 1));
}

Status Examiner::CheckRefund(const EvidenceAct& act, Steps& steps, std::string& id) {
  const bool by_claim = !file_.claim.filed.empty() && act.authorisation == file_.claim.filed;
  id = DocumentDigest(act.authorisation);
  if (by_claim) id = protocol::ClaimRefundId(id, ++claim_refunds_);
  ASSIGN_OR_RETURN(steps, StepsOf(id));
  const Entry& entry = steps.authorised->entry;
  ASSIGN_OR_RETURN(const base::Money amount,
                   by_claim ? AmountClaimed(steps) : AmountAuthorised(act, steps));
  const base::Money& price = csblk_->sblk.price;
  if (amount.currency() != price.currency() || amount.minor_units() > price.minor_units()) {
    return NotShown("it is of more than was paid, or in another currency");
  }
  if (!payment_.completed() || payment_.outcome->number > steps.authorised->number) {
    return NotShown("nothing had been paid then");
  }
  const Entry expected{.kind = EntryKind::kAuthorised,
                       .at = entry.at,
                       .values = {id, csblk_id_, authorisation_->iss, csblk_->sub,
                                  amount.ToString(), ""}};
  if (PrintEntry(expected) != PrintEntry(entry)) {
    return NotShown("the log says something else of it");
  }
  refunded_.push_back({.steps = steps,
                       .by_claim = by_claim,
                       .amount = amount.minor_units(),
                       .total = {},
                       .has_results = false});
  report_.summary.refunds.push_back(
      {.refund_id = id, .amount = amount.ToString(), .result = steps.result()});
  return CheckOutcome(steps, act);
}

Status Examiner::CheckRefundResults(const EvidenceAct& act, const Steps& steps,
                                    const std::string& id, const base::Money& amount) {
  if (!steps.results) {
    return act.receipt.empty() && act.confirmation.empty()
               ? Status()
               : NotShown("the log knows of no results");
  }
  ASSIGN_OR_RETURN(auto receipt, ByGateway<RefundResultPayload>(act.receipt,
                                                                protocol::kTypRefundReceipt));
  ASSIGN_OR_RETURN(auto confirmation,
                   ByGateway<RefundResultPayload>(act.confirmation,
                                                  protocol::kTypRefundConfirmation));
  if (receipt.refund_id != id || receipt.payment_id != file_.payment_id ||
      receipt.sub != csblk_->sub || receipt.amount != amount ||
      Name(receipt.result) != steps.result()) {
    return NotShown("its receipt says something else");
  }
  const Entry results{.kind = EntryKind::kResults,
                      .at = base::FromNumericDate(receipt.iat),
                      .values = {id, DocumentDigest(act.receipt),
                                 DocumentDigest(act.confirmation)}};
  if (PrintEntry(results) != PrintEntry(steps.results->entry)) {
    return NotShown("the log has other results");
  }
  report_.summary.refunds.back().settled_at = receipt.iat;
  refunded_.back().total = receipt.refunded_total;
  refunded_.back().has_results = true;
  receipt.sub = authorisation_->iss;
  if (receipt.Print() != confirmation.Print()) {
    return NotShown("buyer and seller were told two things");
  }
  return {};
}

// Each receipt states what had gone back by then: one that was left out would be missed here.
Status Examiner::CheckRefundSums() const {
  std::vector<const Refunded*> ended;
  uint64_t before = 0;
  for (const Refunded& each : refunded_) {
    if (each.steps.authorised->number <= before) return NotShown("they are not in their order");
    before = each.steps.authorised->number;
    if (each.steps.outcome) ended.push_back(&each);
  }
  std::ranges::sort(ended, {}, [](const Refunded* each) { return each->steps.outcome->number; });
  const int64_t price = csblk_->sblk.price.minor_units();
  int64_t back = 0;
  for (const Refunded* each : ended) {
    if (each->by_claim && back + each->amount != price) {
      return NotShown("a refund for the claim is not of what was left of the price");
    }
    if (each->steps.completed()) back += each->amount;
    const int64_t said = each->total ? each->total->minor_units() : 0;
    if (each->has_results && said != back) {
      return NotShown("a receipt states another sum than the refunds here make");
    }
  }
  return back <= price ? Status() : NotShown("they are more than was paid");
}

void Examiner::JudgeRefunds() {
  bool all = true;
  for (const EvidenceAct& act : file_.refunds) {
    Steps steps;
    std::string id;
    Status shown = CheckRefund(act, steps, id);
    if (shown) {
      // CheckRefund has parsed the amount.
      const auto amount = base::Money::Of(refunded_.back().amount, csblk_->sblk.price.currency());
      shown = amount ? CheckRefundResults(act, steps, id, *amount)
                     : Status(std::unexpected(amount.error()));
    }
    const char* why = act.authorisation == file_.claim.filed ? "the decision on the claim ordered"
                                                             : "the seller authorised";
    const std::string claim = std::string(why) + " the refund " + id;
    all = Say(claim + ", and both were told its end", shown) && all;
  }
  if (all && !file_.refunds.empty()) {
    Say("the refunds make the sums that their receipts state, and no more than the price",
        CheckRefundSums());
  }
}

}  // namespace paygate::audit
