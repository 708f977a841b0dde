// Records of participants: registrations, pairs, standings and revocations. The grammar is at the
// top of records.cc.
#include "storage/rocksdb/fields.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::ToNumericDate;

namespace {

constexpr uint8_t kMaxReason = static_cast<uint8_t>(RevocationReason::kSuperseded);

}  // namespace

std::string EncodeRegistration(const RegistrationRecord& r) {
  return Begin()
      .Bytes(r.participant_id)
      .U32(r.pair)
      .Bytes(Pack(r.registered_jws))
      .I64(ToNumericDate(r.registered_at))
      .Take();
}

Result<RegistrationRecord> DecodeRegistration(std::string_view value) {
  Fields f(value);
  RegistrationRecord r{f.String(), f.U32(), f.Packed(), f.Time()};
  RETURN_IF_ERROR(f.Done());
  return r;
}

std::string EncodePair(const RegisteredCertificates& pair) {
  return Begin()
      .Bytes(pair.signature_certificate)
      .Bytes(pair.encryption_certificate)
      .U8(static_cast<uint8_t>(pair.revoked))
      .I64(ToNumericDate(pair.revoked_at))
      .Take();
}

Result<RegisteredCertificates> DecodePair(std::string_view participant_id,
                                          std::string_view value) {
  Fields f(value);
  RegisteredCertificates pair;
  pair.participant_id = participant_id;
  pair.signature_certificate = f.String();
  pair.encryption_certificate = f.String();
  pair.revoked = static_cast<RevocationReason>(f.Choice(kMaxReason));
  pair.revoked_at = f.Time();
  RETURN_IF_ERROR(f.Done());
  return pair;
}

std::string EncodePairReference(const PairReference& r) {
  return Begin().Bytes(r.participant_id).U32(r.pair).Take();
}

Result<PairReference> DecodePairReference(std::string_view value) {
  Fields f(value);
  PairReference r{f.String(), f.U32()};
  RETURN_IF_ERROR(f.Done());
  return r;
}

std::string EncodeStanding(const Standing& s) {
  return Begin()
      .U8(static_cast<uint8_t>(s.kind))
      .U8(static_cast<uint8_t>(s.reason))
      .Bytes(s.note)
      .I64(ToNumericDate(s.at))
      .Take();
}

Result<Standing> DecodeStanding(std::string_view value) {
  Fields f(value);
  const uint8_t kind = f.Choice(2), reason = f.Choice(kMaxReason);
  Standing s{static_cast<StandingKind>(kind), static_cast<RevocationReason>(reason), f.String(),
             f.Time()};
  RETURN_IF_ERROR(f.Done());
  if (kind == 0 || (s.kind == StandingKind::kHeld) != (reason == 0)) {
    return Fail(ErrorCode::kMalformed, "a standing of no kind, or its reason does not fit");
  }
  return s;
}

}  // namespace paygate::storage::rocksdb
