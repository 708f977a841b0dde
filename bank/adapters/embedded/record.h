// Record: one thing that happened at the bank. The journal is a list of them; everything that the
// bank knows is what they add up to (books.h). One flat struct for all kinds: fields that a kind
// does not use are empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::bank::embedded {

enum class RecordKind : uint8_t {
  kOpened = 1,     // account, currency; vault → account
  kExecuted = 2,   // a transfer: debtor → creditor
  kAccepted = 3,   // a pending transfer: debtor → suspense; `account` is the creditor
  kSettled = 4,    // suspense → creditor
  kRejected = 5,   // reason; final
  kBarred = 6,     // asked about after its deadline and never received: it never will be
  kEnrolled = 7,   // account, registration, participant, code
  kWrongCode = 8,  // account, registration, code
  kClosed = 9,     // account: by order of the bank's staff, for good
  kRevoked = 10,   // account, participant, reason: likewise
  kReturned = 11,  // money of the transfer `returns` back: its creditor → its debtor
};

struct Posting {
  std::string account;  // an IBAN, or "vault:GBP", "suspense:GBP": the bank's own
  int64_t amount = 0;   // minor units; a credit is positive
  int64_t balance_after = 0;
};

struct Record {
  RecordKind kind = RecordKind::kOpened;
  int64_t time = 0;
  std::string currency;
  std::string account;
  std::string transaction;        // the payment_id, or of a return the refund_id
  std::string content;            // SHA-256 of the prepared bytes
  std::string reason;             // ISO 20022
  std::string registration;       // digest of the registration
  std::string participant;        // ID_X
  std::string code;               // SHA-256 of account and the code that was in force
  std::string returns;            // kReturned: the payment_id of the transfer
  std::vector<Posting> postings;  // none or two
};

std::string EncodeRecord(const Record& record);
base::Result<Record> DecodeRecord(std::string_view bytes);  // kMalformed

}  // namespace paygate::bank::embedded
