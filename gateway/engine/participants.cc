#include "gateway/engine/participants.h"

#include "base/crypto.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;
using protocol::Certificate;
using protocol::Role;
using storage::RevocationReason;

Result<Participants::Cached> Participants::Parse(std::string_view der) {
  const std::string fingerprint = base::Sha256Base64Url(der);
  {
    base::MutexLock lock(mutex_);
    ForgetIfReplaced(keys_.Get());
    for (const Cache* generation : {&young_, &old_}) {
      if (auto found = generation->find(fingerprint); found != generation->end()) {
        return found->second;
      }
    }
  }
  auto certificate = Certificate::Parse(der);
  if (!certificate) return base::Fail(ErrorCode::kCertificateInvalid, certificate.error().message);
  return Cached{.certificate = std::move(*certificate), .good = false};
}

void Participants::ForgetIfReplaced(const std::shared_ptr<const GatewayKeys>& keys) {
  if (checked_under_ == keys) return;
  young_.clear();
  old_.clear();
  checked_under_ = keys;
}

void Participants::Remember(const Cached& cached, const GatewayKeys& checked_under) {
  base::MutexLock lock(mutex_);
  if (checked_under_.get() != &checked_under) return;  // replaced meanwhile
  if (young_.size() >= kCacheGeneration) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(cached.certificate.fingerprint(), cached);
}

Result<Certificate> Participants::ParseChecked(std::string_view der, Role role,
                                               std::chrono::seconds grace) {
  ASSIGN_OR_RETURN(Cached cached, Parse(der));
  const Certificate& certificate = cached.certificate;
  base::UnixTime now = clock_.Now();
  // Within the grace it is judged as in the last second of its life.
  if (now > certificate.not_after() && now <= certificate.not_after() + grace) {
    now = certificate.not_after();
  }
  if (!cached.good) {
    const auto keys = keys_.Get();
    RETURN_IF_ERROR(keys->checker.Check(certificate, role, now));
    // Only now: what strangers made up must not fill the memory, nor drive out what is good.
    Remember({.certificate = certificate, .good = true}, *keys);
  } else if (certificate.role() != role || now < certificate.not_before() ||
             now > certificate.not_after()) {
    return base::Fail(ErrorCode::kCertificateInvalid, "certificate of another role or time");
  }
  return certificate;
}

Result<Participant> Participants::Find(std::string_view der, Role role, Admission admission) {
  const std::chrono::seconds grace =
      admission == Admission::kRenewal ? kRenewalGrace : std::chrono::days(0);
  ASSIGN_OR_RETURN(Certificate sent, ParseChecked(der, role, grace));
  ASSIGN_OR_RETURN(auto pair, register_.FindByFingerprint(sent.fingerprint()));
  if (!pair) {
    return base::Fail(ErrorCode::kCertificateInvalid, "certificate is not in the register");
  }
  if (pair->revoked != RevocationReason::kNone) {
    return base::Fail(ErrorCode::kCertificateRevoked, "certificate of a revoked participant");
  }
  if (pair->held && admission != Admission::kRevocation) {
    return base::Fail(ErrorCode::kAccountRefused, "the operator holds this participant");
  }
  ASSIGN_OR_RETURN(Certificate v, ParseChecked(pair->signature_certificate,
                                               Role::kParticipantSignature, grace));
  ASSIGN_OR_RETURN(Certificate p, ParseChecked(pair->encryption_certificate,
                                               Role::kParticipantEncryption, grace));
  return Participant{.signature = std::move(v), .encryption = std::move(p)};
}

Result<Certificate> Participants::EncryptionCertificateOf(std::string_view fingerprint) {
  ASSIGN_OR_RETURN(auto pair, register_.FindByFingerprint(fingerprint));
  if (!pair) return base::Fail(ErrorCode::kCertificateInvalid, "fingerprint not in the register");
  ASSIGN_OR_RETURN(Cached cached, Parse(pair->encryption_certificate));
  return cached.certificate;
}

Result<Certificate> Participants::NewestEncryptionCertificate(std::string_view participant_id) {
  ASSIGN_OR_RETURN(auto pairs, register_.FindByParticipant(participant_id));
  if (pairs.empty()) return base::Fail(ErrorCode::kInternal, "participant is not in the register");
  for (const auto& pair : pairs) {
    if (pair.revoked != RevocationReason::kNone) continue;
    auto certificate = ParseChecked(pair.encryption_certificate, Role::kParticipantEncryption);
    if (certificate) return certificate;
  }
  ASSIGN_OR_RETURN(Cached cached, Parse(pairs.front().encryption_certificate));
  return cached.certificate;
}

base::Status Participants::CheckSeller(std::string_view participant_id) const {
  ASSIGN_OR_RETURN(auto pairs, register_.FindByParticipant(participant_id));
  if (pairs.empty()) return base::Fail(ErrorCode::kCertificateRevoked, "the seller is unknown");
  for (const auto& pair : pairs) {
    if (pair.revoked == RevocationReason::kKeyCompromise ||
        pair.revoked == RevocationReason::kCessationOfOperation) {
      return base::Fail(ErrorCode::kCertificateRevoked, "the seller was revoked");
    }
  }
  if (!pairs.front().held) return {};
  return base::Fail(ErrorCode::kAccountRefused, "the operator holds the seller");
}

}  // namespace paygate::gateway::engine
