// What the bank says of its own deeds, for the gateway's reconciliation.
#include <map>
#include <optional>
#include <thread>

#include "tools/adapter-check/checks.h"

namespace paygate::adaptercheck {
namespace {

using base::Result;
using base::Status;

constexpr int kMostPages = 100'000;
constexpr std::chrono::milliseconds kBetweenLooks{50};

struct Listed {
  std::map<std::string, Completion::Booking> by_id;
  std::string cursor;  // behind the last page
  int64_t complete_until = 0;
};

// The whole statement from this cursor on; nullopt: the bank cannot be asked.
Result<std::optional<Listed>> ReadFrom(Subject& subject, const std::string& cursor) {
  Listed listed{.by_id = {}, .cursor = cursor};
  for (int pages = 0; pages < kMostPages; ++pages) {
    ASSIGN_OR_RETURN(Completion page, subject.Statement(listed.cursor));
    if (page.word == 0) return std::optional<Listed>();
    if (page.more && page.bookings.empty() && page.cursor == listed.cursor)
      return Fault("says that there is more, and gives nothing and the same cursor: no end");
    for (auto& booking : page.bookings) {
      const std::string id = booking.id;
      if (!listed.by_id.emplace(id, std::move(booking)).second)
        return Fault("lists one order twice: " + id);
    }
    listed.cursor = std::move(page.cursor);
    listed.complete_until = page.complete_until;
    if (!page.more) return std::optional(std::move(listed));
  }
  return Fault("its statement has no end");
}

// The order is listed as it was made, once the statement says that it reaches beyond its time.
Status MustList(Subject& subject, const std::string& after, const Completion::Booking& made) {
  const base::SystemClock clock;
  const auto until = clock.Monotonic() + subject.terms().limit;
  for (;;) {
    ASSIGN_OR_RETURN(const auto listed, ReadFrom(subject, after));
    if (!listed) return Fault("cannot give its statement though it executes transfers");
    if (const auto found = listed->by_id.find(made.id); found != listed->by_id.end()) {
      Completion::Booking booking = found->second;
      booking.booked = 0;
      if (booking == made) return {};
      return Fault("lists an order with another amount, currency, kind or bank_reference than "
                   "it was completed with");
    }
    if (listed->complete_until > subject.Now())
      return Fault("calls its statement complete, and a completed order is not in it");
    if (clock.Monotonic() > until)
      return Fault("does not list a completed order by its id within " +
                   std::to_string(subject.terms().limit.count()) + " s");
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace

Status CheckStatement(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  ASSIGN_OR_RETURN(const auto before, ReadFrom(*subject, ""));
  if (!before) return Finish(*subject);
  std::string id;
  ASSIGN_OR_RETURN(const std::string prepared, subject->Prepare(subject->NewTransfer(id)));
  ASSIGN_OR_RETURN(const Completion paid, subject->Settle(prepared));
  if (paid.word != PAYGATE_BANK_COMPLETED)
    return Fault("the bank rejects a transfer (" + paid.reason +
                 "): give --debtor and --creditor between whom money can move");
  Completion::Booking made{.id = id,
                           .currency = terms.currency,
                           .reference = paid.reference,
                           .kind = PAYGATE_BANK_BOOKED_TRANSFER,
                           .amount = terms.amount};
  RETURN_IF_ERROR(MustList(*subject, before->cursor, made));
  if (subject->Declares(PAYGATE_BANK_CAP_RETURNS)) {
    const std::string refund_id = subject->NewId();
    const paygate_bank_return ret = {.size = sizeof ret,
                                     .refund_id = refund_id.c_str(),
                                     .payment_id = id.c_str(),
                                     .bank_reference = paid.reference.c_str(),
                                     .amount_minor_units = terms.amount,
                                     .currency = terms.currency.c_str(),
                                     .fraction_digits = terms.fraction_digits,
                                     .deadline = subject->Now() + 900,
                                     .created = subject->Now()};
    ASSIGN_OR_RETURN(const std::string back, subject->PrepareReturn(ret));
    ASSIGN_OR_RETURN(const Completion returned, subject->Settle(back));
    made = {.id = refund_id,
            .currency = terms.currency,
            .reference = returned.reference,
            .kind = PAYGATE_BANK_BOOKED_RETURN,
            .amount = terms.amount};
    if (returned.word == PAYGATE_BANK_COMPLETED)
      RETURN_IF_ERROR(MustList(*subject, before->cursor, made));
  }
  ASSIGN_OR_RETURN(const auto again, ReadFrom(*subject, ""));
  if (!again) return Finish(*subject);
  for (const auto& [each, booking] : before->by_id) {
    const auto found = again->by_id.find(each);
    if (found == again->by_id.end() || found->second != booking)
      return Fault("lists an order differently when it is asked again from the beginning");
  }
  return Finish(*subject);
}

}  // namespace paygate::adaptercheck
