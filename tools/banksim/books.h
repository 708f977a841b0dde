// Books: what the banks of the network know, as the sum of their records. Pure: no I/O, no clock,
// no threads.
//
// Decide… looks at a request and says the answer and, if something happens, its record; the books
// do not change. Apply changes them by one record and refuses (kMalformed) one that does not fit:
// postings that do not sum to zero, a balance that does not follow, a transaction applied twice.
//
// Double entry, for each bank on its own: a transfer within a bank has two postings; between banks
// four, the debtor's bank owing the creditor's through `settlement:BANK:CURRENCY` at both.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bank/adapters/iso20022/messages.h"
#include "base/result.h"
#include "tools/banksim/config.h"
#include "tools/banksim/record.h"

namespace paygate::banksim {

enum class State : uint8_t { kCompleted, kPending, kRejected, kCancelled };
std::string_view Name(State state);

struct Transaction {
  std::string id, uetr, bank, content;
  State state = State::kRejected;
  std::string reason;
  std::string debtor, creditor, currency;
  int64_t amount = 0;
  std::string original;  // of a return: the transfer
  int64_t returned = 0;  // of a transfer, so far
  int64_t due = 0;       // pending: when it settles
  int64_t decided = 0;
  std::string own_id;           // the payment_id or refund_id that the order told
  std::string statement_fault;  // a rule's word on how the statement lists it
  std::string ReferenceText() const;  // the bank's own; empty unless completed
};

struct Answer {  // of a transfer, a return or a status request
  std::string status, reason, reference;
};
struct Verdict {
  bool verified = false;
  std::string reason, currency;
};
template <typename T>
struct Decision {
  T answer;
  std::optional<Record> record;
};

// How a request is to be treated apart from the books' own rules.
struct Treatment {
  std::string reject;     // with this reason
  int64_t settle_at = 0;  // not 0: pending until then
  bool rejects_duplicates = false;
};

class Books {
 public:
  explicit Books(const Config& config);  // must outlive the books
  std::vector<Record> AccountsToOpen(int64_t now) const;

  Decision<Answer> DecideTransfer(const std::string& bank,
                                  const bank::iso20022::CreditTransfer& transfer,
                                  const std::string& content, const Treatment& treatment,
                                  int64_t now) const;
  Decision<Answer> DecideReturn(const std::string& bank, const bank::iso20022::PaymentReturn& ret,
                                const std::string& content, const Treatment& treatment,
                                int64_t now) const;
  Answer Status(const std::string& bank, const std::string& transaction) const;
  Decision<bool> DecideCancellation(const std::string& bank, const std::string& transaction,
                                    const std::string& reason, int64_t now) const;
  std::optional<Record> DecideSettlement(const std::string& transaction, int64_t now) const;
  Verdict VerifyAccount(const std::string& bank, const std::string& account,
                        const std::string& participant) const;
  // Orders of the bank's staff; no record if there is nothing to do (any more).
  std::optional<Record> DecideRevoke(const std::string& account, const std::string& reason,
                                     int64_t now) const;
  std::optional<Record> DecideClose(const std::string& account, int64_t now) const;
  // Whose certificates end when the account is closed.
  std::vector<std::string> EndedWith(const std::string& account) const;
  Decision<Verdict> DecideEnrolment(const std::string& bank,
                                    const bank::iso20022::VerificationRequest& request,
                                    int64_t now) const;
  base::Status Apply(const Record& record);

  // Everything that must hold at any moment; kInternal with what does not.
  base::Status Check() const;
  const Transaction* Find(const std::string& id) const;
  std::optional<int64_t> Balance(const std::string& account) const;
  const AccountConfig* Account(const std::string& iban) const;
  // A transaction's postings on one account, oldest first.
  struct Line {
    const Transaction* transaction;
    int64_t amount, time;
  };
  const std::vector<Line>& LinesOf(const std::string& account) const;
  int64_t OpeningOf(const std::string& account) const;
  const std::unordered_map<std::string, Transaction>& transactions() const { return transactions_; }
  const std::multimap<int64_t, std::string>& pending() const { return pending_; }
  // Messages that wait for their time, and those that have their number (their place, from 1).
  const std::multimap<int64_t, std::pair<std::string, std::string>>& scheduled() const {
    return scheduled_;
  }
  const std::vector<std::string>& InboxOf(const std::string& bank) const;
  // The number of the first notice in the inbox (an acmt.024 that answers nothing) after `after`.
  std::optional<uint64_t> NoticeAfter(const std::string& bank, uint64_t after) const;
  // What a bank has booked for good on the gateway's orders; the first is number 1.
  struct Booked {
    const Transaction* transaction;
    int64_t amount, time;
    std::string reference;
  };
  const std::vector<Booked>& BookingsOf(const std::string& bank) const;

 private:
  struct Enrolment {
    std::string registration, participant, code;
    std::vector<std::string> refused;  // registrations; each is a try
    std::vector<std::string> all;      // participants who ever enrolled
  };
  std::string WhyNot(const std::string& bank, const Record& move, bool check_agents,
                     const std::string& debtor_agent, const std::string& creditor_agent) const;
  std::vector<Posting> Move(const std::string& from, const std::string& to,
                            const std::string& currency, int64_t amount) const;
  const std::string& BankOf(const std::string& account) const;
  int64_t BalanceOf(const std::string& account) const;
  static Answer AnswerOf(const Transaction& transaction);
  base::Status ApplyPostings(const Record& record);
  base::Status ApplyMove(const Record& record);
  base::Status ApplyInbox(const Record& record);
  void ApplyOrder(const Record& record);
  void Book(const Transaction& transaction, int64_t time);
  bool IsClosed(const std::string& account) const;
  base::Status CheckSums() const;

  const Config& config_;
  std::unordered_map<std::string, const AccountConfig*> accounts_;
  std::map<std::string, int64_t> balances_;
  std::unordered_map<std::string, int64_t> openings_;
  std::unordered_map<std::string, Transaction> transactions_;
  std::unordered_map<std::string, std::vector<Line>> lines_;
  std::unordered_map<std::string, Enrolment> enrolments_;
  std::multimap<int64_t, std::string> pending_;
  std::multimap<int64_t, std::pair<std::string, std::string>> scheduled_;  // time → bank, message
  std::map<std::string, std::vector<std::string>> inboxes_;
  std::map<std::string, std::vector<uint64_t>> notices_;  // numbers in the inbox
  std::map<std::string, std::vector<Booked>> bookings_;
  std::set<std::string> closed_;   // accounts, by order
  std::set<std::string> revoked_;  // participants
};

}  // namespace paygate::banksim
