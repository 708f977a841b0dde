#include "storage/rocksdb/participants.h"

#include <algorithm>

#include "base/crypto.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

std::unexpected<base::Error> Refused() {
  return Fail(ErrorCode::kAlreadyExists, "the registration was refused");
}

bool IsRegistration(const Fate& fate) {
  return fate.kind == FateKind::kBegun || fate.kind == FateKind::kRegistered;
}

}  // namespace

Result<std::string> Participants::Begin(std::string_view request_digest,
                                        std::string_view proposed_participant_id,
                                        base::UnixTime at) {
  RETURN_IF_ERROR(CheckId(request_digest));
  RETURN_IF_ERROR(CheckId(proposed_participant_id));
  const auto hold = locks_.Lock({request_digest});
  ASSIGN_OR_RETURN(auto fate, database_.Read<Fate>(Family::kFates, request_digest, DecodeFate));
  if (fate) {
    if (!IsRegistration(*fate)) return Refused();
    return std::move(fate->reference);
  }
  Batch batch(database_);
  std::string participant_id(proposed_participant_id);
  batch.Put(Family::kFates, request_digest, EncodeFate({FateKind::kBegun, participant_id, at}));
  batch.Put(Family::kBegun, OpenKey(at, request_digest), EncodeBytes(""));
  RETURN_IF_ERROR(database_.Write(batch));
  return participant_id;
}

Result<bool> Participants::Begun(std::string_view request_digest) const {
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, request_digest, DecodeFate));
  return fate && IsRegistration(*fate);
}

Result<Registration> Participants::Complete(Registration registration) {
  RETURN_IF_ERROR(CheckId(registration.request_digest));
  RETURN_IF_ERROR(CheckId(registration.participant_id));
  const auto hold = locks_.Lock({registration.request_digest, registration.participant_id,
                                 registration.signature_certificate,
                                 registration.encryption_certificate});
  ASSIGN_OR_RETURN(auto before, CompletedBefore(registration));
  if (before) return std::move(*before);
  ASSIGN_OR_RETURN(const auto standing, FindStanding(registration.participant_id));
  if (standing && standing->kind == StandingKind::kRevoked) {
    return Fail(ErrorCode::kCertificateRevoked, "the bank revoked this participant already");
  }
  ASSIGN_OR_RETURN(const auto pairs, Pairs(registration.participant_id));
  RETURN_IF_ERROR(AddRegistration(registration, static_cast<uint32_t>(pairs.size())));
  return registration;
}

Result<std::optional<Registration>> Participants::CompletedBefore(
    const Registration& request) const {
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, request.request_digest, DecodeFate));
  if (!fate) return std::optional<Registration>();
  if (!IsRegistration(*fate)) return Refused();
  if (fate->kind == FateKind::kRegistered) {
    ASSIGN_OR_RETURN(auto first, Find(request.request_digest));
    if (first) return first;
    return Database::Damaged(Family::kRegistrations, request.request_digest,
                             {ErrorCode::kMalformed, "it was completed and is not there"});
  }
  if (fate->reference != request.participant_id) {
    return Fail(ErrorCode::kInvalidArgument, "the registration was begun for another ID");
  }
  return std::optional<Registration>();
}

Result<Registration> Participants::Renew(Registration renewal, std::string_view current) {
  RETURN_IF_ERROR(CheckId(renewal.request_digest));
  RETURN_IF_ERROR(CheckId(renewal.participant_id));
  const auto hold =
      locks_.Lock({renewal.request_digest, renewal.participant_id, renewal.signature_certificate,
                   renewal.encryption_certificate});
  ASSIGN_OR_RETURN(auto before, CompletedBefore(renewal));
  if (before) return std::move(*before);
  ASSIGN_OR_RETURN(const auto pairs, Pairs(renewal.participant_id));
  if (pairs.empty()) return Fail(ErrorCode::kCertificateInvalid, "no such participant");
  if (pairs.back().revoked != RevocationReason::kNone) {
    return Fail(ErrorCode::kCertificateRevoked, "the participant was revoked meanwhile");
  }
  if (base::Sha256Base64Url(pairs.back().signature_certificate) != current &&
      base::Sha256Base64Url(pairs.back().encryption_certificate) != current) {
    return Fail(ErrorCode::kCertificateInvalid, "the certificate was renewed already");
  }
  RETURN_IF_ERROR(AddRegistration(renewal, static_cast<uint32_t>(pairs.size())));
  return renewal;
}

Status Participants::AddRegistration(const Registration& r, uint32_t pair) {
  const std::string signature_print = base::Sha256Base64Url(r.signature_certificate);
  const std::string encryption_print = base::Sha256Base64Url(r.encryption_certificate);
  ASSIGN_OR_RETURN(const auto found,
                   database_.GetMany({{Family::kCertificates, signature_print},
                                      {Family::kCertificates, encryption_print}}));
  if (found[0] || found[1]) {
    return Fail(ErrorCode::kAlreadyExists, "the certificate is registered already");
  }
  Batch batch(database_);
  batch.Put(Family::kFates, r.request_digest,
            EncodeFate({FateKind::kRegistered, r.participant_id, r.registered_at}));
  batch.Put(Family::kRegistrations, r.request_digest,
            EncodeRegistration({r.participant_id, pair, r.registered_jws, r.registered_at}));
  batch.Put(Family::kPairs, PairKey(r.participant_id, pair),
            EncodePair({.signature_certificate = r.signature_certificate,
                        .encryption_certificate = r.encryption_certificate}));
  const std::string reference = EncodePairReference({r.participant_id, pair});
  batch.Put(Family::kCertificates, signature_print, reference);
  batch.Put(Family::kCertificates, encryption_print, reference);
  AddIssuedRows(r, pair, batch);
  batch.Record({.kind = audit::EntryKind::kCertified,
                .at = r.registered_at,
                .values = {r.participant_id, r.request_digest, signature_print,
                           encryption_print}});
  return pair == 0 ? database_.Write(batch) : WriteChange(batch);
}

Result<std::optional<Registration>> Participants::Find(std::string_view request_digest) const {
  ASSIGN_OR_RETURN(auto record,
                   database_.Read<RegistrationRecord>(Family::kRegistrations, request_digest,
                                                      DecodeRegistration));
  if (!record) return std::optional<Registration>();
  ASSIGN_OR_RETURN(auto pair, FindPair({record->participant_id, record->pair}));
  return std::optional(Registration{.request_digest = std::string(request_digest),
                                    .participant_id = std::move(record->participant_id),
                                    .signature_certificate = std::move(pair->signature_certificate),
                                    .encryption_certificate =
                                        std::move(pair->encryption_certificate),
                                    .registered_jws = std::move(record->registered_jws),
                                    .registered_at = record->registered_at});
}

Result<std::optional<RegisteredCertificates>> Participants::FindPair(
    const PairReference& which) const {
  const std::string key = PairKey(which.participant_id, which.pair);
  ASSIGN_OR_RETURN(auto pair,
                   database_.Read<RegisteredCertificates>(
                       Family::kPairs, key,
                       [&](std::string_view v) { return DecodePair(which.participant_id, v); }));
  if (!pair) {
    return Database::Damaged(Family::kPairs, key,
                             {ErrorCode::kMalformed, "others refer to it and it is not there"});
  }
  return pair;
}

Result<std::optional<RegisteredCertificates>> Participants::FindByFingerprint(
    std::string_view fingerprint) const {
  ASSIGN_OR_RETURN(const auto reference,
                   database_.Read<PairReference>(Family::kCertificates, fingerprint,
                                                 DecodePairReference));
  if (!reference) return std::optional<RegisteredCertificates>();
  ASSIGN_OR_RETURN(auto pair, FindPair(*reference));
  ASSIGN_OR_RETURN(const auto held, FindHold(reference->participant_id));
  pair->held = held.has_value();
  return pair;
}

Result<std::vector<RegisteredCertificates>> Participants::Pairs(
    std::string_view participant_id) const {
  std::vector<RegisteredCertificates> pairs;
  if (!CheckId(participant_id)) return pairs;
  const std::string prefix = ParticipantPrefix(participant_id);
  RETURN_IF_ERROR(database_.ForEach(
      Family::kPairs, prefix, prefix,
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        Result<RegisteredCertificates> pair = DecodePair(participant_id, value);
        if (!pair) return Database::Damaged(Family::kPairs, key, pair.error());
        pairs.push_back(std::move(*pair));
        return true;
      }));
  return pairs;
}

Result<std::vector<RegisteredCertificates>> Participants::FindByParticipant(
    std::string_view participant_id) const {
  ASSIGN_OR_RETURN(auto pairs, Pairs(participant_id));
  ASSIGN_OR_RETURN(const auto held, FindHold(participant_id));
  for (auto& pair : pairs) pair.held = held.has_value();
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

Status Participants::Revoke(std::string_view participant_id, RevocationReason reason,
                            base::UnixTime at, std::string_view request_digest) {
  if (reason == RevocationReason::kNone) {
    return Fail(ErrorCode::kInvalidArgument, "a revocation needs a reason");
  }
  const auto hold = locks_.Lock({participant_id, request_digest});
  ASSIGN_OR_RETURN(auto pairs, Pairs(participant_id));
  if (pairs.empty()) return Fail(ErrorCode::kNotFound, "no such participant");
  Batch batch(database_);
  AddRevocation(pairs, reason, at, batch);
  if (!batch.empty()) {
    RecordRevocation(participant_id, reason, request_digest.empty() ? "operator" : "participant",
                     request_digest, at, batch);
  }
  if (!request_digest.empty()) {
    RETURN_IF_ERROR(CheckId(request_digest));
    ASSIGN_OR_RETURN(const auto fate,
                     database_.Read<Fate>(Family::kFates, request_digest, DecodeFate));
    if (fate && fate->kind != FateKind::kRevoked) return Refused();
    batch.Put(Family::kFates, request_digest,
              EncodeFate({FateKind::kRevoked, std::string(participant_id), at}));
  }
  if (batch.empty()) return {};
  const Status written = WriteChange(batch);
  Revoked();
  return written;
}

Status Participants::WriteChange(Batch& batch) {
  Status written = database_.Write(batch);
  ++changes_;
  return written;
}

void Participants::RecordRevocation(std::string_view participant_id, RevocationReason reason,
                                    std::string_view by, std::string_view request_digest,
                                    base::UnixTime at, Batch& batch) {
  constexpr const char* kNames[] = {"", "keyCompromise", "cessationOfOperation", "superseded"};
  batch.Record({.kind = audit::EntryKind::kRevoked,
                .at = at,
                .values = {std::string(participant_id), kNames[static_cast<size_t>(reason)],
                           std::string(by), std::string(request_digest)}});
}

void Participants::AddRevocation(std::vector<RegisteredCertificates>& pairs,
                                 RevocationReason reason, base::UnixTime at, Batch& batch) const {
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].revoked != RevocationReason::kNone) continue;
    pairs[i].revoked = reason;
    pairs[i].revoked_at = at;
    batch.Put(Family::kPairs, PairKey(pairs[i].participant_id, static_cast<uint32_t>(i)),
              EncodePair(pairs[i]));
    AddRevokedRows(pairs[i], batch);
  }
}

Result<bool> Participants::RevokedBy(std::string_view request_digest) const {
  ASSIGN_OR_RETURN(const auto fate,
                   database_.Read<Fate>(Family::kFates, request_digest, DecodeFate));
  return fate && fate->kind == FateKind::kRevoked;
}

Result<std::vector<std::string>> Participants::ListParticipants(std::string_view after,
                                                                size_t limit) const {
  std::vector<std::string> ids;
  // Behind every pair of `after`.
  const std::string first = after.empty() ? "" : PairKey(after, UINT32_MAX) + '\0';
  RETURN_IF_ERROR(database_.ForEach(
      Family::kPairs, "", first, [&](std::string_view key, std::string_view) -> Result<bool> {
        ASSIGN_OR_RETURN(std::string id, ParseParticipant(key));
        if (!ids.empty() && ids.back() == id) return true;
        if (ids.size() >= limit) return false;
        ids.push_back(std::move(id));
        return true;
      }));
  return ids;
}

}  // namespace paygate::storage::rocksdb
