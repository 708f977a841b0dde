// The store on disk, version 2. docs/formats/store.md explains what this grammar states.
//
//   key parts    id       1 to 128 bytes as they are        part   u8 length, id
//                be32/64  big-endian, so that keys sort as numbers; be64 times are seconds since
//                         1970, never negative
//   value        version (u8 = 1), then fields:  bytes | u8 | u32 | u64 | i64  of base/codec.h
//                time  i64 seconds since 1970;  packed  bytes, as packed.h makes them of text
//
// family         key                            value after the version byte
// intents        payment_id                     csblk_id buyer_id seller_id: bytes,
//                                               authorisation: packed, reply_certificate:
//                                               bytes, minor_units: i64,
//                                               currency: bytes, authorised_at recorded_at
//                                               deadline: time, prepared_key: bytes; of a refund
//                                               the version is 2 and refund_of: bytes follows
// prepared       payment_id                     sealed bytes for the bank; gone once settled
// open           be64 recorded_at, payment_id   prepared_key: bytes, empty once the outcome is
//                                               known; the row is gone once results are stored
// settlements    payment_id                     completed: u8 0|1, reason bank_reference
//                                               evidence: bytes, settled_at: time,
//                                               receipt confirmation: packed, both or neither
//                                               empty
// csblks         csblk_id                       confirmation_digest seller_id nonce: bytes,
//                                               jws: packed, reply_certificate: bytes,
//                                               issued_at expires: time
// csblk_states   csblk_id                       state: u8 0 payable 1 in flight 2 paid 3 cancelled,
//                                               payment_id buyer_id: bytes, empty unless 1 or 2
// tries          part csblk_id, buyer_id        failed payments: u64
// sales          part seller_id, nonce          csblk_id: bytes
// fates          digest of a message            kind: u8 FateKind, reference: bytes, at: time
// registrations  request digest                 participant_id: bytes, pair: u32,
//                                               registered_jws: packed, registered_at: time
// pairs          part participant_id, be32 pair signature_certificate encryption_certificate: bytes
//                                               (DER), revoked: u8 RevocationReason, at: time
// certificates   x5t#S256                       participant_id: bytes, pair: u32
// mail           part participant_id, be64 n    jwe: packed
// boxes          participant_id                 acknowledged cursor: u64
// acks           be64 at, part participant_id,  cursor acknowledged before (exclusive start of the
//                be64 cursor                    range that awaits deletion): u64
// standings      participant_id                 kind: u8 1 held 2 revoked before registration,
//                                               reason: u8 RevocationReason, 0 only if held,
//                                               note: bytes, at: time
// cursors        adapter                        bytes: the last notice of the bank that is taken
// serials        part issuer_key_id, serial     participant_id: bytes, pair: u32
// revocations    part issuer_key_id, be64 at,   reason: u8 RevocationReason, not 0,
//                serial                         not_after: time
// crls           issuer_key_id                  the number of its last list: u64
// refunds        part payment_id, refund_id     minor_units: i64, > 0, state: u8 RefundState,
//                                               refunded_total: i64, 0 while open
// claims         payment_id                     claim_id buyer_id seller_id claim: bytes, filed_at
//                                               answer_by: time, state: u8 ClaimState, due: time,
//                                               answer: bytes, answered_at: time, attempts: u32,
//                                               refund_id: bytes, decided: u8 0|1; if 1: refund
//                                               by_operator: u8 0|1, reason: bytes, at: time,
//                                               to_buyer to_seller: bytes
// open_claims    be64 due, payment_id           empty bytes; the row is gone once it is closed
// statements     adapter                        cursor: bytes, complete_until: time
// bookings       id of an order                 return: u8 0|1, minor_units: i64, currency
//                                               bank_reference: bytes, booked listed: time
// unreconciled   id of an order                 since: time
// refused begun  be64 at, digest of a message   empty bytes; what is to be forgotten next
#include "storage/rocksdb/records.h"

#include <algorithm>

#include "storage/rocksdb/fields.h"

namespace paygate::storage::rocksdb {

using base::Encoder;
using base::ErrorCode;
using base::Fail;
using base::FromNumericDate;
using base::Result;
using base::Status;
using base::ToNumericDate;
using base::UnixTime;

namespace {

constexpr uint8_t kMaxState = static_cast<uint8_t>(CsblkState::kCancelled);
constexpr uint8_t kMaxFate = static_cast<uint8_t>(FateKind::kAnswered);

std::string BigEndian(uint64_t n, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(n >> shift & 0xff));
  }
  return out;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t n = 0;
  for (char c : bytes) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}

std::string TimeKey(UnixTime t) {
  return BigEndian(static_cast<uint64_t>(std::max<int64_t>(0, ToNumericDate(t))), 8);
}

// TimeKey prints no time before 1970, so that a key has none either.
bool BeginsWithTime(std::string_view key) {
  return key.size() >= 8 && static_cast<uint8_t>(key[0]) < 0x80;
}

std::string Part(std::string_view id) {
  return std::string(1, static_cast<char>(id.size())) + std::string(id);
}

std::unexpected<base::Error> BadKey() { return Fail(ErrorCode::kMalformed, "malformed key"); }

}  // namespace

Status CheckId(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdBytes) {
    return Fail(ErrorCode::kMalformed, "an identifier has " + std::to_string(id.size()) +
                                           " bytes; 1 to " + std::to_string(kMaxIdBytes) +
                                           " are allowed");
  }
  return {};
}

std::string PairOfIds(std::string_view first, std::string_view second) {
  return Part(first) + std::string(second);
}
std::string OpenKey(UnixTime recorded_at, std::string_view payment_id) {
  return TimeKey(recorded_at) + std::string(payment_id);
}
std::string ParticipantPrefix(std::string_view participant_id) { return Part(participant_id); }
std::string PairKey(std::string_view participant_id, uint32_t number) {
  return Part(participant_id) + BigEndian(number, 4);
}
std::string MailKey(std::string_view participant_id, uint64_t cursor) {
  return Part(participant_id) + BigEndian(cursor, 8);
}
std::string AckKey(UnixTime at, std::string_view participant_id, uint64_t cursor) {
  return TimeKey(at) + Part(participant_id) + BigEndian(cursor, 8);
}

Result<OpenEntry> ParseOpenKey(std::string_view key) {
  if (!BeginsWithTime(key) || key.size() == 8) return BadKey();
  return OpenEntry{FromNumericDate(static_cast<int64_t>(FromBigEndian(key.substr(0, 8)))),
                   std::string(key.substr(8))};
}

Result<AckEntry> ParseAckKey(std::string_view key) {
  if (!BeginsWithTime(key) || key.size() < 9) return BadKey();
  const size_t length = static_cast<uint8_t>(key[8]);
  if (key.size() != 8 + 1 + length + 8) return BadKey();
  return AckEntry{FromNumericDate(static_cast<int64_t>(FromBigEndian(key.substr(0, 8)))),
                  std::string(key.substr(9, length)), FromBigEndian(key.substr(9 + length))};
}

Result<std::string> ParseSecondId(std::string_view key) {
  if (key.empty() || key.size() < 2u + static_cast<uint8_t>(key[0])) return BadKey();
  return std::string(key.substr(1u + static_cast<uint8_t>(key[0])));
}

Result<uint64_t> ParseMailCursor(std::string_view key) {
  if (key.empty() || key.size() != 1u + static_cast<uint8_t>(key[0]) + 8) return BadKey();
  return FromBigEndian(key.substr(key.size() - 8));
}

Result<std::string> ParseParticipant(std::string_view key) {
  if (key.empty() || key.size() != 1u + static_cast<uint8_t>(key[0]) + 4) return BadKey();
  return std::string(key.substr(1, key.size() - 5));
}

std::string EncodeIntent(const IntentRecord& r) {
  Encoder e = Begin(r.is_refund() ? kRefundIntentVersion : kRecordVersion);
  e.Bytes(r.csblk_id)
      .Bytes(r.buyer_id)
      .Bytes(r.seller_id)
      .Bytes(Pack(r.authorisation))
      .Bytes(r.reply_certificate)
      .I64(r.amount.minor_units())
      .Bytes(r.amount.currency().code())
      .I64(ToNumericDate(r.authorised_at))
      .I64(ToNumericDate(r.recorded_at))
      .I64(ToNumericDate(r.deadline))
      .Bytes(r.prepared_key);
  if (r.is_refund()) e.Bytes(r.refund_of);
  return e.Take();
}

Result<IntentRecord> DecodeIntent(std::string_view payment_id, std::string_view value) {
  const bool is_refund = !value.empty() && value[0] == kRefundIntentVersion;
  Fields f(value, is_refund ? kRefundIntentVersion : kRecordVersion);
  std::string csblk_id = f.String(), buyer_id = f.String(), seller_id = f.String();
  std::string authorisation = f.Packed(), reply_certificate = f.String();
  const int64_t minor_units = f.I64();
  const std::string currency_code = f.String();
  const UnixTime authorised_at = f.Time(), recorded_at = f.Time(), deadline = f.Time();
  std::string prepared_key = f.String(), refund_of = is_refund ? f.String() : std::string();
  RETURN_IF_ERROR(f.Done());
  if (is_refund && !CheckId(refund_of)) return Fail(ErrorCode::kMalformed, "a refund of nothing");
  ASSIGN_OR_RETURN(const base::Currency currency, base::Currency::Parse(currency_code));
  ASSIGN_OR_RETURN(const base::Money amount, base::Money::Of(minor_units, currency));
  return IntentRecord{.payment_id = std::string(payment_id),
                      .csblk_id = std::move(csblk_id),
                      .buyer_id = std::move(buyer_id),
                      .seller_id = std::move(seller_id),
                      .authorisation = std::move(authorisation),
                      .reply_certificate = std::move(reply_certificate),
                      .amount = amount,
                      .authorised_at = authorised_at,
                      .recorded_at = recorded_at,
                      .deadline = deadline,
                      .prepared_key = std::move(prepared_key),
                      .prepared = {},
                      .refund_of = std::move(refund_of)};
}

std::string EncodeSettlement(const SettlementRecord& r) {
  return Begin()
      .U8(r.outcome.completed)
      .Bytes(r.outcome.reason)
      .Bytes(r.outcome.bank_reference)
      .Bytes(r.outcome.evidence)
      .I64(ToNumericDate(r.settled_at))
      .Bytes(Pack(r.results.receipt))
      .Bytes(Pack(r.results.confirmation))
      .Take();
}

Result<SettlementRecord> DecodeSettlement(std::string_view value) {
  Fields f(value);
  SettlementRecord r;
  r.outcome.completed = f.Choice(1) == 1;
  r.outcome.reason = f.String();
  r.outcome.bank_reference = f.String();
  r.outcome.evidence = f.String();
  r.settled_at = f.Time();
  r.results.receipt = f.Packed();
  r.results.confirmation = f.Packed();
  RETURN_IF_ERROR(f.Done());
  if (r.results.receipt.empty() != r.results.confirmation.empty()) {
    return Fail(ErrorCode::kMalformed, "a settlement has one of its two results");
  }
  return r;
}

std::string EncodeRefund(const Refund& r) {
  return Begin()
      .I64(r.amount)
      .U8(static_cast<uint8_t>(r.state))
      .I64(r.refunded_total)
      .Take();
}

Result<Refund> DecodeRefund(std::string_view refund_id, std::string_view value) {
  Fields f(value);
  Refund r{.refund_id = std::string(refund_id), .amount = f.I64()};
  r.state = static_cast<RefundState>(f.Choice(static_cast<uint8_t>(RefundState::kFailed)));
  r.refunded_total = f.I64();
  RETURN_IF_ERROR(f.Done());
  const bool fits = r.state == RefundState::kOpen        ? r.refunded_total == 0
                    : r.state == RefundState::kCompleted ? r.refunded_total >= r.amount
                                                         : r.refunded_total >= 0;
  if (r.amount <= 0 || !fits) {
    return Fail(ErrorCode::kMalformed, "a refund's amount, state and total do not fit");
  }
  return r;
}

std::string EncodeFate(const Fate& fate) {
  return Begin()
      .U8(static_cast<uint8_t>(fate.kind))
      .Bytes(fate.reference)
      .I64(ToNumericDate(fate.at))
      .Take();
}

Result<Fate> DecodeFate(std::string_view value) {
  Fields f(value);
  const uint8_t kind = f.Choice(kMaxFate);
  Fate fate{static_cast<FateKind>(kind), f.String(), f.Time()};
  RETURN_IF_ERROR(f.Done());
  if (kind == 0) return Fail(ErrorCode::kMalformed, "a fate of no kind");
  return fate;
}

std::string EncodeCsblk(const CsblkRecord& r) {
  return Begin()
      .Bytes(r.confirmation_digest)
      .Bytes(r.seller_id)
      .Bytes(r.nonce)
      .Bytes(Pack(r.jws))
      .Bytes(r.reply_certificate)
      .I64(ToNumericDate(r.issued_at))
      .I64(ToNumericDate(r.expires_at))
      .Take();
}

Result<CsblkRecord> DecodeCsblk(std::string_view csblk_id, std::string_view value) {
  Fields f(value);
  CsblkRecord r;
  r.csblk_id = csblk_id;
  r.confirmation_digest = f.String();
  r.seller_id = f.String();
  r.nonce = f.String();
  r.jws = f.Packed();
  r.reply_certificate = f.String();
  r.issued_at = f.Time();
  r.expires_at = f.Time();
  RETURN_IF_ERROR(f.Done());
  return r;
}

std::string EncodeCsblkStatus(const CsblkStatus& s) {
  return Begin().U8(static_cast<uint8_t>(s.state)).Bytes(s.payment_id).Bytes(s.buyer_id).Take();
}

Result<CsblkStatus> DecodeCsblkStatus(std::string_view value) {
  Fields f(value);
  CsblkStatus s{static_cast<CsblkState>(f.Choice(kMaxState)), f.String(), f.String()};
  RETURN_IF_ERROR(f.Done());
  const bool names_payment = s.state == CsblkState::kInFlight || s.state == CsblkState::kPaid;
  if (s.payment_id.empty() == names_payment || s.buyer_id.empty() == names_payment) {
    return Fail(ErrorCode::kMalformed, "a CSBLK's state and its payment do not fit");
  }
  return s;
}

std::string EncodeBytes(std::string_view bytes) { return Begin().Bytes(bytes).Take(); }

Result<std::string> DecodeBytes(std::string_view value) {
  Fields f(value);
  std::string bytes = f.String();
  RETURN_IF_ERROR(f.Done());
  return bytes;
}

std::string EncodePacked(std::string_view text) { return Begin().Bytes(Pack(text)).Take(); }

Result<std::string> DecodePacked(std::string_view value) {
  Fields f(value);
  std::string text = f.Packed();
  RETURN_IF_ERROR(f.Done());
  return text;
}

std::string EncodeNumber(uint64_t number) { return Begin().U64(number).Take(); }

Result<uint64_t> DecodeNumber(std::string_view value) {
  Fields f(value);
  const uint64_t number = f.U64();
  RETURN_IF_ERROR(f.Done());
  return number;
}

}  // namespace paygate::storage::rocksdb
