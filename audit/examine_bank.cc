// What only the bank's keys can show: its signature on its answers, and the sealed accounts.
#include <algorithm>

#include "audit/internal/examiner.h"
#include "base/secret_bytes.h"
#include "protocol/jwe.h"

namespace paygate::audit {

using base::Status;

void Examiner::JudgeBankAnswers() {
  size_t answers = 0;
  const auto judge = [&](const BankAnswer& answer) {
    if (answer.bytes.empty()) return;
    ++answers;
    if (!means_.bank_signature) return;
    Say(std::string("the bank signed its answer to the ") +
            (answer.is_refund ? "refund " : "payment ") + std::string(answer.id) +
            ", and it says the same of it",
        means_.bank_signature(answer));
  };
  judge({file_.payment_id, false, payment_.completed(), file_.payment.bank_answer});
  for (const EvidenceAct& refund : file_.refunds) {
    const std::string id = DocumentDigest(refund.authorisation);
    const auto judged = std::ranges::find_if(refunded_, [&](const Refunded& each) {
      return each.steps.authorised->entry.subject() == id;
    });
    if (judged != refunded_.end()) judge({id, true, judged->steps.completed(), refund.bank_answer});
  }
  if (answers == 0) {
    SayNotChecked("what the bank said: the file has no signed answer of the bank, so that the "
                  "outcome stands on the gateway's word");
  } else if (!means_.bank_signature) {
    SayNotChecked("the bank's signature on its answer: give the bank's certificate");
  }
}

Status Examiner::CheckAccounts() {
  ASSIGN_OR_RETURN(const auto jwe, protocol::ParseJwe(file_.accounts));
  if (jwe.algorithm != means_.bank_key->algorithm()) {
    return NotShown("they are sealed to a key of another kind");
  }
  ASSIGN_OR_RETURN(std::string opened, protocol::OpenJwe(jwe, *means_.bank_key));
  auto json = protocol::JsonObject::Parse(opened);
  base::Cleanse(opened.data(), opened.size());
  if (!json) return std::unexpected(json.error());
  const std::string buyer_text = json->TakeString("buyer");
  const std::string seller_text = json->TakeString("seller");
  RETURN_IF_ERROR(json->Finish());
  ASSIGN_OR_RETURN(const auto buyer, protocol::Disclosure::Parse(buyer_text));
  ASSIGN_OR_RETURN(const auto seller, protocol::Disclosure::Parse(seller_text));
  if (buyer.Digest() != authorisation_->bblk.account_digest) {
    return NotShown("the buyer signed another account");
  }
  if (seller.Digest() != csblk_->sblk.account_digest) {
    return NotShown("the seller signed another account");
  }
  report_.summary.buyer_account = buyer.account();
  report_.summary.seller_account = seller.account();
  return {};
}

void Examiner::JudgeAccounts() {
  if (!authorisation_) return;
  if (file_.accounts.empty()) {
    return SayNotChecked("the accounts: none are sealed in the file, since the gateway had no "
                         "certificate of the bank when it was authorised");
  }
  if (!means_.bank_key) {
    return SayNotChecked("that the sealed accounts are the signed ones: only the bank's key opens "
                         "them");
  }
  Say("the sealed accounts are those that buyer and seller signed", CheckAccounts());
}

}  // namespace paygate::audit
