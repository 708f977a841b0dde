// Orders of the bank's staff, and the statement: the rest of books.h.
#include "bank/adapters/embedded/books.h"
#include "base/crypto.h"

namespace paygate::bank::embedded {

std::optional<Record> Books::DecideClose(std::string_view account, int64_t now) const {
  if (!Find(account) || closed_.contains(account)) return std::nullopt;
  return Record{.kind = RecordKind::kClosed, .time = now, .account = std::string(account)};
}

std::optional<Record> Books::DecideRevoke(std::string_view account, std::string_view participant,
                                          std::string_view reason, int64_t now) const {
  if (participant.empty() || revoked_.contains(participant)) return std::nullopt;
  return Record{.kind = RecordKind::kRevoked,
                .time = now,
                .account = std::string(account),
                .reason = std::string(reason),
                .participant = std::string(participant)};
}

// A closed account ends every participant who ever enrolled for it.
void Books::ApplyOrder(const Record& r) {
  if (r.kind == RecordKind::kRevoked) {
    if (revoked_.insert(r.participant).second) notices_.push_back({false, r.reason, r.participant});
    return;
  }
  if (!closed_.insert(r.account).second) return;
  const auto enrolment = enrolments_.find(r.account);
  if (enrolment == enrolments_.end()) return;
  for (const std::string& participant : enrolment->second.participants) {
    if (revoked_.insert(participant).second) {
      notices_.push_back({true, "cessationOfOperation", participant});
    }
  }
}

std::vector<BankNotice> Books::NoticesAfter(uint64_t after, size_t limit) const {
  std::vector<BankNotice> page;
  for (uint64_t i = after; i < notices_.size() && page.size() < limit; ++i) {
    page.push_back(notices_[i]);
  }
  return page;
}

std::string ReferenceOf(const std::string& transaction) {
  return "EB" + base::Sha256Base64Url("embedded bank reference\n" + transaction).substr(0, 30);
}

// Of a record whose postings are applied: what the bank will never take back is booked.
void Books::Book(const Record& r) {
  if (r.kind != RecordKind::kExecuted && r.kind != RecordKind::kSettled &&
      r.kind != RecordKind::kReturned)
    return;
  bookings_.push_back({.transaction = r.transaction,
                       .is_return = r.kind == RecordKind::kReturned,
                       .amount = r.postings[1].amount,
                       .currency = r.currency,
                       .reference = ReferenceOf(r.transaction),
                       .time = r.time});
}

std::vector<BankBooking> Books::BookingsAfter(uint64_t after, size_t limit) const {
  std::vector<BankBooking> page;
  for (uint64_t i = after; i < bookings_.size() && page.size() < limit; ++i) {
    page.push_back(bookings_[i]);
  }
  return page;
}

std::string Books::ParticipantOf(std::string_view account) const {
  const auto it = enrolments_.find(std::string(account));
  return it == enrolments_.end() ? "" : it->second.participant;
}

bool Books::IsClosed(std::string_view account) const {
  const Account* found = Find(account);
  return (found && found->closed) || closed_.contains(account);
}

}  // namespace paygate::bank::embedded
