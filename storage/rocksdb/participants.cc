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
                                        std::string_view proposed_participant_id) {
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
  batch.Put(Family::kFates, request_digest, EncodeFate({FateKind::kBegun, participant_id, {}}));
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
  ASSIGN_OR_RETURN(const auto fate, database_.Read<Fate>(Family::kFates,
                                                         registration.request_digest, DecodeFate));
  if (fate && !IsRegistration(*fate)) return Refused();
  if (fate && fate->kind == FateKind::kRegistered) {
    ASSIGN_OR_RETURN(auto first, Find(registration.request_digest));
    if (first) return std::move(*first);
    return Database::Damaged(Family::kRegistrations, registration.request_digest,
                             {ErrorCode::kMalformed, "it was completed and is not there"});
  }
  if (fate && fate->reference != registration.participant_id) {
    return Fail(ErrorCode::kInvalidArgument, "the registration was begun for another ID");
  }
  ASSIGN_OR_RETURN(const auto pairs, Pairs(registration.participant_id));
  RETURN_IF_ERROR(AddRegistration(registration, static_cast<uint32_t>(pairs.size())));
  return registration;
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
  return database_.Write(batch);
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
  return FindPair(*reference);
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
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

Status Participants::Revoke(std::string_view participant_id, RevocationReason reason,
                            base::UnixTime at) {
  if (reason == RevocationReason::kNone) {
    return Fail(ErrorCode::kInvalidArgument, "a revocation needs a reason");
  }
  const auto hold = locks_.Lock({participant_id});
  ASSIGN_OR_RETURN(auto pairs, Pairs(participant_id));
  if (pairs.empty()) return Fail(ErrorCode::kNotFound, "no such participant");
  Batch batch(database_);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].revoked != RevocationReason::kNone) continue;
    pairs[i].revoked = reason;
    pairs[i].revoked_at = at;
    batch.Put(Family::kPairs, PairKey(participant_id, static_cast<uint32_t>(i)),
              EncodePair(pairs[i]));
  }
  if (batch.empty()) return {};
  return database_.Write(batch);
}

}  // namespace paygate::storage::rocksdb
