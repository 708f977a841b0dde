#include "gateway/engine/evidence.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "audit/checkpoint.h"
#include "protocol/jws.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using audit::EntryKind;
using audit::EvidenceAct;
using audit::EvidenceFile;
using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::KeyName;

namespace {

static_assert(audit::kMaxEvidenceRefunds ==
              storage::kMaxRefunds + storage::kClaimRefundReserve);

EvidenceAct ActOf(const storage::Payment& act) {
  return {.authorisation = act.intent.record().authorisation,
          .receipt = act.results.receipt,
          .confirmation = act.results.confirmation,
          .bank_answer = act.settlement ? act.settlement->outcome().evidence : std::string()};
}

}  // namespace

// One file on its way. What was read of the payment first decides what of the log goes in: whatever
// it says is durable, so that the checkpoint, which is later, is over it.
class EvidenceExport::Gathering {
 public:
  Gathering(EvidenceExport& p, std::shared_ptr<const GatewayKeys> keys)
      : p_(p), keys_(std::move(keys)) {}

  Result<EvidenceFile> Run(const std::string& payment_id) {
    file_.gateway_id = keys_->id;
    file_.payment_id = payment_id;
    RETURN_IF_ERROR(ReadPayment());
    RETURN_IF_ERROR(ReadRefunds());
    RETURN_IF_ERROR(ReadClaim());
    RETURN_IF_ERROR(FindParticipants());
    ASSIGN_OR_RETURN(const auto checkpoint, p_.audit_.Checkpoint());
    if (!checkpoint) return Fail(ErrorCode::kInternal, "a payment, and an audit log without entry");
    file_.checkpoint = checkpoint->note;
    size_ = checkpoint->size;
    RETURN_IF_ERROR(ReadLog());
    RETURN_IF_ERROR(FindGatewayCertificates());
    RETURN_IF_ERROR(FindIssuers());
    // The seal relies on its certificate, too: no later than the statements about it are made.
    seal_at_ = p_.clock_.Now();
    ASSIGN_OR_RETURN(file_.statuses, p_.ocsp_.Attest(leaves_));
    file_.root_crl = keys_->root_crl;
    for (const auto& [fingerprint, der] : certificates_) file_.certificates.push_back(der);
    return std::move(file_);
  }
  base::UnixTime seal_at() const { return seal_at_; }  // after Run

 private:
  Status ReadPayment() {
    ASSIGN_OR_RETURN(auto payment, p_.store_.payments().Find(file_.payment_id));
    if (!payment) return Fail(ErrorCode::kNotFound, "no payment has the ID " + file_.payment_id);
    const storage::IntentRecord& intent = payment->intent.record();
    if (intent.is_refund()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "this is a refund; its evidence is in that of its payment, " + intent.refund_of);
    }
    ASSIGN_OR_RETURN(csblk_, p_.store_.csblks().Find(intent.csblk_id));
    if (!csblk_) return Fail(ErrorCode::kInternal, "a payment of a CSBLK that is not there");
    file_.csblk = csblk_->record.jws;
    file_.payment = ActOf(*payment);
    ASSIGN_OR_RETURN(file_.accounts, p_.store_.payments().SealedAccounts(file_.payment_id));
    acts_.push_back(std::move(*payment));
    return {};
  }

  Status ReadRefunds() {
    ASSIGN_OR_RETURN(const auto refunds, p_.store_.payments().Refunds(file_.payment_id));
    for (const storage::Refund& each : refunds) {
      ASSIGN_OR_RETURN(auto refund, p_.store_.payments().Find(each.refund_id));
      if (!refund) return Fail(ErrorCode::kInternal, "a refund without its authorisation");
      acts_.push_back(std::move(*refund));
    }
    return {};
  }

  Status ReadClaim() {
    ASSIGN_OR_RETURN(claim_, p_.store_.claims().Find(file_.payment_id));
    if (!claim_) return {};
    file_.claim.filed = claim_->jws;
    file_.claim.answer = claim_->answer;
    if (claim_->order) {
      file_.claim.to_buyer = claim_->order->to_buyer;
      file_.claim.to_seller = claim_->order->to_seller;
    }
    return {};
  }

  // The pair of everybody who signed, and that of the sale.
  Status FindParticipants() {
    RETURN_IF_ERROR(AddPair(csblk_->record.reply_certificate));
    ASSIGN_OR_RETURN(const auto issued,
                     protocol::ParseJws(file_.csblk, protocol::kTypCsblk, KeyName::kX5t));
    ASSIGN_OR_RETURN(const auto sale, protocol::CsblkPayload::Parse(issued.payload));
    RETURN_IF_ERROR(AddSigned(sale.undertaking, protocol::kTypUndertaking));
    RETURN_IF_ERROR(AddSigned(file_.payment.authorisation, protocol::kTypPaymentAuthorisation));
    RETURN_IF_ERROR(AddSigned(file_.claim.filed, protocol::kTypRefundClaim));
    RETURN_IF_ERROR(AddSigned(file_.claim.answer, protocol::kTypRefundAnswer));
    for (size_t i = 1; i < acts_.size(); ++i) {
      const std::string& authorisation = acts_[i].intent.record().authorisation;
      if (authorisation == file_.claim.filed) continue;
      RETURN_IF_ERROR(AddSigned(authorisation, protocol::kTypRefundAuthorisation));
    }
    return {};
  }

  // The pair of a participant who signed; nothing of "".
  Status AddSigned(const std::string& compact, std::string_view typ) {
    if (compact.empty()) return {};
    ASSIGN_OR_RETURN(const auto jws, protocol::ParseJws(compact, typ, KeyName::kX5c));
    ASSIGN_OR_RETURN(const Certificate signer, Certificate::Parse(jws.x5c.front()));
    return AddPair(signer.fingerprint());
  }

  Status AddPair(const std::string& fingerprint) {
    ASSIGN_OR_RETURN(const auto pair, p_.store_.certificates().FindByFingerprint(fingerprint));
    if (!pair) return Fail(ErrorCode::kInternal, "a participant's certificate is not registered");
    ASSIGN_OR_RETURN(const Certificate v, Certificate::Parse(pair->signature_certificate));
    ASSIGN_OR_RETURN(const Certificate p, Certificate::Parse(pair->encryption_certificate));
    signature_fingerprints_.insert(v.fingerprint());
    AddLeaf(v);
    AddLeaf(p);
    return {};
  }

  void AddLeaf(const Certificate& leaf) {
    if (certificates_.emplace(leaf.fingerprint(), leaf.der()).second) leaves_.push_back(leaf);
  }

  Status ReadLog() {
    const storage::IntentRecord& intent = acts_.front().intent.record();
    RETURN_IF_ERROR(TakeEntries(intent.csblk_id, [](const audit::Entry& entry) {
      return entry.kind == EntryKind::kCsblkIssued;
    }));
    for (const storage::Payment& act : acts_) {
      RETURN_IF_ERROR(TakeEntries(act.intent.payment_id(), [&](const audit::Entry& entry) {
        return entry.kind == EntryKind::kAuthorised ||
               (entry.kind == EntryKind::kOutcome && act.settlement) ||
               (entry.kind == EntryKind::kResults && !act.results.receipt.empty());
      }));
    }
    RETURN_IF_ERROR(TakeEntries(file_.payment_id, [&](const audit::Entry& entry) {
      return claim_ && (entry.kind == EntryKind::kClaimed ||
                        (entry.kind == EntryKind::kClaimAnswered && !claim_->answer.empty()) ||
                        (entry.kind == EntryKind::kClaimDecided && claim_->order &&
                         entry.at <= claim_->order->at));
    }));
    for (const std::string& id : {intent.buyer_id, intent.seller_id}) {
      RETURN_IF_ERROR(TakeEntries(id, [&](const audit::Entry& entry) {
        return entry.kind == EntryKind::kRevoked ||
               (entry.kind == EntryKind::kCertified &&
                signature_fingerprints_.contains(std::string(entry.Value("signature"))));
      }));
    }
    for (const auto& [number, line] : entries_) {
      ASSIGN_OR_RETURN(auto proof, p_.store_.audit().InclusionProof(number, size_));
      file_.entries.push_back({number, line, std::move(proof)});
      AddRefundInOrder(line);
    }
    return {};
  }

  // Refunds stand in the file as their authorisations stand in the log.
  void AddRefundInOrder(const std::string& line) {
    const auto entry = audit::ParseEntry(line);
    if (!entry || entry->kind != EntryKind::kAuthorised) return;
    for (size_t i = 1; i < acts_.size(); ++i) {
      if (acts_[i].intent.payment_id() == entry->subject()) {
        file_.refunds.push_back(ActOf(acts_[i]));
      }
    }
  }

  Status TakeEntries(const std::string& subject,
                     const std::function<bool(const audit::Entry&)>& wanted) {
    const storage::AuditLog& log = p_.store_.audit();
    ASSIGN_OR_RETURN(const auto numbers, log.About(subject));
    for (const uint64_t number : numbers) {
      if (number >= size_) break;
      std::string found;
      RETURN_IF_ERROR(log.ForEach(number, [&](uint64_t, std::string_view line) {
        found = line;
        return false;
      }));
      ASSIGN_OR_RETURN(const audit::Entry entry, audit::ParseEntry(found));
      if (wanted(entry)) entries_.emplace(number, std::move(found));
    }
    return {};
  }

  // Of whatever a key of the gateway signed in the file: among those of the configuration, which
  // keeps former ones, or those that have signed checkpoints.
  Status FindGatewayCertificates() {
    ASSIGN_OR_RETURN(const auto kept, p_.store_.audit().SigningCertificates());
    for (const auto& each : keys_->signature) known_.push_back(each.certificate);
    for (const std::string& der : kept) {
      ASSIGN_OR_RETURN(Certificate certificate, Certificate::Parse(der));
      known_.push_back(std::move(certificate));
    }
    AddLeaf(keys_->Signature().certificate);  // the seal's
    RETURN_IF_ERROR(AddSigner(file_.csblk, protocol::kTypCsblk));
    for (size_t i = 0; i < acts_.size(); ++i) {
      const storage::SignedResults& results = acts_[i].results;
      if (results.receipt.empty()) continue;
      const bool refund = i > 0;
      RETURN_IF_ERROR(AddSigner(
          results.receipt, refund ? protocol::kTypRefundReceipt : protocol::kTypReceipt));
      RETURN_IF_ERROR(AddSigner(results.confirmation, refund ? protocol::kTypRefundConfirmation
                                                             : protocol::kTypPaymentConfirmation));
    }
    for (const std::string* decision : {&file_.claim.to_buyer, &file_.claim.to_seller}) {
      if (decision->empty()) continue;
      RETURN_IF_ERROR(AddSigner(*decision, protocol::kTypRefundDecision));
    }
    return AddCheckpointsSigner();
  }

  Status AddSigner(std::string_view compact, std::string_view typ) {
    ASSIGN_OR_RETURN(const auto jws, protocol::ParseJws(compact, typ, KeyName::kX5t,
                                                        protocol::JwsForms::kSingleOrBatch));
    const auto found = std::ranges::find(known_, jws.x5t_s256, &Certificate::fingerprint);
    if (found == known_.end()) {
      return Fail(ErrorCode::kCertificateInvalid,
                  "the gateway's certificate " + jws.x5t_s256 + ", whose key signed a " +
                      std::string(typ) + ", is not known any more: name it among "
                      "certificates.gateway_signature again");
    }
    AddLeaf(*found);
    return {};
  }

  Status AddCheckpointsSigner() {
    ASSIGN_OR_RETURN(const auto note, audit::ParseNote(file_.checkpoint));
    for (const Certificate& certificate : known_) {
      if (certificate.role() == protocol::Role::kGatewaySignature &&
          audit::VerifyNote(note, audit::OriginOf(keys_->id), certificate.key())) {
        AddLeaf(certificate);
        return {};
      }
    }
    return Fail(ErrorCode::kInternal, "the checkpoint's signer is not kept");
  }

  Status FindIssuers() {
    std::vector<Certificate> cas = keys_->checker.issuing();
    for (const Certificate& each : known_) {
      if (!each.role() && keys_->checker.IssuerOf(each)) cas.push_back(each);
    }
    ASSIGN_OR_RETURN(const auto checker,
                     protocol::CertificateChecker::Create(keys_->checker.root(), cas));
    for (const Certificate& leaf : leaves_) {
      const auto issuer = checker.IssuerOf(leaf);
      if (!issuer) {
        return Fail(ErrorCode::kCertificateInvalid,
                    "the issuing CA of the certificate " + leaf.fingerprint() + " is not known "
                    "any more: name it among certificates.issuing_ca again");
      }
      certificates_.emplace(issuer->fingerprint(), issuer->der());
    }
    return {};
  }

  EvidenceExport& p_;
  const std::shared_ptr<const GatewayKeys> keys_;
  EvidenceFile file_;
  std::optional<storage::Csblk> csblk_;
  std::optional<storage::Claim> claim_;
  std::vector<storage::Payment> acts_;  // the payment, then its refunds
  std::set<std::string> signature_fingerprints_;
  std::map<std::string, std::string> certificates_;  // DER by fingerprint
  std::vector<Certificate> leaves_, known_;
  uint64_t size_ = 0;
  base::UnixTime seal_at_{};
  std::map<uint64_t, std::string> entries_;
};

Result<std::string> EvidenceExport::Export(const std::string& payment_id) {
  if (!protocol::IsDigest(payment_id)) {
    return Fail(ErrorCode::kInvalidArgument, "a payment's ID has 43 characters, as in its receipt");
  }
  const auto keys = envelope_.keys();
  Gathering gathering(*this, keys);
  ASSIGN_OR_RETURN(EvidenceFile file, gathering.Run(payment_id));
  const auto& signature = keys->Signature();
  RETURN_IF_ERROR(
      audit::SealEvidence(file, gathering.seal_at(), signature.certificate, *signature.key));
  std::string bytes = audit::PrintEvidence(file);
  if (bytes.size() <= audit::kMaxEvidenceFileBytes) return bytes;
  return Fail(ErrorCode::kPayloadTooLarge,
              "the evidence has " + std::to_string(bytes.size()) + " bytes, more than the " +
                  std::to_string(audit::kMaxEvidenceFileBytes) + " of an evidence file: the bank's "
                  "answers or the root's revocation list are too long");
}

void AddEvidenceCommand(EvidenceExport& evidence, Control& control) {
  // It signs, but decides nothing, as a checkpoint does.
  control.Add("evidence", {Control::Effect::kReads,
                           {"payment_id"},
                           {},
                           [&evidence](const Control::Arguments& arguments) {
                             return evidence.Export(arguments.at("payment_id"));
                           }});
}

}  // namespace paygate::gateway::engine
