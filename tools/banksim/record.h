// Record: one thing that happened on the network; the ledger is a list of them. One flat struct for
// all kinds: fields that a kind does not use are empty. Of what moves money, `text` is the id that
// the gateway gave the order, and `code` what is wrong with it in the statement, if a rule says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::banksim {

enum class RecordKind : uint8_t {
  kOpened = 1,     // an account of the file, seen for the first time: capital → account
  kExecuted = 2,   // a transfer, or a return (`original`)
  kAccepted = 3,   // a pending transfer: debtor → suspense; `due`
  kSettled = 4,    // suspense → creditor
  kRejected = 5,   // `reason`; final
  kCancelled = 6,  // a recalled pending transfer: suspense → debtor
  kEnrolled = 7,   // debtor (the account), text (registration), creditor (participant), code
  kWrongCode = 8,  // debtor (the account), text (registration)
  kScheduled = 9,  // a message for the inbox: text, not before `due`
  kPosted = 10,    // the first scheduled message of `due` got the next number
  kRevoked = 11,   // by order: debtor (the account), creditor (participant), reason
  kClosed = 12,    // by order: debtor (the account)
};

struct Posting {
  std::string account;
  int64_t amount = 0, balance_after = 0;
};

struct Record {
  RecordKind kind = RecordKind::kOpened;
  int64_t time = 0;  // Unix milliseconds, as `due`
  std::string bank, transaction, uetr, content, reason, currency, debtor, creditor, original, code,
      text;
  int64_t amount = 0, due = 0;
  std::vector<Posting> postings;
};

std::string EncodeRecord(const Record& record);
base::Result<Record> DecodeRecord(std::string_view bytes);  // kMalformed

}  // namespace paygate::banksim
