// Books: what the bank knows, as the sum of its records. Pure: no I/O, no clock, no threads.
//
// Decide… looks at a request and says the answer and, if something happens, the record of it; the
// books do not change. Apply changes them by one record, and refuses (kMalformed) one that does not
// fit: postings that do not sum to zero, a balance that does not follow, a transfer applied twice.
// So what Decide makes, Apply takes, both when it happens and at each later replay.
//
// Status reason codes are those of ISO 20022: AC02/AC03 debtor's/creditor's account unknown, AC04
// closed, AM02 amount too large for the books, AM03 another currency, AM04 not enough money, AM05
// the id was used for another transfer, AM09 more than is left to return, NOOR no such transfer to
// return, TM01 too late, AC01 and AG01 of verifications.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bank/adapters/embedded/config.h"
#include "bank/adapters/embedded/record.h"
#include "bank/adapters/embedded/transfer.h"
#include "base/result.h"

namespace paygate::bank::embedded {

enum class TransferState : uint8_t {
  kCompleted,
  kPending,
  kRejected,
  kUnknown,
  kNotFound,
};

template <typename Answer>
struct Decision {
  Answer answer;
  std::optional<Record> record;
};

struct TransferAnswer {
  TransferState state = TransferState::kUnknown;
  std::string reason;
  std::string reference;  // with kCompleted
};

struct VerifyAnswer {
  bool verified = false;
  std::string reason;
  std::string currency;
};

struct BankNotice {  // what the gateway is told; the first has cursor 1
  bool closed = false;  // the account; otherwise a revocation
  std::string reason;   // "keyCompromise" …
  std::string participant;
};

struct BankBooking {  // a completed transfer or return; the first has cursor 1
  std::string transaction;
  bool is_return = false;
  int64_t amount = 0;
  std::string currency, reference;
  int64_t time = 0;
};

struct Totals {
  size_t transfers_completed = 0;
  size_t transfers_pending = 0;
  size_t transfers_rejected = 0;
  std::map<std::string, int64_t> in_accounts;  // by currency, what customers and suspense hold
};

class Books {
 public:
  explicit Books(const Config& config);  // must outlive the books

  // Records that open the accounts which the file has and the books have not.
  std::vector<Record> AccountsToOpen(int64_t now) const;

  Decision<TransferAnswer> DecideSubmit(const TransferOrder& order, const std::string& content,
                                        int64_t now) const;
  // Not const: it counts inquiries of pending transfers (in memory only; a restart counts anew).
  Decision<TransferAnswer> DecideStatus(const TransferOrder& order, const std::string& content,
                                        int64_t now);
  VerifyAnswer VerifyAccount(std::string_view account, std::string_view participant) const;
  Decision<VerifyAnswer> DecideEnrolment(std::string_view account, std::string_view code,
                                         std::string_view registration,
                                         std::string_view participant, int64_t now) const;

  // Orders of the bank's staff; no record if there is nothing to do (any more). A participant is
  // named, so that an order read twice never meets a later one who enrolled for the account.
  std::optional<Record> DecideClose(std::string_view account, int64_t now) const;
  std::optional<Record> DecideRevoke(std::string_view account, std::string_view participant,
                                     std::string_view reason, int64_t now) const;
  // At most `limit` notices after the first `after`.
  std::vector<BankNotice> NoticesAfter(uint64_t after, size_t limit) const;
  // Likewise, of what was completed, in the order in which it was.
  std::vector<BankBooking> BookingsAfter(uint64_t after, size_t limit) const;
  uint64_t bookings() const { return bookings_.size(); }
  // Who enrolled for the account last; empty for nobody.
  std::string ParticipantOf(std::string_view account) const;
  bool IsClosed(std::string_view account) const;

  base::Status Apply(const Record& record);

  // Every currency sums to zero over all accounts, the bank's own included, and the bank's own
  // accounts hold what they must. kInternal, with the currency, otherwise.
  base::Status CheckConservation() const;
  Totals GetTotals() const;
  std::optional<int64_t> Balance(std::string_view account) const;
  bool IsEnrolled(std::string_view account) const;

 private:
  struct Transaction {
    std::string content;
    TransferState state = TransferState::kRejected;
    bool barred = false;
    std::string reason;
    // Of a transfer that moved money; a return has none, so that it cannot be returned.
    std::string debtor, creditor, currency;
    int64_t amount = 0;
    int64_t returned = 0;  // of `amount`
    uint32_t inquiries = 0;
  };
  struct Enrolment {
    std::string registration, participant, code;  // of the enrolment that counts
    std::string tried_code;                       // the code in force when the tries were counted
    std::vector<std::string> refused;             // registrations refused under it; each is a try
    std::vector<std::string> participants;        // all that ever enrolled
  };

  const Account* Find(std::string_view iban) const;
  std::string ReasonToReject(const TransferOrder& order, int64_t now) const;
  std::string ReasonToRejectReturn(const TransferOrder& order, int64_t now) const;
  Record TwoPostings(RecordKind kind, int64_t now, const std::string& currency,
                     const std::string& from, const std::string& to, int64_t amount) const;
  int64_t BalanceOf(const std::string& account) const;
  static TransferAnswer AnswerOf(const std::string& id, const Transaction& transaction);
  base::Status ApplyPostings(const Record& record);
  base::Status ApplyTransfer(const Record& record);
  base::Status ApplyReturn(const Record& record);
  void ApplyEnrolment(const Record& record);
  void ApplyOrder(const Record& record);
  void Book(const Record& record);

  const Config& config_;
  std::unordered_map<std::string, const Account*> accounts_;  // of the file
  std::map<std::string, int64_t> balances_;                   // of the records
  std::map<std::string, std::string> currencies_;             // account → currency
  std::unordered_map<std::string, Transaction> transactions_;
  std::unordered_map<std::string, Enrolment> enrolments_;
  std::set<std::string, std::less<>> closed_;   // accounts, by order
  std::set<std::string, std::less<>> revoked_;  // participants
  std::vector<BankNotice> notices_;
  std::vector<BankBooking> bookings_;
};

// Opaque, the same for the same transfer, and it tells nothing about anyone.
std::string ReferenceOf(const std::string& transaction);
// The bank's own accounts.
std::string VaultOf(const std::string& currency);
std::string SuspenseOf(const std::string& currency);

}  // namespace paygate::bank::embedded
