// Whether the certificates were good when they were relied on. Revocation is for good, so what an
// issuing CA says afterwards proves the past: a certificate that is not revoked then never was, and
// of one that is its CA says since when.
#include <algorithm>

#include "audit/internal/examiner.h"
#include "base/encoding.h"
#include "protocol/crl.h"
#include "protocol/ocsp.h"

namespace paygate::audit {

using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::OcspResponse;
using protocol::Role;

namespace {

struct Answer {
  std::string ca;  // fingerprint
  OcspResponse said;
};

Result<Answer> WhoseAnswer(const std::string& der, const std::vector<Certificate>& cas) {
  base::Error last{base::ErrorCode::kCertificateInvalid, "the file has no issuing CA"};
  for (const Certificate& ca : cas) {
    auto said = protocol::VerifyOcspResponse(der, ca);
    if (!said) {
      last = said.error();
      continue;
    }
    for (const auto& single : said->certificates) {
      if (!single.id.IssuedBy(ca)) return NotShown("it names another CA's certificate");
    }
    return Answer{ca.fingerprint(), std::move(*said)};
  }
  return std::unexpected(last);
}

const char* UseOf(const Certificate& certificate) {
  const bool signs = certificate.role() == Role::kParticipantSignature ||
                     certificate.role() == Role::kGatewaySignature;
  return signs ? " signature certificate" : " encryption certificate";
}

}  // namespace

const Examiner::Statement* Examiner::StatementOn(const Certificate& certificate) const {
  const auto issuer = issuers_.find(certificate.fingerprint());
  if (issuer == issuers_.end()) return nullptr;
  for (const Statement& statement : statements_) {
    if (statement.ca == issuer->second && statement.serial_hex == certificate.serial_hex()) {
      return &statement;
    }
  }
  return nullptr;
}

Status Examiner::ReadStatuses() {
  for (const std::string& der : file_.statuses) {
    ASSIGN_OR_RETURN(const Answer answer, WhoseAnswer(der, checker_->issuing()));
    for (const auto& single : answer.said.certificates) {
      statements_.push_back(
          {.ca = answer.ca,
           .serial_hex = base::HexEncode(single.id.serial),
           .revoked = single.status.revoked,
           .superseded = single.status.reason == protocol::CrlReason::kSuperseded,
           .revoked_at = single.status.revoked_at,
           .as_of = answer.said.this_update});
    }
  }
  size_t about_ours = 0;
  for (const auto& [fingerprint, certificate] : certificates_) {
    about_ours += certificate.role() && StatementOn(certificate) ? 1 : 0;
  }
  if (about_ours != statements_.size()) {
    return NotShown("there are two about one certificate, or one about none of the file");
  }
  return {};
}

Status Examiner::CheckRevokedEntries() {
  for (Logged& logged : log_) {
    if (logged.entry.kind != EntryKind::kRevoked) continue;
    const bool superseded = logged.entry.Value("reason") == "superseded";
    for (const Reliance& reliance : reliances_) {
      if (reliance.pair->signature.subject_id() != logged.entry.subject()) continue;
      logged.used = true;
      const bool before = superseded ? logged.entry.at < reliance.if_superseded
                                     : logged.number < reliance.number;
      if (before) return NotShown("entry " + std::to_string(logged.number) + " is one");
      const Statement* statement = StatementOn(reliance.pair->signature);
      if (statement && !statement->revoked && statement->as_of > logged.entry.at) {
        return NotShown("the issuing CA says later that what was revoked is not");
      }
    }
  }
  return {};
}

void Examiner::JudgeStatusOf(const std::string& who, const Certificate& certificate,
                             base::UnixTime at, base::UnixTime if_superseded) {
  const std::string name = who + UseOf(certificate);
  const Statement* statement = StatementOn(certificate);
  EvidenceCheck check;
  if (!statement) {
    check = {EvidenceCheck::Outcome::kNotChecked,
             "whether " + name + " was revoked when it was relied on: its issuing CA makes no "
             "statement in the file; the audit log in the file has no revocation before it"};
  } else if (!statement->revoked && statement->as_of >= at) {
    check = {EvidenceCheck::Outcome::kGood,
             name + " was not revoked when it was relied on: its issuing CA says as of " +
                 InWords(statement->as_of) + " that it never was"};
  } else if (statement->revoked &&
             statement->revoked_at >= (statement->superseded ? if_superseded : at)) {
    check = {EvidenceCheck::Outcome::kGood,
             name + " was not revoked when it was relied on: its issuing CA says that it has been "
             "since " + InWords(statement->revoked_at)};
  } else {
    check = {EvidenceCheck::Outcome::kBad,
             "it is not shown that " + name + " was good when it was relied on at " + InWords(at) +
                 (statement->revoked
                      ? ": revoked at " + InWords(statement->revoked_at)
                      : ": what its issuing CA says is of " + InWords(statement->as_of))};
  }
  // Relied on for each refund, it is said once.
  const bool said = std::ranges::any_of(
      report_.checks, [&](const EvidenceCheck& each) { return each.words == check.words; });
  if (!said) report_.checks.push_back(std::move(check));
}

void Examiner::JudgeStatuses() {
  if (!Say("what the issuing CAs say of the certificates' status is signed by them",
           ReadStatuses())) {
    return;
  }
  Say("the audit log has no revocation of a participant's certificates before they were relied on",
      CheckRevokedEntries());
  for (const Reliance& reliance : reliances_) {
    for (const Certificate& each : {reliance.pair->signature, reliance.pair->encryption}) {
      JudgeStatusOf(reliance.who, each, reliance.at, reliance.if_superseded);
    }
  }
  for (const auto& [fingerprint, at] : gateway_reliances_) {
    JudgeStatusOf("the gateway's", certificates_.at(fingerprint), at, at);
  }
  JudgeIssuingCas();
}

void Examiner::JudgeIssuingCas() {
  if (file_.root_crl.empty()) {
    return SayNotChecked("whether the root has revoked an issuing CA: the gateway has no list of "
                         "the root's");
  }
  const auto list = protocol::VerifyCrl(file_.root_crl, root_);
  if (!list) {
    Say("the root's revocation list is the root's", std::unexpected(list.error()));
    return;
  }
  const base::UnixTime at =
      payment_.authorised ? payment_.authorised->entry.at : checkpoint_->at;
  for (const Certificate& ca : checker_->issuing()) {
    const auto revoked = std::ranges::find(list->entries, ca.serial_hex(),
                                           &protocol::CrlContents::Entry::serial_hex);
    const std::string of = "by the root's list of " + InWords(list->this_update);
    if (revoked == list->entries.end()) {
      Say("the issuing CA is not revoked " + of, {});
    } else {
      Say("the issuing CA was revoked after the authorisation, " + of,
          revoked->revoked_at > at ? Status() : NotShown("on " + InWords(revoked->revoked_at)));
    }
  }
}

}  // namespace paygate::audit
