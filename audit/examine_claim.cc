// The seller's undertaking, the buyer's claim on it, and what was decided (protocol.md section 7).
#include "audit/internal/examiner.h"

namespace paygate::audit {

using base::Status;
using protocol::RefundAnswerPayload;
using protocol::RefundClaimPayload;
using protocol::RefundDecisionPayload;
using protocol::UndertakingPayload;

namespace {

constexpr std::chrono::hours kAnswerTime{72};

}  // namespace

Status Examiner::CheckUndertaking(const Logged& issued) {
  if (csblk_->undertaking.empty()) return {};
  ASSIGN_OR_RETURN(const auto jws, ByParticipant("the promising seller's", csblk_->undertaking,
                                                 protocol::kTypUndertaking, issued));
  ASSIGN_OR_RETURN(auto said, UndertakingPayload::Parse(jws.payload()));
  RETURN_IF_ERROR(said.CheckFits(csblk_->sub, file_.gateway_id, csblk_->sblk, csblk_->exp));
  if (reliances_.back().pair->signature.subject_id() != csblk_->sub) {
    return NotShown("its undertaking is signed by another than its seller");
  }
  undertaking_ = std::move(said);
  return {};
}

Status Examiner::CheckClaim() {
  const EvidenceClaim& claim = file_.claim;
  const std::string id = DocumentDigest(claim.filed);
  ASSIGN_OR_RETURN(Logged* const claimed, TakeEntry(EntryKind::kClaimed, file_.payment_id));
  ASSIGN_OR_RETURN(Logged* const answered, TakeEntry(EntryKind::kClaimAnswered, file_.payment_id));
  if (!claimed || !undertaking_) return NotShown("the log has none, or nothing was promised");
  ASSIGN_OR_RETURN(const auto jws, ByParticipant("the claiming buyer's", claim.filed,
                                                 protocol::kTypRefundClaim, *claimed));
  ASSIGN_OR_RETURN(const auto said, RefundClaimPayload::Parse(jws.payload()));
  if (said.iss != authorisation_->iss || said.aud != file_.gateway_id ||
      reliances_.back().pair->signature.subject_id() != said.iss ||
      said.payment_id != file_.payment_id) {
    return NotShown("it is not this buyer's, or of another payment");
  }
  const Entry expected{.kind = EntryKind::kClaimed,
                       .at = claimed->entry.at,
                       .values = {file_.payment_id, id, said.iss, csblk_->sub}};
  const int64_t at = base::ToNumericDate(claimed->entry.at);
  if (PrintEntry(expected) != PrintEntry(claimed->entry) || !payment_.completed() ||
      claimed->number < payment_.outcome->number || at < undertaking_->deliver_by ||
      at > undertaking_->claim_until) {
    return NotShown("the log says something else, or it came when nothing could be claimed");
  }
  if (answered) {
    ASSIGN_OR_RETURN(const auto reply, ByParticipant("the answering seller's", claim.answer,
                                                     protocol::kTypRefundAnswer, *answered));
    ASSIGN_OR_RETURN(const auto words, RefundAnswerPayload::Parse(reply.payload()));
    const Entry logged{.kind = EntryKind::kClaimAnswered,
                       .at = answered->entry.at,
                       .values = {file_.payment_id, id, reply.Digest()}};
    if (words.iss != csblk_->sub || words.aud != file_.gateway_id || words.claim != id ||
        reliances_.back().pair->signature.subject_id() != words.iss ||
        answered->number < claimed->number || PrintEntry(logged) != PrintEntry(answered->entry)) {
      return NotShown("its answer is not the seller's, or another than was logged");
    }
  } else if (!claim.answer.empty()) {
    return NotShown("the log has no answer");
  }
  return CheckDecisions(*claimed, answered);
}

// Usually one; when a bank has refused the refunds that it ordered, the operator orders another.
Status Examiner::CheckDecisions(const Logged& claimed, const Logged* answered) {
  const EvidenceClaim& claim = file_.claim;
  std::vector<const Logged*> decisions;
  for (Logged& each : log_) {
    if (each.entry.kind != EntryKind::kClaimDecided) continue;
    each.used = true;
    const bool unanswered = each.entry.Value("grounds") == "unanswered";
    const bool in_time = unanswered
                             ? (!answered || answered->number > each.number) &&
                                   each.entry.at >= claimed.entry.at + kAnswerTime
                             : !decisions.empty() || (answered && answered->number < each.number);
    if (each.entry.subject() != file_.payment_id || each.number < claimed.number || !in_time) {
      return NotShown("it was decided before it could be");
    }
    decisions.push_back(&each);
  }
  if (decisions.empty()) {
    return claim.to_buyer.empty() && claim.to_seller.empty()
               ? Status()
               : NotShown("the log has no decision");
  }
  ASSIGN_OR_RETURN(auto buyer, ByGateway<RefundDecisionPayload>(claim.to_buyer,
                                                                protocol::kTypRefundDecision));
  ASSIGN_OR_RETURN(const auto seller,
                   ByGateway<RefundDecisionPayload>(claim.to_seller,
                                                    protocol::kTypRefundDecision));
  const std::string id = DocumentDigest(claim.filed);
  const Entry expected{.kind = EntryKind::kClaimDecided,
                       .at = base::FromNumericDate(buyer.iat),
                       .values = {file_.payment_id, id, std::string(Name(buyer.decision)),
                                  std::string(Name(buyer.grounds)),
                                  DocumentDigest(claim.to_buyer),
                                  DocumentDigest(claim.to_seller)}};
  if (buyer.claim != id || buyer.payment_id != file_.payment_id ||
      buyer.sub != authorisation_->iss ||
      PrintEntry(expected) != PrintEntry(decisions.back()->entry)) {
    return NotShown("the decision is another than was logged");
  }
  buyer.sub = csblk_->sub;
  if (buyer.Print() != seller.Print()) return NotShown("buyer and seller were told two things");
  decisions_ = std::move(decisions);
  return {};
}

}  // namespace paygate::audit
