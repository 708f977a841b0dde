#include "gateway/engine/reconciler.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/outside_text.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using storage::ListedBooking;
using storage::Payment;
using storage::ReconciliationChanges;

namespace {

constexpr size_t kStepRows = 256;
constexpr std::chrono::seconds kSoon{60};  // the first run, and the next one after a failed one

std::string StateOf(const std::optional<Payment>& order) {
  if (!order) return "none";
  if (!order->settlement) return "open";
  return order->settlement->outcome().completed ? "completed" : "failed";
}

std::string AmountOf(const ListedBooking& booking) {
  const auto currency = base::Currency::Parse(booking.currency);
  if (!currency) return std::to_string(booking.minor_units) + " minor units";
  return base::FormatMinorUnits(booking.minor_units, *currency) + " " + booking.currency;
}

}  // namespace

Reconciler::Reconciler(const base::Clock& clock, storage::Reconciliation& store,
                       const storage::AuthorisationReader& payments, bank::Bank& bank,
                       Settler& settler, base::WorkerPool& workers,
                       std::chrono::seconds clock_skew, std::chrono::seconds interval)
    : clock_(clock),
      store_(store),
      payments_(payments),
      bank_(bank),
      settler_(settler),
      workers_(workers),
      clock_skew_(clock_skew),
      interval_(interval) {}

void Reconciler::Tick() {
  if (running_) return;
  const base::MonotonicTime now = clock_.Monotonic();
  if (!next_) next_ = now + std::min(interval_, kSoon);
  const auto capabilities = bank_.GetCapabilities();
  {
    // A wish that comes after this is of the next run: it is taken, and the run counted, at once.
    base::MutexLock lock(mutex_);
    if (failed_) next_ = std::min(*next_, now + kSoon);
    failed_ = false;
    const bool due = now >= *next_ && capabilities;  // not while no bank is there
    if (!wish_ && !due) return;
    run_ = {.wish = wish_.value_or(Wish()), .adapter = {}, .cursor = {}, .after = {}, .report = {}};
    running_ = true;
    next_ = now + interval_;
    if (!wish_ && !capabilities->statement) return Next(&Reconciler::ForgetUnreconciled);
    wish_.reset();
    run_.report.run = ++runs_;
    run_.report.whole = run_.wish.whole;
    run_.report.began_at = clock_.Now();
    report_ = run_.report;
  }
  Begin();
}

// Of a bank that states nothing, nothing ever comes to agree with.
void Reconciler::ForgetUnreconciled() {
  ReconciliationChanges changes{.at = clock_.Now()};
  const auto rows = store_.ListUnreconciled("", kStepRows);
  if (rows) {
    for (const auto& row : *rows) changes.agreed.push_back(row.id);
  }
  const Status forgotten = store_.Write(changes);
  if (forgotten && changes.agreed.size() == kStepRows) {
    return Next(&Reconciler::ForgetUnreconciled);
  }
  running_ = false;
}

Result<uint64_t> Reconciler::Start(const Wish& wish) {
  ASSIGN_OR_RETURN(const auto capabilities, bank_.GetCapabilities());
  if (!capabilities.statement) {
    return Fail(ErrorCode::kInvalidArgument, "the bank adapter " +
                                                 base::OutsideText(capabilities.adapter) +
                                                 " gives no statement to compare with");
  }
  base::MutexLock lock(mutex_);
  // One wish waits at a time; together they want the most.
  if (!wish_) wish_ = wish;
  wish_->whole |= wish.whole;
  wish_->since = std::min(wish_->since, wish.since);
  return runs_ + 1;
}

ReconciliationReport Reconciler::Report() const {
  base::MutexLock lock(mutex_);
  return report_;
}

void Reconciler::Begin() {
  const auto capabilities = bank_.GetCapabilities();
  if (!capabilities) return End(capabilities.error().message);
  if (!capabilities->statement) return End("the bank adapter gives no statement");
  run_.adapter = capabilities->adapter;
  const auto position = store_.Position(run_.adapter);
  if (!position) return End(position.error().ToString());
  if (!run_.wish.whole) run_.cursor = position->cursor;
  AskPage();
}

void Reconciler::Next(void (Reconciler::*step)()) {
  (void)workers_.SubmitPromised([this, step] { (this->*step)(); });
}

void Reconciler::AskPage() {
  bank_.AskStatement(run_.cursor, [this](bank::StatementPage page) {
    (void)workers_.SubmitPromised([this, page = std::move(page)] { TakePage(page); });
  });
}

void Reconciler::TakePage(const bank::StatementPage& page) {
  if (!page.answered) return End("the bank gave no statement");
  if (const Status taken = Take(page); !taken) return End(taken.error().ToString());
  run_.report.bookings += page.bookings.size();
  run_.report.complete_until = page.complete_until;
  // A page that brings nothing ends the reading, whatever it says of the next.
  const bool more = page.more && page.cursor != run_.cursor;
  run_.cursor = page.cursor;
  if (more) return Next(&Reconciler::AskPage);
  if (run_.wish.whole) return Next(&Reconciler::SweepSettled);
  Next(&Reconciler::SweepUnreconciled);
}

Status Reconciler::Take(const bank::StatementPage& page) {
  ReconciliationChanges changes{.at = clock_.Now(), .adapter = run_.adapter};
  changes.position = storage::StatementPosition{page.cursor, page.complete_until};
  std::set<std::string> ask;
  for (const bank::Booking& b : page.bookings) {
    ListedBooking booking{.id = b.id,
                          .is_return = b.is_return,
                          .minor_units = b.minor_units,
                          .currency = b.currency,
                          .bank_reference = b.bank_reference,
                          .booked = b.booked,
                          .listed = changes.at};
    ASSIGN_OR_RETURN(const auto order, payments_.Find(b.id));
    const std::optional<ListedBooking> listed(booking);
    const Difference difference = Judge({.order = order,
                                         .booking = listed,
                                         .since = changes.at,
                                         .complete_until = page.complete_until,
                                         .now = changes.at,
                                         .clock_skew = clock_skew_});
    (difference == Difference::kNone ? changes.agreed : changes.disputed).push_back(b.id);
    if (order && !order->settlement) ask.insert(b.id);
    changes.listed.push_back(std::move(booking));
  }
  RETURN_IF_ERROR(store_.Write(changes));
  if (!ask.empty()) settler_.AskSoon(ask);
  return {};
}

// What this order's bank says now; a whole run has seen every booking that there is.
Result<std::optional<ListedBooking>> Reconciler::BookingOf(const std::string& id,
                                                           ReconciliationChanges& changes) const {
  auto booking = store_.FindBooking(id);
  if (booking && *booking && run_.wish.whole && (*booking)->listed < run_.report.began_at) {
    changes.unlisted.push_back(id);
    return std::optional<ListedBooking>();
  }
  return booking;
}

void Reconciler::SweepSettled() {
  const auto ids = store_.ListSettled(run_.after, kStepRows);
  if (!ids) return End(ids.error().ToString());
  if (const Status done = Settled(*ids); !done) return End(done.error().ToString());
  if (ids->size() < kStepRows) {
    run_.after.clear();
    return Next(&Reconciler::SweepUnreconciled);
  }
  run_.after = ids->back();
  Next(&Reconciler::SweepSettled);
}

Status Reconciler::Settled(const std::vector<std::string>& ids) {
  ReconciliationChanges changes{.at = clock_.Now()};
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(const auto order, payments_.Find(id));
    if (!order || !order->settlement || !order->settlement->outcome().completed) continue;
    ASSIGN_OR_RETURN(const auto booking, BookingOf(id, changes));
    if (!booking) changes.disputed.push_back(id);
  }
  return store_.Write(changes);
}

void Reconciler::SweepUnreconciled() {
  const auto rows = store_.ListUnreconciled(run_.after, kStepRows);
  if (!rows) return End(rows.error().ToString());
  if (const Status done = Unreconciled(*rows); !done) return End(done.error().ToString());
  if (rows->size() < kStepRows) return End("");
  run_.after = rows->back().id;
  Next(&Reconciler::SweepUnreconciled);
}

Status Reconciler::Unreconciled(const std::vector<storage::Unreconciled>& rows) {
  ReconciliationChanges changes{.at = clock_.Now()};
  std::set<std::string> ask;
  for (const auto& [id, since] : rows) {
    // The booking first: an order that ends in between is then judged by its end.
    ASSIGN_OR_RETURN(const auto booking, BookingOf(id, changes));
    ASSIGN_OR_RETURN(const auto order, payments_.Find(id));
    const Evidence evidence{.order = order,
                            .booking = booking,
                            .since = since,
                            .complete_until = run_.report.complete_until,
                            .now = changes.at,
                            .clock_skew = clock_skew_};
    const Difference difference = Judge(evidence);
    if (difference == Difference::kNone) {
      changes.agreed.push_back(id);
    } else {
      Note(difference, id, evidence);
    }
    if (difference == Difference::kOpenHere) ask.insert(id);
  }
  if (!ask.empty()) settler_.AskSoon(ask);
  return store_.Write(changes);
}

void Reconciler::Note(Difference difference, const std::string& id, const Evidence& e) {
  ReconciliationReport& report = run_.report;
  if (difference == Difference::kWaiting) {
    ++report.waiting;
    return;
  }
  FoundDifference found{.difference = difference, .id = id, .state = StateOf(e.order)};
  if (e.order) {
    found.amount = e.order->intent.record().amount.ToString();
    if (e.order->settlement) {
      found.reference = base::PrintableText(e.order->settlement->outcome().bank_reference);
      found.settled_at = e.order->settlement->settled_at();
    }
  }
  if (e.booking) {
    found.booked_amount = AmountOf(*e.booking);
    found.booked_reference = base::PrintableText(e.booking->bank_reference);
    found.booked_at = e.booking->booked;
  }
  const base::UnixTime at = std::max(found.booked_at.value_or(base::UnixTime()),
                                     found.settled_at.value_or(base::UnixTime()));
  if (at < run_.wish.since) return;
  if (++report.count > ReconciliationReport::kMostListed) return;
  base::LogAlarm("reconciliation.difference",
                 {{"difference", Name(difference)},
                  {"id", id},
                  {"here", found.state},
                  {"amount", found.amount},
                  {"booked_amount", found.booked_amount},
                  {"booked_reference", found.booked_reference},
                  {"clue", Clue(difference)}});
  report.differences.push_back(std::move(found));
}

void Reconciler::End(std::string failure) {
  ReconciliationReport& report = run_.report;
  report.failure = std::move(failure);
  report.ended = true;
  report.ended_at = clock_.Now();
  if (!report.failure.empty()) {
    base::LogWarning("reconciliation.not_done", {{"why", report.failure}});
  } else {
    base::LogInfo("reconciliation.done", {{"bookings", report.bookings},
                                          {"waiting", report.waiting},
                                          {"differences", report.count}});
  }
  {
    base::MutexLock lock(mutex_);
    failed_ = !report.failure.empty();
    report_ = report;
  }
  running_ = false;
}

}  // namespace paygate::gateway::engine
