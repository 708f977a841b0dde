// What must never be lost. Every method that changes something is durable when it returns (one
// atomic batch, fsynced) and has changed nothing when it fails. After a failed write or fsync the
// store refuses every further write with kStoreUnavailable until restart: what the disk holds is
// then unknown (see PostgreSQL's fsync story of 2018). Methods are thread-safe; they block on the
// disk.
//
// No account number is ever in a key or value here: accounts travel as digests, and the bytes for
// the bank are sealed before they come in. The on-disk grammar is at the top of
// rocksdb/records.cc and in docs/formats/store.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/audit_log.h"
#include "storage/claims.h"
#include "storage/payment.h"
#include "storage/reconciliation.h"

namespace paygate::storage {

// ---- Payments ----

constexpr int kMaxFailedTries = 3;  // by one buyer on one CSBLK (protocol.md section 6)

constexpr size_t kMaxRefunds = 64;    // of one payment (docs/decisions/0019)
// As many more for refunds on the strength of a claim: no seller uses up those that he owes.
constexpr size_t kClaimRefundReserve = 32;

enum class RecordVerdict : uint8_t {
  kRecorded,      // durable now, and this call made it so
  kSeenBefore,    // this authorisation is known (recorded or refused): ask Find and Refusals
  kAlreadyPaid,   // the CSBLK is paid: by paid_payment_id, of paid_buyer_id
  kInFlight,      // another authorisation for the CSBLK is open
  kCancelled,
  kCsblkUnknown,  // the register has no such CSBLK
  kTooManyTries,  // kMaxFailedTries failed payments by this buyer on this CSBLK
  // Of refunds alone:
  kNotRefundable,   // refund_of is no completed payment of this buyer to this seller, or in another
                    // currency
  kExceedsPayment,  // with all refunds that are open or completed it would be more than was paid
  kTooManyRefunds,  // kMaxRefunds of this payment, failed ones included; on a claim the reserve too
};
struct RecordResult {
  RecordVerdict verdict;
  std::optional<Intent> intent;  // kRecorded
  std::string paid_payment_id, paid_buyer_id;  // kAlreadyPaid
};

class AuthorisationStore {
 public:
  virtual ~AuthorisationStore() = default;
  // Decides, atomically however many ask at once, whether this authorisation may go to the bank.
  virtual base::Result<RecordResult> RecordIntent(IntentRecord intent) = 0;
  // The same for a refund (refund_of is set): decided against the payment and all its refunds.
  virtual base::Result<RecordResult> RecordRefund(IntentRecord refund) = 0;
  // The same on the strength of a claim that is to be refunded and due (storage/claims.h), of
  // exactly what is left: kNotRefundable if there is no such claim, kExceedsPayment if another
  // refund is open or something else is left. The claim's step is in the same batch.
  virtual base::Result<RecordResult> RecordClaimRefund(IntentRecord refund) = 0;
  // Outcome, both results and both deliveries in one batch. The first settlement of a payment wins:
  // a later one fails with kAlreadyExists (and changes nothing), so results never differ.
  // Also completes a settlement whose outcome alone was recorded (same completed flag required). A
  // refund's must have been, since its results state Refund::refunded_total: kInvalidArgument.
  virtual base::Status Settle(const Settlement& settlement, const SignedResults& results,
                              const std::vector<Delivery>& deliveries) = 0;
  // The bank's word alone: of a refund always, of a payment when the token cannot sign now.
  // kAlreadyExists as above.
  virtual base::Status RecordOutcome(const Settlement& settlement) = 0;
};

class AuthorisationReader {
 public:
  virtual ~AuthorisationReader() = default;
  virtual base::Result<std::optional<Payment>> Find(std::string_view payment_id) const = 0;
  // Every refund of a payment, in no promised order; empty if there is none.
  virtual base::Result<std::vector<Refund>> Refunds(std::string_view payment_id) const = 0;
  // IntentRecord::sealed_accounts of a payment; empty if there are none.
  virtual base::Result<std::string> SealedAccounts(std::string_view payment_id) const = 0;
  // Payments and refunds without stored results: open, or with the outcome alone.
  virtual size_t OpenCount() const = 0;
  // payment_ids of those, oldest first, at most `limit`.
  virtual std::vector<std::string> OldestOpen(size_t limit) const = 0;
  // Names of the storage keys that open intents still need.
  virtual std::vector<std::string> PreparedKeysInUse() const = 0;
};

// Signed refusals, by the digest of the refused message: final, so they must not be forgotten. A
// message that was recorded, issued or registered can no longer be refused (kAlreadyExists), and a
// refused one can no longer be recorded or issued: decided inside the store, once.
class Refusals {
 public:
  virtual ~Refusals() = default;
  virtual base::Status Record(std::string_view digest, std::string_view refusal_jws,
                              base::UnixTime at) = 0;
  virtual base::Result<std::optional<std::string>> Find(std::string_view digest) const = 0;
  // Forgets refusals recorded before `before`; at most `limit` a call, returns how many. The caller
  // sees to it that such a message can no longer be accepted on any other ground.
  virtual base::Result<size_t> Purge(base::UnixTime before, size_t limit) = 0;
};

// ---- CSBLKs ----

struct CsblkRecord {
  std::string csblk_id;             // digest of the CSBLK
  std::string confirmation_digest;  // of the seller's message 3 that it answers
  std::string seller_id;
  std::string nonce;                // of the SBLK; (seller_id, nonce) is unique for ever
  std::string jws;                  // the CSBLK, without disclosure
  std::string reply_certificate;    // fingerprint of Cert_PS
  base::UnixTime issued_at, expires_at;
};
enum class CsblkState : uint8_t { kPayable, kInFlight, kPaid, kCancelled };
struct Csblk {
  CsblkRecord record;
  CsblkState state;
  std::string payment_id;  // kPaid, kInFlight
};

class CsblkRegister {
 public:
  virtual ~CsblkRegister() = default;
  // kDuplicateSale if (seller_id, nonce) was issued under another confirmation; the record as first
  // issued if this confirmation was seen before; kAlreadyExists if it was refused.
  virtual base::Result<CsblkRecord> Issue(CsblkRecord record) = 0;
  virtual base::Result<std::optional<Csblk>> Find(std::string_view csblk_id) const = 0;
  virtual base::Result<std::optional<CsblkRecord>> FindByConfirmation(
      std::string_view confirmation_digest) const = 0;
  // kNotFound, kNotYours (another seller's), kAlreadyPaid, kInFlight; cancelled twice is fine.
  virtual base::Status Cancel(std::string_view csblk_id, std::string_view seller_id,
                              base::UnixTime at) = 0;
};

// ---- Participants ----

struct Registration {
  std::string request_digest;
  std::string participant_id;
  std::string signature_certificate, encryption_certificate;  // DER: Cert_V, Cert_P
  std::string registered_jws;  // the answer, given again for the same request
  base::UnixTime registered_at;
};
enum class RevocationReason : uint8_t {
  kNone = 0, kKeyCompromise = 1, kCessationOfOperation = 2, kSuperseded = 3
};
struct RegisteredCertificates {  // one registration's pair, with its present status
  std::string participant_id;
  std::string signature_certificate, encryption_certificate;  // DER
  RevocationReason revoked = RevocationReason::kNone;
  base::UnixTime revoked_at{};
  bool held = false;  // the participant is, by the operator (CertificateRegister::Hold)
};

struct HeldState {  // a participant whom the operator holds
  std::string note;
  base::UnixTime since{};
};

class Registrations {
 public:
  virtual ~Registrations() = default;
  // Fixes ID_X for a request before the bank hears of it: the same request gets the same ID again,
  // across crashes. Returns the ID that stands.
  virtual base::Result<std::string> Begin(std::string_view request_digest,
                                          std::string_view proposed_participant_id,
                                          base::UnixTime at) = 0;
  // Has Begin fixed an ID for this request: may the bank have heard of it?
  virtual base::Result<bool> Begun(std::string_view request_digest) const = 0;
  // Forgets what was begun and is not completed: the bank has refused it. Unknown, completed: fine.
  virtual base::Status Abandon(std::string_view request_digest) = 0;
  // The same for whatever was begun before `before`; at most `limit` a call, returns how many.
  virtual base::Result<size_t> PurgeBegun(base::UnixTime before, size_t limit) = 0;
  // Registration and both certificates into the register. The first one stands; returns it.
  // kCertificateRevoked if the participant was revoked before it was registered.
  virtual base::Result<Registration> Complete(Registration registration) = 0;
  // Another pair for a participant who has one. `current`: x5t#S256 of either certificate of the
  // pair that is renewed, which must still be the newest (kCertificateInvalid) and not revoked
  // (kCertificateRevoked). The same request again gets the pair that it made.
  virtual base::Result<Registration> Renew(Registration renewal, std::string_view current) = 0;
  virtual base::Result<std::optional<Registration>> Find(std::string_view request_digest) const = 0;
};

class CertificateRegister {
 public:
  virtual ~CertificateRegister() = default;
  // By x5t#S256 of either certificate of the pair.
  virtual base::Result<std::optional<RegisteredCertificates>> FindByFingerprint(
      std::string_view fingerprint) const = 0;
  // Newest first; empty for an unknown ID.
  virtual base::Result<std::vector<RegisteredCertificates>> FindByParticipant(
      std::string_view participant_id) const = 0;
  // All pairs of the participant. kNotFound. Revoked twice keeps the first time and reason.
  // `request_digest`: of the participant's own message, which is then answered the same way for
  // ever; empty if somebody else ordered it.
  virtual base::Status Revoke(std::string_view participant_id, RevocationReason reason,
                              base::UnixTime at, std::string_view request_digest = {}) = 0;
  // Has this very message revoked its sender?
  virtual base::Result<bool> RevokedBy(std::string_view request_digest) const = 0;

  // Holding refuses a participant for the time being and touches no certificate. kNotFound for an
  // unknown participant. Held twice keeps the first time and takes the newer note.
  virtual base::Status Hold(std::string_view participant_id, std::string_view note,
                            base::UnixTime at) = 0;
  // Not held: fine.
  virtual base::Status Release(std::string_view participant_id, base::UnixTime at) = 0;
  virtual base::Result<std::optional<HeldState>> FindHold(
      std::string_view participant_id) const = 0;
  // IDs after `after` ("" for the first), in the order of the store; at most `limit`.
  virtual base::Result<std::vector<std::string>> ListParticipants(std::string_view after,
                                                                  size_t limit) const = 0;
  // Another number than before whenever pairs or standing of a participant who was in the register
  // have changed in between; not durable. What was read after a call and is kept with its number
  // stands as long as that is the number; a change is counted before its call returns.
  virtual uint64_t Changes() const = 0;
};

// What a bank tells on its own account (bank/bank.h), taken in its order and once each.
struct BankNotice {
  std::string cursor;
  std::string participant_id;
  RevocationReason reason = RevocationReason::kCessationOfOperation;
};
class BankNotices {
 public:
  virtual ~BankNotices() = default;
  // Up to where the notices of this adapter are taken; "" at first.
  virtual base::Result<std::string> Cursor(std::string_view adapter) const = 0;
  // The revocation and the cursor in one batch. A participant who is not in the register yet is
  // revoked before registration: Complete then fails. Returns whether anything was revoked.
  virtual base::Result<bool> Apply(std::string_view adapter, const BankNotice& notice,
                                   base::UnixTime at) = 0;
};

// The same certificates by what CRL and OCSP name them with: the identifier of the issuing CA's key
// and the serial, both raw.
struct RevokedCertificate {
  std::string serial;
  RevocationReason reason = RevocationReason::kNone;
  base::UnixTime revoked_at{}, not_after{};
};
class CertificateStatuses {
 public:
  virtual ~CertificateStatuses() = default;
  virtual base::Result<std::optional<RegisteredCertificates>> FindBySerial(
      std::string_view issuer_key_id, std::string_view serial) const = 0;
  // Revoked at `since` or later, oldest first. Includes every revocation that was durable when the
  // call began.
  virtual base::Status ForEachRevoked(
      std::string_view issuer_key_id, base::UnixTime since,
      const std::function<void(const RevokedCertificate&)>& visit) const = 0;
  // Another number than before whenever something became revoked in between; not durable.
  virtual uint64_t Revocations() const = 0;
  // Greater than every one before, across crashes: for one list of that CA.
  virtual base::Result<uint64_t> NextCrlNumber(std::string_view issuer_key_id) = 0;
};

// ---- Mailboxes ----

struct MailboxMessage {
  uint64_t cursor;  // 1, 2, 3 … within the participant's mailbox
  std::string jwe;
};
struct MailboxPage {
  uint64_t newest = 0;
  std::vector<MailboxMessage> messages;  // oldest first
};

class Mailbox {
 public:
  virtual ~Mailbox() = default;
  // Messages after `after`: at least one if there is one, at most max_messages and max_bytes.
  // kMalformed if `after` is beyond the newest.
  virtual base::Result<MailboxPage> Read(std::string_view participant_id, uint64_t after,
                                         size_t max_messages, size_t max_bytes) const = 0;
  // kMalformed beyond the newest; going back changes nothing.
  virtual base::Status Acknowledge(std::string_view participant_id, uint64_t cursor,
                                   base::UnixTime at) = 0;
  // Deletes what was acknowledged before `before` (90 days ago); at most `limit` messages a call.
  virtual base::Result<size_t> Purge(base::UnixTime before, size_t limit) = 0;
};

// ---- All of it ----

class Store {
 public:
  virtual ~Store() = default;
  virtual AuthorisationStore& authorisations() = 0;
  virtual const AuthorisationReader& payments() const = 0;
  virtual Refusals& refusals() = 0;
  virtual CsblkRegister& csblks() = 0;
  virtual Registrations& registrations() = 0;
  virtual CertificateRegister& certificates() = 0;
  virtual BankNotices& bank_notices() = 0;
  virtual Reconciliation& reconciliation() = 0;
  virtual CertificateStatuses& statuses() = 0;
  virtual Mailbox& mailbox() = 0;
  virtual Claims& claims() = 0;
  virtual AuditLog& audit() = 0;
  virtual bool Healthy() const = 0;  // false after a failed write: restart
};

}  // namespace paygate::storage
