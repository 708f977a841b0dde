// Orders of the banks' staff, and what the banks state of their deeds: the rest of books.h.
#include <algorithm>

#include "tools/banksim/books.h"

namespace paygate::banksim {

bool Books::IsClosed(const std::string& account) const {
  const AccountConfig* known = Account(account);
  return (known && known->closed) || closed_.contains(account);
}

std::optional<Record> Books::DecideRevoke(const std::string& account, const std::string& reason,
                                          int64_t now) const {
  const auto it = enrolments_.find(account);
  if (it == enrolments_.end() || it->second.participant.empty() ||
      revoked_.contains(it->second.participant))
    return std::nullopt;
  return Record{.kind = RecordKind::kRevoked,
                .time = now,
                .bank = Account(account)->bank,
                .reason = reason,
                .debtor = account,
                .creditor = it->second.participant};
}

std::optional<Record> Books::DecideClose(const std::string& account, int64_t now) const {
  const AccountConfig* known = Account(account);
  if (!known || IsClosed(account)) return std::nullopt;
  return Record{
      .kind = RecordKind::kClosed, .time = now, .bank = known->bank, .debtor = account};
}

std::vector<std::string> Books::EndedWith(const std::string& account) const {
  std::vector<std::string> ended;
  if (const auto it = enrolments_.find(account); it != enrolments_.end()) ended = it->second.all;
  std::erase_if(ended, [&](const std::string& each) { return revoked_.contains(each); });
  return ended;
}

void Books::ApplyOrder(const Record& r) {
  if (r.kind == RecordKind::kRevoked) {
    revoked_.insert(r.creditor);
    return;
  }
  for (const std::string& each : EndedWith(r.debtor)) revoked_.insert(each);
  closed_.insert(r.debtor);
}

void Books::Book(const Transaction& t, int64_t time) {
  if (t.statement_fault == Name(FaultKind::kLeftOut)) return;
  Booked booked{.transaction = &t,
                .amount = t.amount,
                .time = time,
                .reference = t.ReferenceText()};
  if (t.statement_fault == Name(FaultKind::kAmountDiffers)) ++booked.amount;
  if (t.statement_fault == Name(FaultKind::kReferenceDiffers)) booked.reference = "BSANOTHER";
  bookings_[t.bank].push_back(std::move(booked));
}

const std::vector<Books::Booked>& Books::BookingsOf(const std::string& bank) const {
  static const std::vector<Booked> kNone;
  const auto it = bookings_.find(bank);
  return it == bookings_.end() ? kNone : it->second;
}

std::optional<uint64_t> Books::NoticeAfter(const std::string& bank, uint64_t after) const {
  const auto it = notices_.find(bank);
  if (it == notices_.end()) return std::nullopt;
  const auto next = std::ranges::upper_bound(it->second, after);
  if (next == it->second.end()) return std::nullopt;
  return *next;
}

}  // namespace paygate::banksim
