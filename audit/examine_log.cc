// What the audit log says, and the certificates that it says were certified.
#include <algorithm>

#include "audit/internal/examiner.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::Role;

Status Examiner::ReadLog() {
  ASSIGN_OR_RETURN(const Note note, ParseNote(file_.checkpoint));
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, ParseCheckpoint(note.text));
  if (note.signatures.size() != 1) return NotShown("the checkpoint has more than one signature");
  if (checkpoint.origin != OriginOf(file_.gateway_id)) {
    return NotShown("the checkpoint is of another gateway's log");
  }
  Status signed_by_ours = NotShown("its signature is by no certified key of this gateway");
  for (const auto& [fingerprint, certificate] : certificates_) {
    if (certificate.role() != Role::kGatewaySignature ||
        !VerifyNote(note, checkpoint.origin, certificate.key())) {
      continue;
    }
    used_[fingerprint] = true;
    signed_by_ours = RelyOnGateway(certificate, checkpoint.at);
    break;
  }
  RETURN_IF_ERROR(signed_by_ours);
  for (const EvidenceEntry& each : file_.entries) {
    const std::string number = std::to_string(each.number);
    if (!log_.empty() && each.number <= log_.back().number) {
      return NotShown("its entries are not in their order");
    }
    if (!VerifyInclusion(HashLeaf(each.line), each.number, checkpoint.size, each.proof,
                         checkpoint.root)) {
      return NotShown("the checkpoint is not over the entry " + number);
    }
    ASSIGN_OR_RETURN(Entry entry, ParseEntry(each.line));
    log_.push_back({each.number, std::move(entry)});
  }
  checkpoint_ = checkpoint;
  return {};
}

Status Examiner::ReadPairs() {
  for (Logged& logged : log_) {
    if (logged.entry.kind != EntryKind::kCertified) continue;
    const Certificate* v = Find(logged.entry.Value("signature"));
    const Certificate* p = Find(logged.entry.Value("encryption"));
    if (!v || !p) return NotShown("certificates of a certification are missing");
    RETURN_IF_ERROR(checker_->Check(*v, Role::kParticipantSignature, logged.entry.at));
    RETURN_IF_ERROR(checker_->Check(*p, Role::kParticipantEncryption, logged.entry.at));
    if (v->subject_id() != logged.entry.subject() || p->subject_id() != logged.entry.subject() ||
        v->account_binding() != p->account_binding() || v->key() == p->key()) {
      return NotShown("two certificates of one certification do not fit");
    }
    pairs_.push_back({*v, *p, &logged});
  }
  return {};
}

Result<Examiner::Logged*> Examiner::TakeEntry(EntryKind kind, std::string_view subject) {
  Logged* found = nullptr;
  for (Logged& logged : log_) {
    if (logged.entry.kind != kind || logged.entry.subject() != subject) continue;
    if (found) return Fail(ErrorCode::kMalformed, "the log says it twice");
    found = &logged;
  }
  if (found) found->used = true;
  return found;
}

std::string Examiner::Steps::result() const {
  return outcome ? std::string(outcome->entry.Value("result")) : "open";
}

Result<Examiner::Steps> Examiner::StepsOf(const std::string& id) {
  Steps steps;
  ASSIGN_OR_RETURN(steps.authorised, TakeEntry(EntryKind::kAuthorised, id));
  ASSIGN_OR_RETURN(steps.outcome, TakeEntry(EntryKind::kOutcome, id));
  ASSIGN_OR_RETURN(steps.results, TakeEntry(EntryKind::kResults, id));
  if (!steps.authorised) return Fail(ErrorCode::kMalformed, "the log has no authorisation of it");
  const bool ordered =
      (!steps.outcome || steps.outcome->number > steps.authorised->number) &&
      (!steps.results || (steps.outcome && steps.results->number > steps.outcome->number));
  if (!ordered) return Fail(ErrorCode::kMalformed, "the log has its steps in another order");
  if (steps.outcome && steps.result() != "completed" && steps.result() != "failed") {
    return Fail(ErrorCode::kMalformed, "the log has an outcome that is none");
  }
  return steps;
}

Status Examiner::RelyOnPair(const char* who, const Pair& pair, const Logged& at,
                            base::UnixTime if_superseded) {
  if (pair.certified->number > at.number) return NotShown("its certificate was certified later");
  pair.certified->used = true;
  RETURN_IF_ERROR(checker_->Check(pair.signature, Role::kParticipantSignature, at.entry.at));
  RETURN_IF_ERROR(checker_->Check(pair.encryption, Role::kParticipantEncryption, at.entry.at));
  reliances_.push_back({who, &pair, at.entry.at, at.number, if_superseded});
  return {};
}

Result<protocol::VerifiedJws> Examiner::ByParticipant(const char* who, std::string_view compact,
                                                      std::string_view typ, const Logged& at) {
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(compact, typ, protocol::KeyName::kX5c));
  if (jws.x5c.size() != 1) return Fail(ErrorCode::kMalformed, "it has more than one certificate");
  for (const Pair& pair : pairs_) {
    if (pair.signature.der() != jws.x5c.front()) continue;
    RETURN_IF_ERROR(RelyOnPair(who, pair, at, at.entry.at));
    return protocol::VerifyJws(std::move(jws), pair.signature.key());
  }
  return Fail(ErrorCode::kCertificateInvalid,
              "its certificate is not among those that the log says were certified");
}

}  // namespace paygate::audit
