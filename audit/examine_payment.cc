// The sale, the authorisation, the outcome and its two signed results.
#include "audit/internal/examiner.h"
#include "base/crypto.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Status;
using protocol::CsblkPayload;
using protocol::PaymentAuthorisationPayload;
using protocol::PaymentResult;
using protocol::PaymentResultPayload;

namespace {

std::string DigestOrNone(std::string_view bytes) {
  return bytes.empty() ? "" : base::Sha256Base64Url(bytes);
}

}  // namespace

Status Examiner::CheckSale() {
  ASSIGN_OR_RETURN(csblk_, ByGateway<CsblkPayload>(file_.csblk, protocol::kTypCsblk));
  csblk_id_ = DocumentDigest(file_.csblk);
  ASSIGN_OR_RETURN(Logged* const issued, TakeEntry(EntryKind::kCsblkIssued, csblk_id_));
  if (!issued) return NotShown("the log does not say that it was issued");
  if (issued->entry.Value("seller") != csblk_->sub ||
      base::ToNumericDate(issued->entry.at) != csblk_->iat) {
    return NotShown("the log says that it was issued to another, or at another time");
  }
  RETURN_IF_ERROR(CheckUndertaking(*issued));
  ASSIGN_OR_RETURN(Logged* const authorised,
                   TakeEntry(EntryKind::kAuthorised, file_.payment_id));
  // Which of its certificates the seller signed message 3 with is not in the file; each that it had
  // by then must not have been revoked, nor one of them expired.
  Status good = NotShown("no certificate of its seller from before is in the file");
  bool any = false;
  for (const Pair& pair : pairs_) {
    if (pair.signature.subject_id() != csblk_->sub || pair.certified->number > issued->number) {
      continue;
    }
    pair.certified->used = true;
    good = RelyOnPair("the seller's", pair, *issued, issued->entry.at);
    if (!good) continue;
    any = true;
    if (!authorised) continue;
    // Superseded, it leaves what it certified payable (protocol.md section 6); otherwise it must
    // have been good until the authorisation.
    reliances_.back().at = authorised->entry.at;
    reliances_.back().number = authorised->number;
  }
  return any ? Status() : good;
}

Status Examiner::CheckAuthorisation() {
  ASSIGN_OR_RETURN(payment_, StepsOf(file_.payment_id));
  const Entry& entry = payment_.authorised->entry;
  ASSIGN_OR_RETURN(const auto jws,
                   ByParticipant("the buyer's", file_.payment.authorisation,
                                 protocol::kTypPaymentAuthorisation, *payment_.authorised));
  if (jws.Digest() != file_.payment_id) return NotShown("it is of another payment");
  ASSIGN_OR_RETURN(auto said, PaymentAuthorisationPayload::Parse(jws.payload()));
  if (said.iss != entry.Value("buyer") || said.aud != file_.gateway_id) {
    return NotShown("it is another's, or to another gateway");
  }
  if (reliances_.back().pair->signature.subject_id() != said.iss) {
    return NotShown("another signed than it names");
  }
  if (said.csblk != file_.csblk) return NotShown("it is for another CSBLK");
  const protocol::Sblk& sblk = csblk_->sblk;
  if (said.bblk.goods != sblk.goods || said.bblk.price != sblk.price) {
    return NotShown("the buyer agreed to other goods or another price than were offered");
  }
  if (!sblk.buyer.empty() && sblk.buyer != said.iss) return NotShown("it was for another buyer");
  if (base::ToNumericDate(entry.at) >= csblk_->exp) return NotShown("the CSBLK had expired");
  const Entry expected{.kind = EntryKind::kAuthorised,
                       .at = entry.at,
                       .values = {file_.payment_id, csblk_id_, said.iss, csblk_->sub,
                                  sblk.price.ToString(), DigestOrNone(file_.accounts)}};
  if (PrintEntry(expected) != PrintEntry(entry)) {
    return NotShown("the log says something else of it");
  }
  authorisation_ = std::move(said);
  return {};
}

// What the log says of the outcome, against the bank's answer.
Status Examiner::CheckOutcome(const Steps& steps, const EvidenceAct& act) {
  if (!steps.outcome) {
    return act.bank_answer.empty() ? Status() : NotShown("the log knows of no answer of the bank");
  }
  if (steps.outcome->entry.Value("evidence") != DigestOrNone(act.bank_answer)) {
    return NotShown("the bank's answer is not the one whose hash was logged");
  }
  return {};
}

Status Examiner::CheckPaymentResults() {
  if (!payment_.results) {
    return file_.payment.receipt.empty() && file_.payment.confirmation.empty()
               ? Status()
               : NotShown("the log knows of no results");
  }
  ASSIGN_OR_RETURN(auto receipt, ByGateway<PaymentResultPayload>(file_.payment.receipt,
                                                                 protocol::kTypReceipt));
  ASSIGN_OR_RETURN(auto confirmation,
                   ByGateway<PaymentResultPayload>(file_.payment.confirmation,
                                                   protocol::kTypPaymentConfirmation));
  const PaymentAuthorisationPayload& said = *authorisation_;
  if (receipt.payment_id != file_.payment_id || receipt.authorised_at != said.iat ||
      receipt.bblk != said.bblk || receipt.csblk != said.csblk || receipt.sub != said.iss ||
      receipt.result == PaymentResult::kPending) {
    return NotShown("the receipt is of another payment, or not final");
  }
  report_.summary.reason = receipt.reason;
  report_.summary.bank_reference = receipt.bank_reference;
  report_.summary.settled_at = receipt.iat;
  // The outcome as it was logged, with the words of the receipt where it has any: what a bank said
  // in unreadable bytes is in the log as a hash, and not in the receipt.
  Entry outcome = payment_.outcome->entry;
  outcome.values[1] = Name(receipt.result);
  if (!receipt.reason.empty()) outcome.values[2] = receipt.reason;
  if (!receipt.bank_reference.empty()) outcome.values[3] = receipt.bank_reference;
  if (PrintEntry(outcome) != PrintEntry(payment_.outcome->entry)) {
    return NotShown("the receipt states another outcome than the log");
  }
  const Entry results{.kind = EntryKind::kResults,
                      .at = base::FromNumericDate(receipt.iat),
                      .values = {file_.payment_id, DocumentDigest(file_.payment.receipt),
                                 DocumentDigest(file_.payment.confirmation)}};
  if (PrintEntry(results) != PrintEntry(payment_.results->entry)) {
    return NotShown("the log has other results");
  }
  receipt.sub = csblk_->sub;
  receipt.reason.clear();
  if (receipt.Print() != confirmation.Print()) {
    return NotShown("buyer and seller were told two things");
  }
  return {};
}

void Examiner::JudgePayment() {
  EvidenceSummary& summary = report_.summary;
  if (!Say("the buyer authorised this payment to this seller, and the gateway logged it before "
           "any bank heard of it",
           CheckAuthorisation())) {
    return;
  }
  summary.buyer = authorisation_->iss;
  summary.seller = csblk_->sub;
  summary.amount = csblk_->sblk.price.ToString();
  summary.goods = csblk_->sblk.goods;
  summary.authorised_at = authorisation_->iat;
  summary.result = payment_.result();
  Say("the outcome in the log is that of the bank's answer in the file",
      CheckOutcome(payment_, file_.payment));
  Say(payment_.results ? "buyer and seller were told the same outcome, signed, as the log says"
                       : "the gateway had signed no result when it made the file",
      CheckPaymentResults());
}

}  // namespace paygate::audit
