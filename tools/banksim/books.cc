#include "tools/banksim/books.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::banksim {
namespace {

using bank::iso20022::CreditTransfer;
using bank::iso20022::PaymentReturn;
using bank::iso20022::VerificationRequest;

std::string CapitalOf(const std::string& bank, const std::string& currency) {
  return "capital:" + bank + ":" + currency;
}
std::string SuspenseOf(const std::string& bank, const std::string& currency) {
  return "suspense:" + bank + ":" + currency;
}
std::string SettlementOf(const std::string& bank, const std::string& currency) {
  return "settlement:" + bank + ":" + currency;
}

// The first line of the remittance, as docs/formats/iso20022.md has it.
std::string OwnIdOf(const CreditTransfer& t) {
  constexpr std::string_view kMark = "/PGID/";
  if (t.remittance.empty() || !t.remittance[0].starts_with(kMark)) return "";
  return t.remittance[0].substr(kMark.size());
}

std::string CodeDigest(const std::string& account, const std::string& code) {
  return base::Sha256("enrolment code\n" + account + "\n" + code);
}

}  // namespace

std::string_view Name(State state) {
  switch (state) {
    case State::kCompleted:
      return "completed";
    case State::kPending:
      return "pending";
    case State::kRejected:
      return "rejected";
    case State::kCancelled:
      return "cancelled";
  }
  return "?";
}

std::string Transaction::ReferenceText() const {
  if (state != State::kCompleted) return "";
  return "BS" + base::HexEncode(base::Sha256("bank reference\n" + id).substr(0, 10));
}

Books::Books(const Config& config) : config_(config) {
  for (const AccountConfig& account : config.accounts) accounts_.emplace(account.iban, &account);
}

const AccountConfig* Books::Account(const std::string& iban) const {
  const auto it = accounts_.find(iban);
  return it == accounts_.end() ? nullptr : it->second;
}

const Transaction* Books::Find(const std::string& id) const {
  const auto it = transactions_.find(id);
  return it == transactions_.end() ? nullptr : &it->second;
}

int64_t Books::BalanceOf(const std::string& account) const {
  const auto it = balances_.find(account);
  return it == balances_.end() ? 0 : it->second;
}

std::optional<int64_t> Books::Balance(const std::string& account) const {
  const auto it = balances_.find(account);
  if (it == balances_.end()) return std::nullopt;
  return it->second;
}

int64_t Books::OpeningOf(const std::string& account) const {
  const auto it = openings_.find(account);
  return it == openings_.end() ? 0 : it->second;
}

const std::vector<Books::Line>& Books::LinesOf(const std::string& account) const {
  static const std::vector<Line> kNone;
  const auto it = lines_.find(account);
  return it == lines_.end() ? kNone : it->second;
}

const std::vector<std::string>& Books::InboxOf(const std::string& bank) const {
  static const std::vector<std::string> kNone;
  const auto it = inboxes_.find(bank);
  return it == inboxes_.end() ? kNone : it->second;
}

const std::string& Books::BankOf(const std::string& account) const {
  return accounts_.at(account)->bank;
}

std::vector<Record> Books::AccountsToOpen(int64_t now) const {
  std::vector<Record> records;
  std::map<std::string, int64_t> capital;  // each record's balance follows from the one before
  for (const AccountConfig& a : config_.accounts) {
    if (balances_.contains(a.iban)) continue;
    const std::string currency(a.currency.code());
    const std::string source = CapitalOf(a.bank, currency);
    const auto [it, first] = capital.try_emplace(source, BalanceOf(source));
    it->second -= a.balance;
    records.push_back(
        {.kind = RecordKind::kOpened,
         .time = now,
         .bank = a.bank,
         .currency = currency,
         .creditor = a.iban,
         .amount = a.balance,
         .postings = {{source, -a.balance, it->second}, {a.iban, a.balance, a.balance}}});
  }
  return records;
}

// From and to are customers' accounts, or a suspense account of the bank of the other end.
std::vector<Posting> Books::Move(const std::string& from, const std::string& to,
                                 const std::string& currency, int64_t amount) const {
  const auto bank_of = [&](const std::string& account, const std::string& other) {
    return accounts_.contains(account)        ? BankOf(account)
           : account.starts_with("suspense:") ? account.substr(9, account.rfind(':') - 9)
                                              : BankOf(other);
  };
  const std::string a = bank_of(from, to), b = bank_of(to, from);
  std::vector<Posting> postings{{from, -amount, BalanceOf(from) - amount}};
  if (a != b) {
    const std::string ours = SettlementOf(a, currency), theirs = SettlementOf(b, currency);
    postings.push_back({ours, amount, BalanceOf(ours) + amount});
    postings.push_back({theirs, -amount, BalanceOf(theirs) - amount});
  }
  postings.push_back({to, amount, BalanceOf(to) + amount});
  return postings;
}

// ISO 20022 reason code; empty: nothing speaks against it.
std::string Books::WhyNot(const std::string& bank, const Record& move, bool check_agents,
                          const std::string& debtor_agent,
                          const std::string& creditor_agent) const {
  const AccountConfig* debtor = Account(move.debtor);
  const AccountConfig* creditor = Account(move.creditor);
  if (!debtor || (check_agents && (debtor->bank != bank || debtor_agent != bank))) return "AC02";
  if (!creditor || (check_agents && creditor->bank != creditor_agent)) return "AC03";
  if (IsClosed(debtor->iban) || IsClosed(creditor->iban)) return "AC04";
  for (const AccountConfig* side : {debtor, creditor})
    if (side->currency.code() != move.currency) return "AM03";
  int64_t after;
  if (__builtin_add_overflow(BalanceOf(move.creditor), move.amount, &after)) return "AM02";
  if (BalanceOf(move.debtor) - move.amount < -debtor->overdraft) return "AM04";
  return "";
}

Answer Books::AnswerOf(const Transaction& t) {
  switch (t.state) {
    case State::kCompleted:
      return {"ACSC", "", t.ReferenceText()};
    case State::kPending:
      return {"ACSP", "", ""};
    case State::kRejected:
      return {"RJCT", t.reason, ""};
    case State::kCancelled:
      return {"CANC", t.reason, ""};
  }
  return {};
}

Decision<Answer> Books::DecideTransfer(const std::string& bank, const CreditTransfer& t,
                                       const std::string& content, const Treatment& treatment,
                                       int64_t now) const {
  if (const Transaction* known = Find(t.transaction_id)) {
    if (known->content != content || treatment.rejects_duplicates)
      return {{"RJCT", "AM05", ""}, {}};
    return {AnswerOf(*known), {}};
  }
  Record r{.kind = RecordKind::kExecuted,
           .time = now,
           .bank = bank,
           .transaction = t.transaction_id,
           .uetr = t.uetr,
           .content = content,
           .currency = std::string(t.amount.currency().code()),
           .debtor = t.debtor_account,
           .creditor = t.creditor_account,
           .text = OwnIdOf(t),
           .amount = t.amount.minor_units()};
  r.reason = now > t.deadline            ? "TM01"
             : !treatment.reject.empty() ? treatment.reject
                                         : WhyNot(bank, r, true, t.debtor_agent, t.creditor_agent);
  if (r.debtor == r.creditor && r.reason.empty()) r.reason = "AC03";
  if (!r.reason.empty()) {
    r.kind = RecordKind::kRejected;
    return {{"RJCT", r.reason, ""}, std::move(r)};
  }
  if (treatment.settle_at > 0) {
    r.kind = RecordKind::kAccepted;
    r.due = treatment.settle_at;
    r.postings = Move(r.debtor, SuspenseOf(bank, r.currency), r.currency, r.amount);
    return {{"ACSP", "", ""}, std::move(r)};
  }
  r.postings = Move(r.debtor, r.creditor, r.currency, r.amount);
  const Transaction done{.id = r.transaction, .state = State::kCompleted};
  return {AnswerOf(done), std::move(r)};
}

Decision<Answer> Books::DecideReturn(const std::string& bank, const PaymentReturn& p,
                                     const std::string& content, const Treatment& treatment,
                                     int64_t now) const {
  if (const Transaction* known = Find(p.return_id)) {
    if (known->content != content || treatment.rejects_duplicates)
      return {{"RJCT", "AM05", ""}, {}};
    return {AnswerOf(*known), {}};
  }
  Record r{.kind = RecordKind::kExecuted,
           .time = now,
           .bank = bank,
           .transaction = p.return_id,
           .content = content,
           .currency = std::string(p.amount.currency().code()),
           .original = p.original.transaction_id,
           .text = p.refund_id,
           .amount = p.amount.minor_units()};
  const Transaction* original = Find(p.original.transaction_id);
  if (now > p.deadline) {
    r.reason = "TM01";
  } else if (!treatment.reject.empty()) {
    r.reason = treatment.reject;
  } else if (!original || original->bank != bank || original->state != State::kCompleted ||
             !original->original.empty()) {
    r.reason = "NOOR";  // no original transaction received
  } else if (original->currency != r.currency || original->amount - original->returned < r.amount) {
    r.reason = "AM09";  // wrong amount
  } else {
    r.debtor = original->creditor;
    r.creditor = original->debtor;
    r.reason = WhyNot(bank, r, false, "", "");
  }
  if (!r.reason.empty()) {
    r.kind = RecordKind::kRejected;
    return {{"RJCT", r.reason, ""}, std::move(r)};
  }
  r.postings = Move(r.debtor, r.creditor, r.currency, r.amount);
  const Transaction done{.id = r.transaction, .state = State::kCompleted};
  return {AnswerOf(done), std::move(r)};
}

Answer Books::Status(const std::string& bank, const std::string& transaction) const {
  const Transaction* t = Find(transaction);
  if (!t || t->bank != bank) return {"RJCT", "AG09", ""};
  return AnswerOf(*t);
}

Decision<bool> Books::DecideCancellation(const std::string& bank, const std::string& transaction,
                                         const std::string& reason, int64_t now) const {
  const Transaction* t = Find(transaction);
  if (!t || t->bank != bank) return {false, {}};
  if (t->state != State::kPending) return {t->state == State::kCancelled, {}};
  Record r{.kind = RecordKind::kCancelled,
           .time = now,
           .bank = bank,
           .transaction = transaction,
           .reason = reason,
           .currency = t->currency,
           .amount = t->amount,
           .postings = Move(SuspenseOf(bank, t->currency), t->debtor, t->currency, t->amount)};
  return {true, std::move(r)};
}

std::optional<Record> Books::DecideSettlement(const std::string& transaction, int64_t now) const {
  const Transaction* t = Find(transaction);
  if (!t || t->state != State::kPending) return std::nullopt;
  return Record{
      .kind = RecordKind::kSettled,
      .time = now,
      .bank = t->bank,
      .transaction = transaction,
      .currency = t->currency,
      .amount = t->amount,
      .postings = Move(SuspenseOf(t->bank, t->currency), t->creditor, t->currency, t->amount)};
}

Verdict Books::VerifyAccount(const std::string& bank, const std::string& iban,
                             const std::string& participant) const {
  const AccountConfig* a = Account(iban);
  if (!a || a->bank != bank) return {false, "AC01", ""};
  if (IsClosed(iban)) return {false, "AC04", ""};
  const auto it = enrolments_.find(iban);
  if (it == enrolments_.end() || participant.empty() || it->second.participant != participant ||
      revoked_.contains(participant))
    return {false, "AG01", ""};
  return {true, "", std::string(a->currency.code())};
}

Decision<Verdict> Books::DecideEnrolment(const std::string& bank, const VerificationRequest& v,
                                         int64_t now) const {
  const AccountConfig* a = Account(v.account);
  if (!a || a->bank != bank) return {{false, "AC01", ""}, {}};
  if (IsClosed(v.account)) return {{false, "AC04", ""}, {}};
  const Verdict refused{false, "AG01", ""};
  const Verdict verified{true, "", std::string(a->currency.code())};
  if (a->enrolment_code.empty() || v.participant_id.empty()) return {refused, {}};
  const auto it = enrolments_.find(v.account);
  static const Enrolment kNone;
  const Enrolment& e = it == enrolments_.end() ? kNone : it->second;
  const std::string given = CodeDigest(v.account, v.enrolment_code);
  const bool right = given == CodeDigest(v.account, a->enrolment_code);
  Record enrolled{.kind = RecordKind::kEnrolled,
                  .time = now,
                  .bank = bank,
                  .debtor = v.account,
                  .creditor = v.participant_id,
                  .code = given,
                  .text = v.registration_digest};
  if (e.registration == v.registration_digest && e.code == given) {
    if (e.participant == v.participant_id) return {verified, {}};
    return {verified, std::move(enrolled)};  // the same registration, under another ID
  }
  if (std::ranges::find(e.refused, v.registration_digest) != e.refused.end()) return {refused, {}};
  if (e.refused.size() >= config_.enrolment_tries || (right && e.code == given))
    return {refused, {}};  // too many tries, or a code that another registration used
  if (right) return {verified, std::move(enrolled)};
  return {refused, Record{.kind = RecordKind::kWrongCode,
                          .time = now,
                          .bank = bank,
                          .debtor = v.account,
                          .text = v.registration_digest}};
}

}  // namespace paygate::banksim
