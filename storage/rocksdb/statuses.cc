// Certificates by issuing CA and serial, and the list of those revoked: the rest of participants.h.
#include "base/codec.h"
#include "base/encoding.h"
#include "protocol/certificate.h"
#include "storage/rocksdb/participants.h"

namespace paygate::storage::rocksdb {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

struct Name {
  std::string issuer_key_id, serial;
  base::UnixTime not_after;
};

// The engine registers what it issued, which names its issuer's key. Bytes that are no certificate
// have no serial that anyone could ask about.
std::optional<Name> NameOf(std::string_view der) {
  const auto certificate = protocol::Certificate::Parse(der);
  if (!certificate || certificate->authority_key_id().empty()) return std::nullopt;
  return Name{certificate->authority_key_id(), *base::HexDecode(certificate->serial_hex()),
              certificate->not_after()};
}

}  // namespace

std::string RevocationKey(std::string_view issuer_key_id, base::UnixTime at,
                          std::string_view serial) {
  return PairOfIds(issuer_key_id, OpenKey(at, serial));
}

Result<RevocationEntry> ParseRevocationKey(std::string_view key) {
  const size_t part = key.empty() ? 0 : 1 + static_cast<uint8_t>(key[0]);
  if (part < 2 || key.size() < part) return Fail(ErrorCode::kMalformed, "malformed key");
  ASSIGN_OR_RETURN(OpenEntry entry, ParseOpenKey(key.substr(part)));
  return RevocationEntry{entry.recorded_at, std::move(entry.payment_id)};
}

std::string EncodeRevocation(const RevocationRecord& r) {
  return base::Encoder()
      .U8(kRecordVersion)
      .U8(static_cast<uint8_t>(r.reason))
      .I64(base::ToNumericDate(r.not_after))
      .Take();
}

Result<RevocationRecord> DecodeRevocation(std::string_view value) {
  base::Decoder d(value);
  const uint8_t version = d.U8(), reason = d.U8();
  const RevocationRecord r{static_cast<RevocationReason>(reason),
                           base::FromNumericDate(d.I64())};
  RETURN_IF_ERROR(d.Finish());
  if (version != kRecordVersion || reason == 0 ||
      reason > static_cast<uint8_t>(RevocationReason::kSuperseded)) {
    return Fail(ErrorCode::kMalformed, "a revocation of another version, or without a reason");
  }
  return r;
}

void Participants::AddIssuedRows(const Registration& r, uint32_t pair, Batch& batch) {
  for (const std::string* der : {&r.signature_certificate, &r.encryption_certificate}) {
    if (const auto name = NameOf(*der)) {
      batch.Put(Family::kSerials, PairOfIds(name->issuer_key_id, name->serial),
                EncodePairReference({r.participant_id, pair}));
    }
  }
}

void Participants::AddRevokedRows(const RegisteredCertificates& pair, Batch& batch) {
  for (const std::string* der : {&pair.signature_certificate, &pair.encryption_certificate}) {
    if (const auto name = NameOf(*der)) {
      batch.Put(Family::kRevocations,
                RevocationKey(name->issuer_key_id, pair.revoked_at, name->serial),
                EncodeRevocation({pair.revoked, name->not_after}));
    }
  }
}

Result<std::optional<RegisteredCertificates>> Participants::FindBySerial(
    std::string_view issuer_key_id, std::string_view serial) const {
  if (!CheckId(issuer_key_id) || !CheckId(serial)) return std::optional<RegisteredCertificates>();
  ASSIGN_OR_RETURN(const auto reference,
                   database_.Read<PairReference>(Family::kSerials,
                                                 PairOfIds(issuer_key_id, serial),
                                                 DecodePairReference));
  if (!reference) return std::optional<RegisteredCertificates>();
  return FindPair(*reference);
}

Status Participants::ForEachRevoked(
    std::string_view issuer_key_id, base::UnixTime since,
    const std::function<void(const RevokedCertificate&)>& visit) const {
  RETURN_IF_ERROR(CheckId(issuer_key_id));
  return database_.ForEach(
      Family::kRevocations, ParticipantPrefix(issuer_key_id),
      RevocationKey(issuer_key_id, since, ""),
      [&](std::string_view key, std::string_view value) -> Result<bool> {
        const auto entry = ParseRevocationKey(key);
        const auto revocation = DecodeRevocation(value);
        if (!entry || !revocation) {
          return Database::Damaged(Family::kRevocations, key,
                                   entry ? revocation.error() : entry.error());
        }
        visit({entry->serial, revocation->reason, entry->at, revocation->not_after});
        return true;
      });
}

Result<uint64_t> Participants::NextCrlNumber(std::string_view issuer_key_id) {
  RETURN_IF_ERROR(CheckId(issuer_key_id));
  const auto hold = locks_.Lock({issuer_key_id});
  ASSIGN_OR_RETURN(const auto last,
                   database_.Read<uint64_t>(Family::kCrls, issuer_key_id, DecodeNumber));
  const uint64_t next = last.value_or(0) + 1;
  Batch batch(database_);
  batch.Put(Family::kCrls, issuer_key_id, EncodeNumber(next));
  RETURN_IF_ERROR(database_.Write(batch));
  return next;
}

}  // namespace paygate::storage::rocksdb
