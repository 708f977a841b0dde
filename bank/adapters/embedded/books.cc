#include "bank/adapters/embedded/books.h"

#include <algorithm>

#include "base/crypto.h"

namespace paygate::bank::embedded {
namespace {

using base::ErrorCode;
using base::Fail;

std::string CodeDigest(std::string_view account, std::string_view code) {
  std::string text = "enrolment code\n" + std::string(account) + "\n" + std::string(code);
  std::string digest = base::Sha256(text);
  base::Cleanse(text.data(), text.size());
  return digest;
}

std::unexpected<base::Error> Misfit(const char* what) { return Fail(ErrorCode::kMalformed, what); }

}  // namespace

std::string VaultOf(const std::string& currency) { return "vault:" + currency; }
std::string SuspenseOf(const std::string& currency) { return "suspense:" + currency; }

Books::Books(const Config& config) : config_(config) {
  for (const Account& account : config.accounts) accounts_.emplace(account.iban, &account);
}

const Account* Books::Find(std::string_view iban) const {
  const auto it = accounts_.find(std::string(iban));
  return it == accounts_.end() ? nullptr : it->second;
}

int64_t Books::BalanceOf(const std::string& account) const {
  const auto it = balances_.find(account);
  return it == balances_.end() ? 0 : it->second;
}

std::optional<int64_t> Books::Balance(std::string_view account) const {
  const auto it = balances_.find(std::string(account));
  if (it == balances_.end()) return std::nullopt;
  return it->second;
}

Record Books::TwoPostings(RecordKind kind, int64_t now, const std::string& currency,
                          const std::string& from, const std::string& to, int64_t amount) const {
  return {.kind = kind,
          .time = now,
          .currency = currency,
          .postings = {{from, -amount, BalanceOf(from) - amount},
                       {to, amount, BalanceOf(to) + amount}}};
}

std::vector<Record> Books::AccountsToOpen(int64_t now) const {
  std::vector<Record> records;
  std::map<std::string, int64_t> vaults;  // each record's balance follows from the one before
  for (const Account& account : config_.accounts) {
    if (balances_.contains(account.iban)) continue;
    const std::string currency(account.currency.code());
    const std::string vault = VaultOf(currency);
    const auto [it, first] = vaults.try_emplace(vault, BalanceOf(vault));
    it->second -= account.opening_balance;
    Record r{
        .kind = RecordKind::kOpened, .time = now, .currency = currency, .account = account.iban};
    r.postings = {{vault, -account.opening_balance, it->second},
                  {account.iban, account.opening_balance, account.opening_balance}};
    records.push_back(std::move(r));
  }
  return records;
}

TransferAnswer Books::AnswerOf(const std::string& id, const Transaction& t) {
  TransferAnswer answer{.state = t.state, .reason = t.reason};
  if (t.state == TransferState::kCompleted) answer.reference = ReferenceOf(id);
  return answer;
}

// Empty: nothing speaks against it.
std::string Books::ReasonToReject(const TransferOrder& order, int64_t now) const {
  if (now > order.deadline) return "TM01";
  const Account* debtor = Find(order.debtor);
  const Account* creditor = Find(order.creditor);
  if (!debtor) return "AC02";
  if (!creditor) return "AC03";
  if (IsClosed(debtor->iban) || IsClosed(creditor->iban)) return "AC04";
  for (const Account* side : {debtor, creditor})
    if (currencies_.at(side->iban) != order.currency) return "AM03";
  for (const Account* side : {debtor, creditor})
    if (side->behaviour == Behaviour::kReject) return side->reject_reason;
  // Balances fit int64: amounts are below 10^15 and overdrafts too; only a sum could leave it.
  int64_t unused;
  if (__builtin_add_overflow(BalanceOf(order.creditor), order.amount, &unused) ||
      __builtin_add_overflow(BalanceOf(SuspenseOf(order.currency)), order.amount, &unused))
    return "AM02";
  if (BalanceOf(order.debtor) - order.amount < -debtor->overdraft) return "AM04";
  return "";
}

// A return names no account: they are those of the transfer.
std::string Books::ReasonToRejectReturn(const TransferOrder& order, int64_t now) const {
  if (now > order.deadline) return "TM01";
  const auto it = transactions_.find(order.returns);
  if (it == transactions_.end() || it->second.state != TransferState::kCompleted ||
      it->second.debtor.empty() || ReferenceOf(order.returns) != order.bank_reference) {
    return "NOOR";
  }
  const Transaction& t = it->second;
  if (t.currency != order.currency) return "AM03";
  if (order.amount > t.amount - t.returned) return "AM09";
  const Account* from = Find(t.creditor);
  if (!from) return "AC02";
  if (!Find(t.debtor)) return "AC03";
  if (IsClosed(t.creditor) || IsClosed(t.debtor)) return "AC04";
  if (BalanceOf(t.creditor) - order.amount < -from->overdraft) return "AM04";
  return "";
}

Decision<TransferAnswer> Books::DecideSubmit(const TransferOrder& order, const std::string& content,
                                             int64_t now) const {
  if (const auto it = transactions_.find(order.payment_id); it != transactions_.end()) {
    // The id stands for the first transfer that bore it; this other one never will be executed.
    if (it->second.content != content) return {{TransferState::kRejected, "AM05", ""}, {}};
    return {AnswerOf(order.payment_id, it->second), {}};
  }
  Record record;
  TransferAnswer answer;
  const bool returns = !order.returns.empty();
  const std::string reason =
      returns ? ReasonToRejectReturn(order, now) : ReasonToReject(order, now);
  if (!reason.empty()) {
    answer = {TransferState::kRejected, reason, ""};
    record = {.kind = RecordKind::kRejected, .time = now, .reason = reason};
  } else if (returns) {
    const Transaction& t = transactions_.at(order.returns);
    record =
        TwoPostings(RecordKind::kReturned, now, t.currency, t.creditor, t.debtor, order.amount);
    record.returns = order.returns;
    answer = {TransferState::kCompleted, "", ReferenceOf(order.payment_id)};
  } else {
    const Behaviour debtor = Find(order.debtor)->behaviour;
    const Behaviour creditor = Find(order.creditor)->behaviour;
    const bool pending = debtor == Behaviour::kPending || creditor == Behaviour::kPending;
    const bool silent = debtor == Behaviour::kNoAnswer || creditor == Behaviour::kNoAnswer;
    record = pending ? TwoPostings(RecordKind::kAccepted, now, order.currency, order.debtor,
                                   SuspenseOf(order.currency), order.amount)
                     : TwoPostings(RecordKind::kExecuted, now, order.currency, order.debtor,
                                   order.creditor, order.amount);
    if (pending) record.account = order.creditor;
    answer.state = pending ? TransferState::kPending : TransferState::kCompleted;
    if (!pending) answer.reference = ReferenceOf(order.payment_id);
    if (silent) answer = {};
  }
  record.transaction = order.payment_id;
  record.content = content;
  return {std::move(answer), std::move(record)};
}

Decision<TransferAnswer> Books::DecideStatus(const TransferOrder& order, const std::string& content,
                                             int64_t now) {
  const auto it = transactions_.find(order.payment_id);
  if (it == transactions_.end()) {
    TransferAnswer answer{.state = TransferState::kNotFound};
    if (now <= order.deadline) return {answer, {}};
    // Said after the deadline, "not found" is final: written down, so that it stays true even if
    // the clock goes back.
    Record barred{.kind = RecordKind::kBarred,
                  .time = now,
                  .transaction = order.payment_id,
                  .content = content};
    return {answer, std::move(barred)};
  }
  Transaction& t = it->second;
  if (t.content != content) return {{TransferState::kRejected, "AM05", ""}, {}};
  if (t.barred) return {{.state = TransferState::kNotFound}, {}};
  if (t.state != TransferState::kPending || ++t.inquiries < config_.pending_inquiries)
    return {AnswerOf(order.payment_id, t), {}};
  Record settled = TwoPostings(RecordKind::kSettled, now, t.currency, SuspenseOf(t.currency),
                               t.creditor, t.amount);
  settled.transaction = order.payment_id;
  settled.content = content;
  return {{TransferState::kCompleted, "", ReferenceOf(order.payment_id)}, std::move(settled)};
}

VerifyAnswer Books::VerifyAccount(std::string_view iban, std::string_view participant) const {
  const Account* account = Find(iban);
  if (!account) return {false, "AC01", ""};
  if (IsClosed(account->iban)) return {false, "AC04", ""};
  const auto it = enrolments_.find(std::string(iban));
  if (it == enrolments_.end() || it->second.participant != participant || participant.empty() ||
      revoked_.contains(participant))
    return {false, "AG01", ""};
  return {true, "", currencies_.at(account->iban)};
}

Decision<VerifyAnswer> Books::DecideEnrolment(std::string_view iban, std::string_view code,
                                              std::string_view registration,
                                              std::string_view participant, int64_t now) const {
  const VerifyAnswer refused{false, "AG01", ""};
  const Account* account = Find(iban);
  if (!account) return {{false, "AC01", ""}, {}};
  if (IsClosed(account->iban)) return {{false, "AC04", ""}, {}};
  if (account->enrolment_code.empty() || code.empty() || registration.empty() ||
      participant.empty())
    return {refused, {}};
  const auto it = enrolments_.find(account->iban);
  static const Enrolment kNone;
  const Enrolment& e = it == enrolments_.end() ? kNone : it->second;
  const std::string in_force = CodeDigest(iban, account->enrolment_code.view());
  const VerifyAnswer verified{true, "", currencies_.at(account->iban)};
  Record enrolled{.kind = RecordKind::kEnrolled,
                  .time = now,
                  .account = account->iban,
                  .registration = std::string(registration),
                  .participant = std::string(participant)};

  if (e.registration == registration && e.code == CodeDigest(iban, code)) {
    if (e.participant == participant) return {verified, {}};
    // The gateway died before it wrote down the ID_X that it had chosen, and chose another.
    enrolled.code = e.code;
    return {verified, std::move(enrolled)};
  }
  const bool counted = e.tried_code == in_force;  // a new code in the file begins anew
  if (counted && std::ranges::find(e.refused, registration) != e.refused.end())
    return {refused, {}};
  if (counted && e.refused.size() >= config_.enrolment_tries) return {refused, {}};
  if (e.code == in_force) return {refused, {}};  // used by another registration
  if (account->enrolment_expires != 0 && now >= account->enrolment_expires) return {refused, {}};
  if (base::SecretBytes::CopyOf(code) == account->enrolment_code) {
    enrolled.code = in_force;
    return {verified, std::move(enrolled)};
  }
  return {refused, Record{.kind = RecordKind::kWrongCode,
                          .time = now,
                          .account = account->iban,
                          .registration = std::string(registration),
                          .code = in_force}};
}

bool Books::IsEnrolled(std::string_view account) const {
  const auto it = enrolments_.find(std::string(account));
  return it != enrolments_.end() && !it->second.participant.empty();
}

base::Status Books::Apply(const Record& r) {
  switch (r.kind) {
    case RecordKind::kOpened:
      if (balances_.contains(r.account)) return Misfit("an account is opened twice");
      if (r.postings.size() != 2 || r.postings[0].account != VaultOf(r.currency) ||
          r.postings[1].account != r.account)
        return Misfit("an opening between the wrong accounts");
      RETURN_IF_ERROR(ApplyPostings(r));
      currencies_[r.account] = r.currency;
      return {};
    case RecordKind::kExecuted:
    case RecordKind::kAccepted:
    case RecordKind::kSettled:
    case RecordKind::kRejected:
    case RecordKind::kBarred:
      return ApplyTransfer(r);
    case RecordKind::kReturned:
      return ApplyReturn(r);
    case RecordKind::kEnrolled:
    case RecordKind::kWrongCode:
      ApplyEnrolment(r);
      return {};
    case RecordKind::kClosed:
    case RecordKind::kRevoked:
      ApplyOrder(r);
      return {};
  }
  return Misfit("a record of an unknown kind");
}

base::Status Books::ApplyPostings(const Record& r) {
  const Posting& from = r.postings[0];
  const Posting& to = r.postings[1];
  int64_t sum, after_from, after_to;
  if (__builtin_add_overflow(from.amount, to.amount, &sum) || sum != 0 || to.amount < 0)
    return Misfit("two entries that do not sum to zero");
  if (from.account == to.account ||
      __builtin_add_overflow(BalanceOf(from.account), from.amount, &after_from) ||
      __builtin_add_overflow(BalanceOf(to.account), to.amount, &after_to) ||
      after_from != from.balance_after || after_to != to.balance_after)
    return Misfit("a balance that does not follow from the entries before it");
  balances_[from.account] = after_from;
  balances_[to.account] = after_to;
  Book(r);
  return {};
}

base::Status Books::ApplyTransfer(const Record& r) {
  const auto it = transactions_.find(r.transaction);
  const bool moves = r.kind != RecordKind::kRejected && r.kind != RecordKind::kBarred;
  if (r.transaction.empty() || r.content.size() != 32 || r.postings.size() != (moves ? 2u : 0u))
    return Misfit("a transfer that is not whole");
  if (r.kind == RecordKind::kSettled) {
    if (it == transactions_.end() || it->second.state != TransferState::kPending ||
        it->second.content != r.content || r.postings[0].account != SuspenseOf(r.currency) ||
        r.postings[1].account != it->second.creditor || r.currency != it->second.currency ||
        r.postings[1].amount != it->second.amount)
      return Misfit("a settlement of no pending transfer");
    RETURN_IF_ERROR(ApplyPostings(r));
    it->second.state = TransferState::kCompleted;
    return {};
  }
  if (it != transactions_.end()) return Misfit("a transfer applied twice");
  if (r.kind == RecordKind::kAccepted && r.postings[1].account != SuspenseOf(r.currency))
    return Misfit("a pending transfer that is not in suspense");
  if (moves) RETURN_IF_ERROR(ApplyPostings(r));
  Transaction t{.content = r.content};
  if (moves) {
    t.debtor = r.postings[0].account;
    t.creditor = r.kind == RecordKind::kAccepted ? r.account : r.postings[1].account;
    t.currency = r.currency;
    t.amount = r.postings[1].amount;
  }
  if (r.kind == RecordKind::kExecuted) t.state = TransferState::kCompleted;
  if (r.kind == RecordKind::kRejected) t.reason = r.reason;
  if (r.kind == RecordKind::kBarred) {
    t.barred = true;
    t.reason = "TM01";
  }
  if (r.kind == RecordKind::kAccepted) t.state = TransferState::kPending;
  transactions_.emplace(r.transaction, std::move(t));
  return {};
}

base::Status Books::ApplyReturn(const Record& r) {
  const auto original = transactions_.find(r.returns);
  if (r.transaction.empty() || r.content.size() != 32 || r.postings.size() != 2 ||
      transactions_.contains(r.transaction) || original == transactions_.end())
    return Misfit("a return that is not whole, or applied twice");
  Transaction& t = original->second;
  if (t.state != TransferState::kCompleted || r.currency != t.currency ||
      r.postings[0].account != t.creditor || r.postings[1].account != t.debtor ||
      r.postings[1].amount > t.amount - t.returned)
    return Misfit("a return of more than was transferred, or between other accounts");
  RETURN_IF_ERROR(ApplyPostings(r));
  t.returned += r.postings[1].amount;
  transactions_.emplace(r.transaction,
                        Transaction{.content = r.content, .state = TransferState::kCompleted});
  return {};
}

void Books::ApplyEnrolment(const Record& r) {
  Enrolment& e = enrolments_[r.account];
  if (r.kind == RecordKind::kEnrolled) {
    e.registration = r.registration;
    e.participant = r.participant;
    e.code = r.code;
    e.participants.push_back(r.participant);
    return;
  }
  if (e.tried_code != r.code) e.refused.clear();
  e.tried_code = r.code;
  e.refused.push_back(r.registration);
}

base::Status Books::CheckConservation() const {
  std::map<std::string, int64_t> sums, suspense;
  for (const auto& [account, balance] : balances_) {
    const size_t colon = account.find(':');  // the bank's own accounts name their currency
    const std::string currency =
        colon == std::string::npos ? currencies_.at(account) : account.substr(colon + 1);
    sums[currency] += balance;
    if (account == SuspenseOf(currency)) suspense[currency] += balance;
  }
  for (const auto& [id, t] : transactions_)
    if (t.state == TransferState::kPending) suspense[t.currency] -= t.amount;
  for (const auto& [currency, sum] : sums)
    if (sum != 0) return Fail(ErrorCode::kInternal, "money in " + currency + " is not conserved");
  for (const auto& [currency, rest] : suspense)
    if (rest != 0)
      return Fail(ErrorCode::kInternal,
                  "the suspense account in " + currency + " is not what is pending");
  return {};
}

Totals Books::GetTotals() const {
  Totals totals;
  for (const auto& [id, t] : transactions_) {
    if (t.state == TransferState::kCompleted) ++totals.transfers_completed;
    if (t.state == TransferState::kPending) ++totals.transfers_pending;
    if (t.state == TransferState::kRejected) ++totals.transfers_rejected;
  }
  for (const auto& [account, balance] : balances_)
    if (account.starts_with("vault:")) totals.in_accounts[account.substr(6)] = -balance;
  return totals;
}

}  // namespace paygate::bank::embedded
