// The keys and values of the store, as pure functions: no I/O, no RocksDB, no state. Decoders take
// any bytes and answer kMalformed for what no encoder printed. Grammar: top of records.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "storage/payment.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

constexpr uint8_t kRecordVersion = 1;
constexpr uint8_t kRefundIntentVersion = 2;
constexpr size_t kMaxIdBytes = 128;  // IDs, digests, nonces, fingerprints, names of storage keys

// An identifier that may become (part of) a key: 1 to kMaxIdBytes bytes. kMalformed otherwise.
base::Status CheckId(std::string_view id);

// ---- Keys (single IDs are their own keys) ----

std::string PairOfIds(std::string_view first, std::string_view second);  // sales, tries, refunds
// Of open; of refused and begun too, with a message's digest.
std::string OpenKey(base::UnixTime recorded_at, std::string_view payment_id);
std::string ParticipantPrefix(std::string_view participant_id);
std::string PairKey(std::string_view participant_id, uint32_t number);
std::string MailKey(std::string_view participant_id, uint64_t cursor);
std::string AckKey(base::UnixTime at, std::string_view participant_id, uint64_t cursor);

struct OpenEntry {
  base::UnixTime recorded_at;
  std::string payment_id;
};
struct AckEntry {
  base::UnixTime at;
  std::string participant_id;
  uint64_t cursor = 0;
};
base::Result<OpenEntry> ParseOpenKey(std::string_view key);
base::Result<AckEntry> ParseAckKey(std::string_view key);
base::Result<std::string> ParseSecondId(std::string_view key);  // of PairOfIds
base::Result<uint64_t> ParseMailCursor(std::string_view key);
base::Result<std::string> ParseParticipant(std::string_view key);  // of a PairKey

struct RevocationEntry {
  base::UnixTime at;
  std::string serial;
};
// `serial` empty: the first of that time.
std::string RevocationKey(std::string_view issuer_key_id, base::UnixTime at,
                          std::string_view serial);
base::Result<RevocationEntry> ParseRevocationKey(std::string_view key);

// ---- Values ----

enum class FateKind : uint8_t {
  kRecorded = 1,    // reference: the CSBLK that the authorisation pays
  kRefused = 2,     // reference: the signed refusal
  kIssued = 3,      // reference: the CSBLK that was issued for the confirmation
  kBegun = 4,       // reference: the participant ID that stands for the registration
  kRegistered = 5,  // the same
  kRevoked = 6,     // reference: the participant ID that the message revoked
  kClaimed = 7,     // reference: the payment that is claimed
  kAnswered = 8,    // the same
};
// What became of a participant's message.
struct Fate {
  FateKind kind = FateKind::kRecorded;
  std::string reference;
  base::UnixTime at{};
};
struct CsblkStatus {
  CsblkState state = CsblkState::kPayable;
  std::string payment_id, buyer_id;  // kPaid, kInFlight
};
struct SettlementRecord {
  FinalOutcome outcome;
  base::UnixTime settled_at{};
  SignedResults results;  // both empty while the token is away
};
struct RegistrationRecord {
  std::string participant_id;
  uint32_t pair = 0;
  std::string registered_jws;
  base::UnixTime registered_at{};
};
struct PairReference {
  std::string participant_id;
  uint32_t pair = 0;
};

enum class StandingKind : uint8_t {
  kHeld = 1,     // by the operator; note
  kRevoked = 2,  // ordered before the participant was in the register; reason
};
// What stands against a participant as a whole, besides the pairs' own status.
struct Standing {
  StandingKind kind = StandingKind::kHeld;
  RevocationReason reason = RevocationReason::kNone;
  std::string note;
  base::UnixTime at{};
};

struct RevocationRecord {
  RevocationReason reason = RevocationReason::kNone;
  base::UnixTime not_after{};  // of the certificate
};

std::string EncodeRevocation(const RevocationRecord& revocation);
base::Result<RevocationRecord> DecodeRevocation(std::string_view value);
std::string EncodeIntent(const IntentRecord& intent);  // all but payment_id and prepared
base::Result<IntentRecord> DecodeIntent(std::string_view payment_id, std::string_view value);
std::string EncodeSettlement(const SettlementRecord& settlement);
base::Result<SettlementRecord> DecodeSettlement(std::string_view value);
std::string EncodeRefund(const Refund& refund);  // all but refund_id
base::Result<Refund> DecodeRefund(std::string_view refund_id, std::string_view value);
std::string EncodeClaim(const Claim& claim);  // all but payment_id
base::Result<Claim> DecodeClaim(std::string_view payment_id, std::string_view value);
std::string EncodeFate(const Fate& fate);
base::Result<Fate> DecodeFate(std::string_view value);
std::string EncodeCsblk(const CsblkRecord& record);  // all but csblk_id
base::Result<CsblkRecord> DecodeCsblk(std::string_view csblk_id, std::string_view value);
std::string EncodeCsblkStatus(const CsblkStatus& status);
base::Result<CsblkStatus> DecodeCsblkStatus(std::string_view value);
std::string EncodeRegistration(const RegistrationRecord& registration);
base::Result<RegistrationRecord> DecodeRegistration(std::string_view value);
std::string EncodePair(const RegisteredCertificates& pair);  // all but participant_id
base::Result<RegisteredCertificates> DecodePair(std::string_view participant_id,
                                                std::string_view value);
std::string EncodePairReference(const PairReference& reference);
base::Result<PairReference> DecodePairReference(std::string_view value);
std::string EncodeStanding(const Standing& standing);
base::Result<Standing> DecodeStanding(std::string_view value);
// Values of one byte string (prepared, open, sales, mail, cursors) and of one number (tries, boxes,
// acks).
// In reconciliations.cc.
std::string EncodeBooking(const ListedBooking& booking);
base::Result<ListedBooking> DecodeBooking(std::string_view id, std::string_view value);
std::string EncodePosition(const StatementPosition& position);
base::Result<StatementPosition> DecodePosition(std::string_view value);
std::string EncodeSince(base::UnixTime since);
base::Result<base::UnixTime> DecodeSince(std::string_view value);

std::string EncodeBytes(std::string_view bytes);
base::Result<std::string> DecodeBytes(std::string_view value);
std::string EncodePacked(std::string_view text);  // see packed.h
base::Result<std::string> DecodePacked(std::string_view value);
std::string EncodeNumber(uint64_t number);
base::Result<uint64_t> DecodeNumber(std::string_view value);

}  // namespace paygate::storage::rocksdb
