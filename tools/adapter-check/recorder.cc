#include "tools/adapter-check/recorder.h"

#include <cstddef>
#include <set>
#include <string_view>

#include "base/clock.h"

namespace paygate::adaptercheck {
namespace {

using base::MutexLock;

constexpr size_t kMaxReference = 35;

thread_local uint64_t starting_here = 0;  // the call whose starting function this thread is inside

std::string Text(const char* text) { return text ? text : ""; }

bool Printable(std::string_view text, size_t most) {
  if (text.empty() || text.size() > most) return false;
  for (char c : text)
    if (c < 0x21 || c > 0x7e) return false;
  return true;
}

std::string FaultIn(const paygate_bank_result& r) {
  if (r.outcome < PAYGATE_BANK_COMPLETED || r.outcome > PAYGATE_BANK_BUSY)
    return "gives outcome " + std::to_string(r.outcome) + ", which does not exist";
  if (r.outcome == PAYGATE_BANK_COMPLETED && !Printable(Text(r.bank_reference), kMaxReference))
    return "says COMPLETED without a bank_reference of 1 to 35 printable characters";
  if (r.outcome == PAYGATE_BANK_REJECTED && !Printable(Text(r.reason), 4))
    return "says REJECTED without an ISO 20022 reason code (as \"AM04\")";
  if (!r.evidence && r.evidence_size > 0) return "gives evidence of a size and no bytes";
  return "";
}

}  // namespace

Recorder& Recorder::Get() {
  // Never destroyed: an adapter that breaks the rules may complete while the process exits.
  static Recorder& recorder = *new Recorder;
  return recorder;
}

Recorder::Started Recorder::Start(const char* what, const std::function<int(void*)>& start) {
  uint64_t id;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
    calls_.emplace(id, Call{.what = what});
    ++open_;
  }
  const auto before = base::SystemClock().Monotonic();
  starting_here = id;
  const int returned = start(reinterpret_cast<void*>(static_cast<uintptr_t>(id)));
  starting_here = 0;
  const auto took = base::SystemClock().Monotonic() - before;
  MutexLock lock(mutex_);
  if (took > kPromptly)
    NoteLocked(std::string(what) + " waits inside the call: a starting function returns promptly");
  Call& call = calls_.at(id);
  if (returned != PAYGATE_BANK_TAKEN) {
    if (returned != PAYGATE_BANK_E_BUSY && returned != PAYGATE_BANK_E_INPUT)
      NoteLocked(std::string(what) + " returns " + std::to_string(returned) +
                 ", which does not exist");
    call.refused = true;
    if (call.end)
      NoteLocked(std::string(what) + " completes and then refuses (returns nonzero)");
    else
      --open_;
  }
  return {.id = id, .returned = returned};
}

void Recorder::Complete(void* ctx, Completion completion, const std::string& fault) {
  const uint64_t id = reinterpret_cast<uintptr_t>(ctx);
  MutexLock lock(mutex_);
  const auto it = calls_.find(id);
  if (it == calls_.end()) {
    NoteLocked("completes with a ctx that it was never given");
    return;
  }
  Call& call = it->second;
  const std::string what = call.what;
  if (!fault.empty()) NoteLocked(what + " " + fault);
  if (closed_) NoteLocked(what + " completes after close() has returned");
  if (starting_here == id) NoteLocked(what + " completes from inside the call that started it");
  if (call.refused) NoteLocked(what + " completes although it was refused (returned nonzero)");
  if (call.end) NoteLocked(what + " completes twice");
  if (call.end || call.refused) return;
  call.end = std::move(completion);
  --open_;
  changed_.NotifyAll();
}

void Recorder::OnTransfer(void* ctx, const paygate_bank_result* r) {
  if (!r || r->size < sizeof(*r)) return Get().Complete(ctx, {}, "completes without a result");
  Get().Complete(ctx,
                 {.word = r->outcome,
                  .reason = Text(r->reason),
                  .reference = Text(r->bank_reference)},
                 FaultIn(*r));
}

void Recorder::OnVerified(void* ctx, const paygate_bank_verification* v) {
  if (!v || v->size < sizeof(*v)) return Get().Complete(ctx, {}, "completes without a result");
  const bool exists = v->verdict >= PAYGATE_BANK_VERIFIED && v->verdict <= PAYGATE_BANK_NO_ANSWER;
  Get().Complete(
      ctx, {.word = v->verdict, .reason = Text(v->reason), .currency = Text(v->currency)},
      exists ? "" : "gives verdict " + std::to_string(v->verdict) + ", which does not exist");
}

void Recorder::OnNotices(void* ctx, const paygate_bank_notice_list* list) {
  if (!list || list->size < sizeof(*list))
    return Get().Complete(ctx, {}, "completes without a result");
  Completion c{.word = list->answered};
  if (list->count > PAYGATE_BANK_MAX_NOTICES)
    return Get().Complete(ctx, c, "gives more than 64 notices in one answer");
  std::string fault;
  std::set<std::string> seen;
  for (uint32_t i = 0; i < list->count; ++i) {
    const paygate_bank_notice* n = list->notices ? list->notices[i] : nullptr;
    if (!n || n->size < sizeof(*n) || Text(n->participant_id).empty() ||
        n->kind < PAYGATE_BANK_REVOKE || n->kind > PAYGATE_BANK_ACCOUNT_CLOSED ||
        n->reason < PAYGATE_BANK_KEY_COMPROMISE || n->reason > PAYGATE_BANK_SUPERSEDED) {
      fault = "gives a notice without a kind, a reason or a participant_id that exists";
      break;
    }
    c.cursors.push_back(Text(n->cursor));
    if (!Printable(c.cursors.back(), PAYGATE_BANK_MAX_CURSOR) ||
        !seen.insert(c.cursors.back()).second)
      fault = "gives a cursor that is not unique, printable and of 1 to 2048 characters";
  }
  Get().Complete(ctx, std::move(c), fault);
}

void Recorder::OnStatement(void* ctx, const paygate_bank_statement_page* page) {
  if (!page || page->size < sizeof(*page))
    return Get().Complete(ctx, {}, "completes without a result");
  Completion c{.word = page->answered, .more = page->more != 0,
               .complete_until = page->complete_until};
  if (!page->answered) return Get().Complete(ctx, std::move(c), "");
  if (page->count > PAYGATE_BANK_MAX_BOOKINGS)
    return Get().Complete(ctx, c, "gives more than 256 bookings in one page");
  c.cursor = Text(page->cursor);
  std::string fault;
  if (!Printable(c.cursor, PAYGATE_BANK_MAX_CURSOR))
    fault = "gives a cursor that is not printable and of 1 to 2048 characters";
  for (uint32_t i = 0; i < page->count && fault.empty(); ++i) {
    const paygate_bank_booking* b = page->bookings ? page->bookings[i] : nullptr;
    if (!b || b->size < sizeof(*b) || b->kind < PAYGATE_BANK_BOOKED_TRANSFER ||
        b->kind > PAYGATE_BANK_BOOKED_RETURN || b->amount_minor_units <= 0 ||
        !Printable(Text(b->id), PAYGATE_BANK_MAX_BOOKING_ID) || Text(b->currency).size() != 3) {
      fault = "gives a booking without a kind, an id, an amount or a currency that exists";
      break;
    }
    c.bookings.push_back({.id = Text(b->id),
                          .currency = Text(b->currency),
                          .reference = Text(b->bank_reference),
                          .kind = b->kind,
                          .amount = b->amount_minor_units,
                          .booked = b->booked});
  }
  Get().Complete(ctx, std::move(c), fault);
}

std::optional<Completion> Recorder::Wait(uint64_t id, std::chrono::seconds limit) {
  const auto until = base::SystemClock().Monotonic() + limit;
  MutexLock lock(mutex_);
  const Call& call = calls_.at(id);
  while (!call.end && breach_.empty() && changed_.WaitUntil(mutex_, until)) {
  }
  if (!call.end)
    NoteLocked(std::string(call.what) + " does not complete within " +
               std::to_string(limit.count()) + " s");
  return call.end;
}

size_t Recorder::open_calls() const {
  MutexLock lock(mutex_);
  return open_;
}

void Recorder::Closed() {
  MutexLock lock(mutex_);
  closed_ = true;
}

void Recorder::Watch(std::chrono::milliseconds time) {
  const auto until = base::SystemClock().Monotonic() + time;
  MutexLock lock(mutex_);
  while (breach_.empty() && changed_.WaitUntil(mutex_, until)) {
  }
}

void Recorder::Note(const std::string& breach) {
  MutexLock lock(mutex_);
  NoteLocked(breach);
}

void Recorder::NoteLocked(const std::string& breach) {
  if (breach_.empty()) breach_ = breach;
  changed_.NotifyAll();
}

std::string Recorder::breach() const {
  MutexLock lock(mutex_);
  return breach_;
}

}  // namespace paygate::adaptercheck
