#include "gateway/engine/participants.h"

#include <algorithm>

#include "base/crypto.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;
using protocol::Certificate;
using protocol::Role;
using storage::RevocationReason;

std::optional<Certificate> Participants::FindGood(const std::string& fingerprint) {
  const auto keys = keys_.Get();
  base::MutexLock lock(mutex_);
  if (checked_under_ != keys) {
    good_.Clear();
    checked_under_ = keys;
  }
  const Certificate* found = good_.Find(fingerprint);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

Result<Certificate> Participants::Parse(std::string_view der) {
  if (auto good = FindGood(base::Sha256Base64Url(der))) return std::move(*good);
  auto certificate = Certificate::Parse(der);
  if (!certificate) return base::Fail(ErrorCode::kCertificateInvalid, certificate.error().message);
  return certificate;
}

base::Status Participants::Check(const Certificate& certificate, Role role,
                                 std::chrono::seconds grace) {
  base::UnixTime now = clock_.Now();
  // Within the grace it is judged as in the last second of its life.
  if (now > certificate.not_after() && now <= certificate.not_after() + grace) {
    now = certificate.not_after();
  }
  if (FindGood(certificate.fingerprint())) {
    if (certificate.role() == role && now >= certificate.not_before() &&
        now <= certificate.not_after()) {
      return {};
    }
    return base::Fail(ErrorCode::kCertificateInvalid, "certificate of another role or time");
  }
  const auto keys = keys_.Get();
  RETURN_IF_ERROR(keys->checker.Check(certificate, role, now));
  base::MutexLock lock(mutex_);
  if (checked_under_ == keys) good_.Keep(certificate.fingerprint(), certificate);
  return {};
}

Result<std::shared_ptr<const Participants::Standing>> Participants::StandingOf(
    std::string_view participant_id) {
  const std::string id(participant_id);
  // Before the register is read: what changes meanwhile makes this one old.
  const uint64_t changes = register_.Changes();
  {
    base::MutexLock lock(mutex_);
    const auto* found = standings_.Find(id);
    if (found != nullptr && (*found)->changes == changes) return *found;
  }
  ASSIGN_OR_RETURN(const auto registered, register_.FindByParticipant(id));
  Standing standing{
      .changes = changes, .held = !registered.empty() && registered.front().held, .pairs = {}};
  for (const auto& pair : registered) {
    auto signature = Parse(pair.signature_certificate);
    auto encryption = Parse(pair.encryption_certificate);
    if (!signature || !encryption) {
      return base::Fail(ErrorCode::kIo, "the register's certificates of " + id + " are damaged");
    }
    standing.pairs.push_back({std::move(*signature), std::move(*encryption), pair.revoked});
  }
  auto made = std::make_shared<const Standing>(std::move(standing));
  base::MutexLock lock(mutex_);
  if (!made->pairs.empty()) standings_.Keep(id, made);
  return made;
}

Result<Participant> Participants::Find(std::string_view der, Role role, Admission admission) {
  const std::chrono::seconds grace =
      admission == Admission::kRenewal ? kRenewalGrace : std::chrono::days(0);
  ASSIGN_OR_RETURN(const Certificate sent, Parse(der));
  RETURN_IF_ERROR(Check(sent, role, grace));
  // A certificate of ours names in its subject whom it was issued to.
  ASSIGN_OR_RETURN(const auto standing, StandingOf(sent.subject_id()));
  const auto pair = std::ranges::find_if(standing->pairs, [&](const Standing::Pair& p) {
    return p.signature.fingerprint() == sent.fingerprint() ||
           p.encryption.fingerprint() == sent.fingerprint();
  });
  if (pair == standing->pairs.end()) {
    return base::Fail(ErrorCode::kCertificateInvalid, "certificate is not in the register");
  }
  if (pair->revoked != RevocationReason::kNone) {
    return base::Fail(ErrorCode::kCertificateRevoked, "certificate of a revoked participant");
  }
  if (standing->held && admission != Admission::kRevocation) {
    return base::Fail(ErrorCode::kAccountRefused, "the operator holds this participant");
  }
  RETURN_IF_ERROR(Check(pair->signature, Role::kParticipantSignature, grace));
  RETURN_IF_ERROR(Check(pair->encryption, Role::kParticipantEncryption, grace));
  return Participant{.signature = pair->signature, .encryption = pair->encryption};
}

Result<Certificate> Participants::EncryptionCertificateOf(std::string_view fingerprint) {
  if (auto good = FindGood(std::string(fingerprint));
      good && good->role() == Role::kParticipantEncryption) {
    return std::move(*good);
  }
  ASSIGN_OR_RETURN(auto pair, register_.FindByFingerprint(fingerprint));
  if (!pair) return base::Fail(ErrorCode::kCertificateInvalid, "fingerprint not in the register");
  return Parse(pair->encryption_certificate);
}

Result<Certificate> Participants::NewestEncryptionCertificate(std::string_view participant_id) {
  ASSIGN_OR_RETURN(const auto standing, StandingOf(participant_id));
  if (standing->pairs.empty()) {
    return base::Fail(ErrorCode::kInternal, "participant is not in the register");
  }
  for (const auto& pair : standing->pairs) {
    if (pair.revoked != RevocationReason::kNone) continue;
    if (Check(pair.encryption, Role::kParticipantEncryption)) return pair.encryption;
  }
  return standing->pairs.front().encryption;
}

base::Status Participants::CheckSeller(std::string_view participant_id) {
  ASSIGN_OR_RETURN(const auto standing, StandingOf(participant_id));
  if (standing->pairs.empty()) {
    return base::Fail(ErrorCode::kCertificateRevoked, "the seller is unknown");
  }
  for (const auto& pair : standing->pairs) {
    if (pair.revoked == RevocationReason::kKeyCompromise ||
        pair.revoked == RevocationReason::kCessationOfOperation) {
      return base::Fail(ErrorCode::kCertificateRevoked, "the seller was revoked");
    }
  }
  if (!standing->held) return {};
  return base::Fail(ErrorCode::kAccountRefused, "the operator holds the seller");
}

}  // namespace paygate::gateway::engine
