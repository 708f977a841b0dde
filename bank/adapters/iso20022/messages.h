// Messages: the ISO 20022 messages that travel between a gateway and its banks, as plain structs.
//
// One business message is an application header and a document, in one element that only groups:
//   <BizMsg><AppHdr …head.001.001.02…/><Document …/></BizMsg>
// Print makes what the official schemas accept (tests validate every kind). Parse takes what other
// software writes: it reads the elements named here, each at most once, ignores the others, and
// refuses (kMalformed, with the element's name and never its contents) what is missing, too long or
// breaks a rule of rules.h. Before anything else it refuses a DOCTYPE, CDATA, comments, processing
// instructions, entities beyond the five of XML, control characters, and more than kMaxMessageBytes
// or kMaxDepth. Namespaces are read as defaults, without prefixes. Pure and thread-safe.
//
// GrpHdr/MsgId (Assgnmt/Id, Assgnmt/MsgId) is the header's id, CreDtTm the header's time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/money.h"
#include "base/result.h"

namespace paygate::bank::iso20022 {

constexpr size_t kMaxMessageBytes = 128u << 10;
constexpr int kMaxDepth = 32;

// head.001.001.02
struct Header {
  std::string from, to;  // BIC
  std::string id;        // BizMsgIdr, at most 35 characters
  int64_t created = 0;   // Unix milliseconds, as all times here
};

// How a message names an earlier one and the transaction in it.
struct Original {
  std::string message_id;
  std::string message_name;  // "pacs.008.001.08"
  std::string instruction_id, end_to_end_id, transaction_id, uetr;
};

// pacs.008.001.08, one transaction. `deadline` is SttlmTmReq/RjctTm, the first such time of day
// from AccptncDtTm on, so less than 24 hours later: settle until then, or reject.
struct CreditTransfer {
  std::string instruction_id, end_to_end_id, transaction_id, uetr;
  base::Money amount;
  int64_t accepted = 0;
  int64_t deadline = 0;  // whole seconds
  std::string debtor_account, debtor_agent, creditor_account, creditor_agent;
  std::vector<std::string> remittance;  // each at most 140 characters
};

// pacs.028.001.03
struct StatusRequest {
  Original original;
};

// pacs.002.001.10
struct TransactionStatus {
  Original original;
  std::string status;     // ACSC, ACSP, RJCT, …
  std::string reason;     // ISO external status reason code; empty if none
  std::string reference;  // AcctSvcrRef; empty if none
};
struct StatusReport {
  std::vector<TransactionStatus> transactions;
};

// pacs.004.001.10, one transaction. The schema has no element for a deadline: it travels in
// RtrRsnInf/AddtlInf as "/RJCTDTTM/" and the time; the gateway's own id in another as "/PGID/".
struct PaymentReturn {
  std::string return_id;
  Original original;
  base::Money amount;
  int64_t deadline = 0;
  std::string refund_id;  // empty: not told
  std::string reason;  // FOCR, CUST, …
};

// acmt.023.001.03. What the schema has no element for is a contact channel (CtctDtls/Othr) of the
// party: PGID the participant's ID, PGRG the registration's digest, PGEC the enrolment code.
struct VerificationRequest {
  std::string id;
  std::string account;
  std::string participant_id;
  std::string registration_digest, enrolment_code;  // both, or neither
};

// acmt.024.001.03
struct VerificationReport {
  std::string original_message_id, id;
  bool verified = false;
  std::string reason;    // with not verified
  std::string currency;  // with verified, if told (UpdtdPtyAndAcctId/Acct/Ccy)
};

// acmt.024.001.03 that answers no request (it has no OrgnlAssgnmt): what the bank once verified of
// this participant is so no longer. OrgnlPtyAndAcctId has the contact channel PGID, and no account.
struct ParticipantNotice {
  std::string id;
  std::string participant_id;
  bool closed = false;  // the account (Rsn/Cd AC04); otherwise the certificates must end
  std::string reason;   // with not closed, Rsn/Prtry: "keyCompromise", …
};

// camt.056.001.08 and its answer, camt.029.001.09
struct CancellationRequest {
  std::string id;
  Original original;
  std::string reason;
};
struct CancellationResult {
  std::string id;
  Original original;
  bool cancelled = false;
  std::string reason;  // with not cancelled
};

// admi.002.001.01: a message that could not be taken.
struct MessageRejection {
  std::string reference;    // of the message refused
  std::string reason;       // at most 35 characters
  std::string description;  // at most 350
};

// camt.054.001.08 to the gateway: what the bank has booked for good on its orders, all currencies,
// each order once, numbered (NtryRef) from 1 without gaps.
constexpr size_t kMaxBookings = 100;  // in one message, so that it stays below kMaxMessageBytes
struct OrderBooking {
  uint64_t number = 0;
  bool is_return = false;
  base::Money amount;
  int64_t booked = 0;
  std::string reference;  // AcctSvcrRef
  std::string transaction_id, uetr;
  std::string own_id;  // the payment_id or refund_id, as the order told it; empty: it did not
};
struct BookingReport {
  bool more = false;           // LastPgInd is false
  int64_t complete_until = 0;  // FrToDt/ToDtTm: nothing that was booked before is missing so far
  std::vector<OrderBooking> bookings;
};

// camt.053.001.08 (statement) and camt.054.001.08 (notification) of a customer's account. Printed,
// never parsed.
struct Entry {
  int64_t amount = 0;  // minor units; a credit is positive
  int64_t booked = 0;
  std::string reference, transaction_id, uetr;
};
struct AccountReport {
  bool statement = true;
  std::string id;
  std::string account;
  base::Currency currency;
  int64_t opening = 0, closing = 0;  // statement alone
  std::vector<Entry> entries;
};

using Body = std::variant<CreditTransfer, StatusRequest, StatusReport, PaymentReturn,
                          VerificationRequest, VerificationReport, CancellationRequest,
                          CancellationResult, MessageRejection, ParticipantNotice, BookingReport,
                          AccountReport>;
struct Message {
  Header header;
  Body body;
};

std::string_view NameOf(const Body& body);  // "pacs.008.001.08"
std::string Print(const Message& message);
base::Result<Message> Parse(std::string_view bytes);

}  // namespace paygate::bank::iso20022
