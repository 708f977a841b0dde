// What the store keeps of one payment (protocol.md section 6) or refund (section 7), as types that
// make illegal order uncompilable: an Intent comes out of the store only after it is durable; a
// Settlement can only be decided from an Intent; signed results can only be stored with a
// Settlement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/money.h"
#include "base/result.h"

namespace paygate::storage {

// An authorisation that passed every check, on its way to becoming durable: a buyer's of a payment,
// or a seller's of a refund. Both go the same way to a bank and end by its word alone.
struct IntentRecord {
  std::string payment_id;      // digest of the authorisation; of a refund, its refund_id
  std::string csblk_id;        // of a refund, that of the payment; so are buyer and seller
  std::string buyer_id, seller_id;
  // Compact JWS: the proof that the buyer, of a refund the seller, authorised. Of a refund that a
  // claim brought about: the claim; the seller's word is the undertaking in the CSBLK.
  std::string authorisation;
  // Fingerprint of the Cert_P that the receipt is encrypted to; empty: nobody asked for it, it goes
  // to the mailbox (a refund on the strength of a claim).
  std::string reply_certificate;
  base::Money amount;
  base::UnixTime authorised_at;  // T of the authorisation
  base::UnixTime recorded_at;
  base::UnixTime deadline;       // the bank executes nothing later than this
  // Both disclosures as a JWE to the buyer's bank, which alone opens it (protocol.md section 10);
  // empty: no certificate of the bank is known. Written once, read by SealedAccounts alone.
  std::string sealed_accounts = {};
  std::string prepared_key;      // name of the day's storage key
  std::string prepared;          // the bytes for the bank, sealed under it; dropped on settlement
  std::string refund_of;         // of a refund: the payment_id whose money goes back; else empty

  bool is_refund() const { return !refund_of.empty(); }
  // Made by the gateway on the strength of an undertaking: nobody waits for a reply.
  bool is_claims_refund() const { return is_refund() && reply_certificate.empty(); }
};

// A durable authorisation. Only an AuthorisationStore makes one. Immutable, cheap to copy.
class Intent {
 public:
  const IntentRecord& record() const { return *record_; }
  const std::string& payment_id() const { return record_->payment_id; }

 private:
  friend class IntentMaker;
  explicit Intent(IntentRecord r) : record_(std::make_shared<const IntentRecord>(std::move(r))) {}
  std::shared_ptr<const IntentRecord> record_;
};

// The key to Intent's constructor, for implementations of AuthorisationStore.
class IntentMaker {
 protected:
  static Intent Make(IntentRecord record) { return Intent(std::move(record)); }
};

// The bank's final word on an intent.
struct FinalOutcome {
  bool completed = false;
  std::string reason;          // ISO 20022 code if not completed
  std::string bank_reference;  // if completed
  std::string evidence;        // the bank's signed answer, if it signs
};

class Settlement {
 public:
  static Settlement Decide(const Intent& intent, FinalOutcome outcome, base::UnixTime settled_at) {
    return Settlement(intent, std::move(outcome), settled_at);
  }
  const Intent& intent() const { return intent_; }
  const FinalOutcome& outcome() const { return outcome_; }
  base::UnixTime settled_at() const { return settled_at_; }

 private:
  Settlement(const Intent& intent, FinalOutcome outcome, base::UnixTime settled_at)
      : intent_(intent), outcome_(std::move(outcome)), settled_at_(settled_at) {}
  Intent intent_;
  FinalOutcome outcome_;
  base::UnixTime settled_at_;
};

// Compact JWS: to who authorised, and to the other side.
struct SignedResults {
  std::string receipt;       // to the buyer; of a refund, to the seller
  std::string confirmation;  // to the seller; of a refund, to the buyer
};

// One refund of a payment, in minor units of the payment's currency.
enum class RefundState : uint8_t { kOpen = 0, kCompleted = 1, kFailed = 2 };
struct Refund {
  std::string refund_id;
  int64_t amount = 0;
  RefundState state = RefundState::kOpen;
  // What had gone back of the payment when this refund ended, itself included; 0 while it is open.
  int64_t refunded_total = 0;
};

// A message for a participant's mailbox, already encrypted.
struct Delivery {
  std::string recipient_id;
  std::string jwe;
};

// Everything known about one payment.
struct Payment {
  Intent intent;
  // Set once the bank's word is durable; results follow in the same batch, or later if the token
  // was away (then they are empty until it is back).
  std::optional<Settlement> settlement;
  SignedResults results;
};

}  // namespace paygate::storage
