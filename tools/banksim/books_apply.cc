// How records change the books, and what must hold of them.
#include "tools/banksim/books.h"

namespace paygate::banksim {
namespace {

using base::ErrorCode;
using base::Fail;

std::unexpected<base::Error> Misfit(const char* what) { return Fail(ErrorCode::kMalformed, what); }

// Our own print of an acmt.024 without OrgnlAssgnmt.
bool IsNotice(const std::string& message) {
  return message.find("<MsgDefIdr>acmt.024.001.03</MsgDefIdr>") != message.npos &&
         message.find("<OrgnlAssgnmt>") == message.npos;
}

std::string After(const std::string& account) { return account.substr(account.find(':') + 1); }

}  // namespace

base::Status Books::Apply(const Record& r) {
  switch (r.kind) {
    case RecordKind::kOpened:
      if (balances_.contains(r.creditor)) return Misfit("an account is opened twice");
      RETURN_IF_ERROR(ApplyPostings(r));
      openings_[r.creditor] = r.amount;
      return {};
    case RecordKind::kExecuted:
    case RecordKind::kAccepted:
    case RecordKind::kSettled:
    case RecordKind::kRejected:
    case RecordKind::kCancelled:
      return ApplyMove(r);
    case RecordKind::kEnrolled: {
      Enrolment& e = enrolments_[r.debtor];
      e.registration = r.text;
      e.participant = r.creditor;
      e.code = r.code;
      e.all.push_back(r.creditor);
      return {};
    }
    case RecordKind::kWrongCode:
      enrolments_[r.debtor].refused.push_back(r.text);
      return {};
    case RecordKind::kScheduled:
    case RecordKind::kPosted:
      return ApplyInbox(r);
    case RecordKind::kRevoked:
    case RecordKind::kClosed:
      ApplyOrder(r);
      return {};
  }
  return Misfit("a record of an unknown kind");
}

base::Status Books::ApplyPostings(const Record& r) {
  int64_t sum = 0;
  for (const Posting& p : r.postings) {
    int64_t after;
    if (__builtin_add_overflow(sum, p.amount, &sum) ||
        __builtin_add_overflow(BalanceOf(p.account), p.amount, &after) || after != p.balance_after)
      return Misfit("a balance that does not follow from the postings before it");
  }
  if (sum != 0 || r.postings.empty()) return Misfit("postings that do not sum to zero");
  for (const Posting& p : r.postings) balances_[p.account] = p.balance_after;
  return {};
}

base::Status Books::ApplyMove(const Record& r) {
  const auto it = transactions_.find(r.transaction);
  if (r.kind == RecordKind::kSettled || r.kind == RecordKind::kCancelled) {
    if (it == transactions_.end() || it->second.state != State::kPending ||
        it->second.amount != r.amount)
      return Misfit("an end of no pending transfer");
    RETURN_IF_ERROR(ApplyPostings(r));
    Transaction& t = it->second;
    t.state = r.kind == RecordKind::kSettled ? State::kCompleted : State::kCancelled;
    t.reason = r.reason;
    t.decided = r.time;
    std::erase_if(pending_, [&](const auto& each) { return each.second == t.id; });
    const std::string& who = r.kind == RecordKind::kSettled ? t.creditor : t.debtor;
    lines_[who].push_back({&t, t.amount, r.time});
    if (r.kind == RecordKind::kSettled) Book(t, r.time);
    return {};
  }
  if (r.transaction.empty() || it != transactions_.end())
    return Misfit("a transaction applied twice");
  if (r.kind != RecordKind::kRejected) RETURN_IF_ERROR(ApplyPostings(r));
  Transaction& t = transactions_[r.transaction];
  t = {.id = r.transaction,
       .uetr = r.uetr,
       .bank = r.bank,
       .content = r.content,
       .state = r.kind == RecordKind::kExecuted   ? State::kCompleted
                : r.kind == RecordKind::kAccepted ? State::kPending
                                                  : State::kRejected,
       .reason = r.reason,
       .debtor = r.debtor,
       .creditor = r.creditor,
       .currency = r.currency,
       .amount = r.amount,
       .original = r.original,
       .due = r.due,
       .decided = r.time,
       .own_id = r.text,
       .statement_fault = r.code};
  if (r.kind == RecordKind::kRejected) return {};
  lines_[t.debtor].push_back({&t, -t.amount, r.time});
  if (r.kind == RecordKind::kAccepted)
    pending_.emplace(t.due, t.id);
  else
    lines_[t.creditor].push_back({&t, t.amount, r.time});
  if (r.kind == RecordKind::kExecuted) Book(t, r.time);
  if (!r.original.empty()) transactions_.at(r.original).returned += r.amount;
  return {};
}

base::Status Books::ApplyInbox(const Record& r) {
  if (r.kind == RecordKind::kScheduled) {
    scheduled_.emplace(r.due, std::pair(r.bank, r.text));
    return {};
  }
  const auto it = scheduled_.lower_bound(r.due);
  if (it == scheduled_.end() || it->first != r.due)
    return Misfit("a message that nobody scheduled");
  const std::string& bank = it->second.first;
  std::string& message = it->second.second;
  std::vector<std::string>& inbox = inboxes_[bank];
  if (IsNotice(message)) notices_[bank].push_back(inbox.size() + 1);
  inbox.push_back(std::move(message));
  scheduled_.erase(it);
  return {};
}

// Each bank's books sum to zero, and what banks owe each other too.
base::Status Books::CheckSums() const {
  std::map<std::string, int64_t> sums, settlement, suspense;
  for (const auto& [account, balance] : balances_) {
    const auto* known = Account(account);
    if (!known && account.find(':') == account.npos)
      return Fail(ErrorCode::kInternal, "an account of the books is gone from the accounts file");
    const std::string owner =
        known ? known->bank + ":" + std::string(known->currency.code()) : After(account);
    sums[owner] += balance;
    if (account.starts_with("settlement:")) settlement[After(owner)] += balance;
    if (account.starts_with("suspense:")) suspense[owner] += balance;
  }
  for (const auto& [id, t] : transactions_)
    if (t.state == State::kPending) suspense[t.bank + ":" + t.currency] -= t.amount;
  for (const auto& [where, sum] : sums)
    if (sum != 0) return Fail(ErrorCode::kInternal, "money is not conserved at " + where);
  for (const auto& [currency, sum] : settlement)
    if (sum != 0)
      return Fail(ErrorCode::kInternal, "banks owe each other unequally in " + currency);
  for (const auto& [where, sum] : suspense)
    if (sum != 0) return Fail(ErrorCode::kInternal, "suspense is not what is pending at " + where);
  return {};
}

base::Status Books::Check() const {
  RETURN_IF_ERROR(CheckSums());
  std::unordered_map<std::string, int> debits, credits;
  for (const AccountConfig& a : config_.accounts) {
    int64_t balance = OpeningOf(a.iban);
    for (const Line& line : LinesOf(a.iban)) {
      balance += line.amount;
      if (balance < -a.overdraft)
        return Fail(ErrorCode::kInternal, "an account was overdrawn beyond what it may be");
      ++(line.amount < 0 ? debits : credits)[line.transaction->id];
    }
    if (balance != BalanceOf(a.iban))
      return Fail(ErrorCode::kInternal, "a balance is not what its entries add up to");
  }
  for (const auto& [id, t] : transactions_) {
    const int debit = debits[id], credit = credits[id];
    const bool right = t.state == State::kRejected  ? debit == 0 && credit == 0
                       : t.state == State::kPending ? debit == 1 && credit == 0
                                                    : debit == 1 && credit == 1;
    if (!right) return Fail(ErrorCode::kInternal, "transaction " + id + " was not applied once");
    if (t.returned > t.amount)
      return Fail(ErrorCode::kInternal, "more was returned than transaction " + id + " moved");
  }
  return {};
}

}  // namespace paygate::banksim
