#include "audit/verdict.h"

#include <algorithm>
#include <cstdio>

#include "audit/internal/examiner.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Status;
using protocol::Certificate;
using protocol::Role;
using Outcome = EvidenceCheck::Outcome;

namespace {

constexpr const char* kSealedClaim =
    "the gateway sealed the file as it is: nothing was changed, taken out or put in since";

}  // namespace

std::string InWords(base::UnixTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

bool EvidenceReport::valid() const {
  return !checks.empty() && std::ranges::none_of(checks, [](const EvidenceCheck& check) {
    return check.outcome == Outcome::kBad;
  });
}

std::unexpected<base::Error> NotShown(std::string why) {
  return Fail(ErrorCode::kSignatureInvalid, std::move(why));
}

bool Examiner::Say(const std::string& claim, const Status& shown) {
  if (shown) {
    report_.checks.push_back({Outcome::kGood, claim});
    return true;
  }
  report_.checks.push_back(
      {Outcome::kBad, "it is not shown that " + claim + ": " + shown.error().message});
  return false;
}

void Examiner::SayNotChecked(std::string words) {
  report_.checks.push_back({Outcome::kNotChecked, std::move(words)});
}

const Certificate* Examiner::Find(std::string_view fingerprint) {
  const auto found = certificates_.find(fingerprint);
  if (found == certificates_.end()) return nullptr;
  used_[found->first] = true;
  return &found->second;
}

Status Examiner::ReadCertificates() {
  std::vector<Certificate> issuing;
  std::string before;
  for (const std::string& der : file_.certificates) {
    ASSIGN_OR_RETURN(const Certificate certificate, Certificate::Parse(der));
    if (certificate.fingerprint() <= before) return NotShown("they are not in their order");
    before = certificate.fingerprint();
    if (!certificate.role()) issuing.push_back(certificate);
    certificates_.emplace(before, certificate);
  }
  ASSIGN_OR_RETURN(checker_, protocol::CertificateChecker::Create(root_, issuing));
  for (const auto& [fingerprint, certificate] : certificates_) {
    if (!certificate.role()) continue;
    ASSIGN_OR_RETURN(const Certificate issuer, checker_->IssuerOf(certificate));
    used_[issuer.fingerprint()] = true;
    issuers_[fingerprint] = issuer.fingerprint();
  }
  return {};
}

Status Examiner::RelyOnGateway(const Certificate& certificate, base::UnixTime at) {
  RETURN_IF_ERROR(checker_->Check(certificate, Role::kGatewaySignature, at));
  if (certificate.subject_id() != file_.gateway_id) {
    return Fail(ErrorCode::kCertificateInvalid, "it is signed by another gateway");
  }
  base::UnixTime& latest = gateway_reliances_[certificate.fingerprint()];
  latest = std::max(latest, at);
  return {};
}

Status Examiner::CheckSeal() {
  ASSIGN_OR_RETURN(const EvidenceSeal seal, ByGateway<EvidenceSeal>(file_.seal, kTypEvidence));
  ASSIGN_OR_RETURN(const auto jws, protocol::ParseJws(file_.seal, kTypEvidence,
                                                      protocol::KeyName::kX5t));
  report_.summary.exported_at = seal.iat;
  if (!IsTheSmallerTwin(jws.algorithm, jws.signature)) {
    return NotShown("its signature is the twin of one that the gateway made");
  }
  if (seal.payment_id != file_.payment_id) return NotShown("it is of another payment");
  if (seal.content != ContentDigest(file_)) {
    return NotShown("something in the file was changed after the gateway sealed it");
  }
  return {};
}

Status Examiner::CheckUsed() const {
  for (const auto& [fingerprint, certificate] : certificates_) {
    const auto used = used_.find(fingerprint);
    if (used == used_.end() || !used->second) {
      return NotShown("nothing refers to the certificate " + fingerprint);
    }
  }
  for (const Logged& logged : log_) {
    if (!logged.used) {
      return NotShown("entry " + std::to_string(logged.number) + " of the audit log is about none "
                      "of it");
    }
  }
  return {};
}

EvidenceReport Examiner::Run() {
  report_.summary.gateway = file_.gateway_id;
  report_.summary.payment_id = file_.payment_id;
  if (!Say("its certificates lead to the root", ReadCertificates())) return std::move(report_);
  Say(kSealedClaim, CheckSeal());
  if (!Say("the audit log's checkpoint is signed, and over every entry in the file", ReadLog()) ||
      !Say("the participants' certificates were certified by the gateway, as its log says",
           ReadPairs()) ||
      !Say("the gateway certified what the seller offered (CSBLK), and logged it", CheckSale())) {
    return std::move(report_);
  }
  JudgePayment();
  if (authorisation_ && !file_.claim.filed.empty()) {
    Say("the buyer claimed a refund on the seller's undertaking, and what was decided was told to "
        "both",
        CheckClaim());
  }
  if (authorisation_) JudgeRefunds();
  JudgeStatuses();
  JudgeBankAnswers();
  JudgeAccounts();
  Say("everything in the file belongs to this payment", CheckUsed());
  return std::move(report_);
}

EvidenceReport JudgeEvidence(std::string_view bytes, const Certificate& root,
                             const EvidenceMeans& means) {
  const auto file = ParseEvidence(bytes);
  if (!file) return {.checks = {{Outcome::kBad, file.error().message}}, .summary = {}};
  return Examiner(*file, root, means).Run();
}

}  // namespace paygate::audit
