#include "gateway/engine/settler.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "base/meter.h"
#include "gateway/engine/results.h"

namespace paygate::gateway::engine {

using bank::Outcome;
using base::ErrorCode;
using storage::FinalOutcome;
using storage::Intent;
using storage::Settlement;

namespace {

constexpr std::chrono::seconds kLongestInquiryInterval{60};
// After a restart with many open: no flood at the bank, and workers for who comes meanwhile.
constexpr size_t kMostAskedInOneTick = 512;
constexpr size_t kAskers = 4;
// ISO 20022 "invalid cut-off time": the bank never received it before its deadline.
constexpr const char* kReasonNeverReceived = "TM01";

}  // namespace

Settler::Settler(const base::Clock& clock, const Envelope& envelope, Participants& participants,
                 const ReaderForms& readers, storage::AuthorisationStore& store,
                 const storage::AuthorisationReader& payments, bank::Bank& bank,
                 StorageKeys& storage_keys, Parking& parking, base::WorkerPool& workers,
                 const Limits& limits)
    : clock_(clock),
      envelope_(envelope),
      participants_(participants),
      readers_(readers),
      store_(store),
      payments_(payments),
      bank_(bank),
      storage_keys_(storage_keys),
      parking_(parking),
      workers_(workers),
      limits_(limits) {}

std::string Settler::MailboxKey(std::string_view id) { return "mailbox " + std::string(id); }
std::string Settler::PaymentKey(std::string_view id) { return "payment " + std::string(id); }

void Settler::Begin(const Intent& intent, std::string_view prepared, protocol::JwsForms forms) {
  {
    base::MutexLock lock(mutex_);
    open_.emplace(intent.payment_id(),
                  Open{.step = Step::kSubmit,
                       .tell_mailbox = intent.record().is_claims_refund(),
                       .receipt_forms = forms});
  }
  Send(intent, Step::kSubmit, prepared);
}

void Settler::Recover() {
  const std::vector<std::string> found = payments_.OldestOpen(SIZE_MAX);
  base::MutexLock lock(mutex_);
  open_.reserve(found.size());
  for (const std::string& payment_id : found) {
    open_.emplace(payment_id,
                  Open{.step = Step::kInquire, .maybe_sent = true, .tell_mailbox = true});
    due_.emplace(clock_.Monotonic(), payment_id);
  }
  if (!found.empty()) base::LogInfo("recovery.open_intents", {{"count", found.size()}});
}

void Settler::Tick() {
  size_t more;
  {
    base::MutexLock lock(mutex_);
    may_be_asked_ = kMostAskedInOneTick;
    if (due_.empty() || due_.begin()->first > clock_.Monotonic()) return;
    more = std::min(kAskers - askers_, due_.size());
    askers_ += more;
  }
  for (; more > 0; --more) (void)workers_.SubmitPromised([this] { AskWhatIsDue(); });
}

void Settler::AskWhatIsDue() {
  while (true) {
    std::string payment_id;
    {
      base::MutexLock lock(mutex_);
      if (may_be_asked_ == 0 || due_.empty() || due_.begin()->first > clock_.Monotonic()) {
        --askers_;
        return;
      }
      --may_be_asked_;
      payment_id = std::move(due_.extract(due_.begin()).mapped());
    }
    Ask(payment_id);
  }
}

void Settler::TokenIsBack() {
  base::MutexLock lock(mutex_);
  std::multimap<base::MonotonicTime, std::string> due;
  const base::MonotonicTime now = clock_.Monotonic();
  for (auto& [when, payment_id] : due_) {
    auto found = open_.find(payment_id);
    const bool signs = found != open_.end() && found->second.outcome_kept;
    due.emplace(signs ? std::min(when, now) : when, std::move(payment_id));
  }
  due_ = std::move(due);
}

void Settler::AskSoon(const std::set<std::string>& payment_ids) {
  base::MutexLock lock(mutex_);
  std::multimap<base::MonotonicTime, std::string> soon;
  for (auto each = due_.begin(); each != due_.end();) {
    const auto next = std::next(each);
    if (payment_ids.contains(each->second)) {
      const auto open = open_.find(each->second);
      if (open != open_.end() && !open->second.outcome_kept) {
        open->second.step = Step::kInquire;
        soon.emplace(clock_.Monotonic(), std::move(due_.extract(each).mapped()));
      }
    }
    each = next;
  }
  due_.merge(soon);
}

void Settler::Ask(const std::string& payment_id) {
  Step step;
  {
    base::MutexLock lock(mutex_);
    auto found = open_.find(payment_id);
    if (found == open_.end()) return;
    step = found->second.step;
  }
  const auto cannot = [&](std::string_view why) {
    base::LogAlarm("intent.cannot_ask", {{"payment_id", payment_id}, {"why", why}});
    Later(payment_id, step);
  };
  const auto payment = payments_.Find(payment_id);
  if (!payment) return cannot(payment.error().message);
  if (!*payment) return cannot("the store has no such payment");
  const Intent& intent = (*payment)->intent;
  if ((*payment)->settlement) return Settle(intent, (*payment)->settlement->outcome());
  const auto prepared =
      storage_keys_.Unseal(payment_id, intent.record().prepared_key, intent.record().prepared);
  if (!prepared) return cannot(prepared.error().message);
  Send(intent, step, *prepared);
}

// The one place from which bytes reach a bank: an Intent is durable by its type.
void Settler::Send(const Intent& intent, Step step, std::string_view prepared) {
  auto done = [this, intent, from = clock_.Monotonic()](bank::Answer answer) {
    base::AddTime(base::Meter::kBank, clock_.Monotonic() - from);
    (void)workers_.SubmitPromised(
        [this, intent, answer = std::move(answer)] { OnAnswer(intent, answer); });
  };
  if (step == Step::kSubmit) {
    bank_.Submit(prepared, std::move(done));
  } else {
    bank_.Status(prepared, std::move(done));
  }
}

void Settler::OnAnswer(const Intent& intent, const bank::Answer& answer) {
  std::optional<FinalOutcome> outcome;
  {
    base::MutexLock lock(mutex_);
    auto found = open_.find(intent.payment_id());
    if (found == open_.end()) return;
    outcome = Decide(intent, found->second, answer);
    if (!outcome) Schedule(intent.payment_id(), found->second);
  }
  if (outcome) return Settle(intent, *outcome);
  base::LogInfo("intent.open", {{"payment_id", intent.payment_id()},
                                {"bank", bank::Name(answer.outcome)}});
}

bool Settler::PastDeadline(const Intent& intent) const {
  // The skew is for the bank's clock, which enforces the deadline.
  return clock_.Now() > intent.record().deadline + limits_.clock_skew;
}

// What the bank's answer means, as the picture in settler.h has it. nullopt: not final.
std::optional<FinalOutcome> Settler::Decide(const Intent& intent, Open& open,
                                            const bank::Answer& answer) {
  const FinalOutcome never_received{.reason = kReasonNeverReceived};
  switch (answer.outcome) {
    case Outcome::kCompleted:
      return FinalOutcome{.completed = true,
                          .bank_reference = answer.bank_reference,
                          .evidence = answer.evidence};
    case Outcome::kRejected:
      return FinalOutcome{.reason = answer.reason, .evidence = answer.evidence};
    case Outcome::kPending:
    case Outcome::kUnknown:
      open.maybe_sent = true;
      open.step = Step::kInquire;
      return std::nullopt;
    case Outcome::kNotSent:
    case Outcome::kBusy:
      if (PastDeadline(intent) && !open.maybe_sent) return never_received;
      if (PastDeadline(intent)) open.step = Step::kInquire;
      return std::nullopt;
    case Outcome::kNotFound:
      if (!PastDeadline(intent)) {
        // Only until the bank's own deadline: it executes nothing that comes later.
        if (clock_.Now() < intent.record().deadline) open.step = Step::kSubmit;
        return std::nullopt;
      }
      open.step = Step::kInquire;
      if (auto capabilities = bank_.GetCapabilities();
          capabilities && capabilities->notfound_is_final) {
        return never_received;
      }
      base::LogAlarm("intent.needs_operator",
                     {{"payment_id", intent.payment_id()},
                      {"why", "the bank knows nothing of it and cannot say that this is final"}});
      return std::nullopt;
  }
  return std::nullopt;
}

// From here on nobody is told `pending` any more, so whether the mailbox must hear of
// it is settled.
Settler::Telling Settler::StartSettling(const std::string& payment_id) {
  base::MutexLock lock(mutex_);
  auto found = open_.find(payment_id);
  if (found == open_.end()) return {};
  found->second.settling = true;
  return {.mailbox = found->second.tell_mailbox, .forms = found->second.receipt_forms};
}

base::Status Settler::KeepOutcome(const Settlement& settlement) {
  base::Status kept = store_.RecordOutcome(settlement);
  if (!kept && kept.error().code != ErrorCode::kAlreadyExists) return kept;
  base::MutexLock lock(mutex_);
  if (auto found = open_.find(settlement.intent().payment_id()); found != open_.end()) {
    found->second.outcome_kept = true;
  }
  return kept;
}

void Settler::Settle(const Intent& intent, const FinalOutcome& outcome) {
  const Telling authoriser = StartSettling(intent.payment_id());
  const bool is_refund = intent.record().is_refund();
  const auto settlement = Settlement::Decide(intent, outcome, clock_.Now());
  // What a refund's results state of all refunds is decided with its outcome, inside the store.
  const base::Status kept = is_refund ? KeepOutcome(settlement) : base::Status();
  auto receipt = kept || kept.error().code == ErrorCode::kAlreadyExists
                     ? SignAndStore(settlement, authoriser)
                     : base::Result<std::string>(std::unexpected(kept.error()));
  if (!receipt && receipt.error().code != ErrorCode::kAlreadyExists) {
    base::LogError("settlement.delayed", {{"payment_id", intent.payment_id()},
                                          {"why", receipt.error().ToString()}});
    // The bank's word is safe at once; the signatures follow when the token is back.
    if (!is_refund && receipt.error().code != ErrorCode::kStoreUnavailable) {
      (void)KeepOutcome(settlement);
    }
    return Later(intent.payment_id(), Step::kInquire);
  }
  if (receipt) {
    base::MutexLock lock(mutex_);
    if (auto found = open_.find(intent.payment_id()); found != open_.end()) {
      found->second.receipt = std::move(*receipt);
    }
  }
  parking_.WakeAllHere(PaymentKey(intent.payment_id()));
  {
    base::MutexLock lock(mutex_);
    open_.erase(intent.payment_id());
  }
  base::LogInfo(is_refund ? "refund.settled" : "payment.settled",
                {{"payment_id", intent.payment_id()},
                 {"result", outcome.completed ? "completed" : "failed"},
                 {"amount", intent.record().amount.ToString()}});
  if (intent.record().is_claims_refund() && !outcome.completed) {
    base::LogAlarm("claim.refund_rejected", {{"payment_id", intent.record().refund_of},
                                             {"refund_id", intent.payment_id()},
                                             {"reason", outcome.reason}});
  }
  parking_.WakeAll(MailboxKey(intent.record().seller_id));
  parking_.WakeAll(MailboxKey(intent.record().buyer_id));
}

// To who authorised, and to the other side, who hears of it in the mailbox alone.
struct Settler::Statements {
  std::string_view receipt_typ, confirmation_typ, confirmation_member;
  std::string receipt, confirmation;  // payloads
  std::string authoriser_id, other_id;
};

// Paper 6.2.4: 4. PG → B: e_PB(T || s_PG(T result ID_B BBLK CSBLK)), 5. PG → S: likewise for S. Of
// a refund (protocol.md section 7) with the two in each other's place.
base::Result<Settler::Statements> Settler::StatementsOf(const Settlement& settlement) const {
  const storage::IntentRecord& intent = settlement.intent().record();
  const std::string& gateway_id = envelope_.keys()->id;
  if (intent.is_refund()) {
    ASSIGN_OR_RETURN(const auto refunds, payments_.Refunds(intent.refund_of));
    ASSIGN_OR_RETURN(auto results, FinalRefundResults(gateway_id, settlement, refunds));
    return Statements{protocol::kTypRefundReceipt,
                      protocol::kTypRefundConfirmation,
                      "refund_confirmation",
                      results.receipt.Print(),
                      results.confirmation.Print(),
                      intent.seller_id,
                      intent.buyer_id};
  }
  ASSIGN_OR_RETURN(ResultPayloads results, FinalResults(gateway_id, settlement));
  return Statements{protocol::kTypReceipt,
                    protocol::kTypPaymentConfirmation,
                    "confirmation",
                    results.receipt.Print(),
                    results.confirmation.Print(),
                    intent.buyer_id,
                    intent.seller_id};
}

// Both signatures in one trip to the token; outcome, results and deliveries in one durable batch.
base::Result<std::string> Settler::SignAndStore(const Settlement& settlement, Telling authoriser) {
  ASSIGN_OR_RETURN(const Statements said, StatementsOf(settlement));
  ASSIGN_OR_RETURN(auto jws,
                   envelope_.SignAll({{said.receipt_typ, said.receipt, authoriser.forms},
                                      {said.confirmation_typ, said.confirmation,
                                       readers_.Of(said.other_id)}}));
  std::vector<storage::Delivery> deliveries;
  const auto deliver = [&](const std::string& id, std::string_view member,
                           const std::string& statement) -> base::Status {
    ASSIGN_OR_RETURN(auto recipient, participants_.NewestEncryptionCertificate(id));
    ASSIGN_OR_RETURN(std::string jwe,
                     Envelope::Seal(recipient, protocol::PrintSingle(member, statement)));
    deliveries.push_back({id, std::move(jwe)});
    return {};
  };
  RETURN_IF_ERROR(deliver(said.other_id, said.confirmation_member, jws[1]));
  if (authoriser.mailbox) RETURN_IF_ERROR(deliver(said.authoriser_id, "receipt", jws[0]));
  RETURN_IF_ERROR(
      store_.Settle(settlement, {.receipt = jws[0], .confirmation = jws[1]}, deliveries));
  return std::move(jws[0]);
}

std::optional<std::string> Settler::FreshReceipt(const std::string& payment_id) const {
  base::MutexLock lock(mutex_);
  const auto found = open_.find(payment_id);
  if (found == open_.end() || found->second.receipt.empty()) return std::nullopt;
  return found->second.receipt;
}

base::Result<std::optional<std::string>> Settler::PendingReceipt(const Intent& intent) {
  protocol::JwsForms forms;
  {
    base::MutexLock lock(mutex_);
    auto found = open_.find(intent.payment_id());
    if (found == open_.end() || found->second.settling) return std::nullopt;
    found->second.tell_mailbox = true;
    forms = found->second.receipt_forms;
  }
  if (intent.record().is_refund()) {
    ASSIGN_OR_RETURN(const auto refunds, payments_.Refunds(intent.record().refund_of));
    ASSIGN_OR_RETURN(auto payload,
                     PendingRefundResult(envelope_.keys()->id, intent, refunds, clock_.Now()));
    ASSIGN_OR_RETURN(std::string jws,
                     envelope_.Sign(protocol::kTypRefundReceipt, payload.Print(), forms));
    return jws;
  }
  ASSIGN_OR_RETURN(auto payload, PendingResult(envelope_.keys()->id, intent, clock_.Now()));
  ASSIGN_OR_RETURN(std::string jws, envelope_.Sign(protocol::kTypReceipt, payload.Print(), forms));
  return jws;
}

void Settler::Later(const std::string& payment_id, Step step) {
  base::MutexLock lock(mutex_);
  auto found = open_.find(payment_id);
  if (found == open_.end()) return;
  found->second.settling = false;
  found->second.step = step;
  Schedule(payment_id, found->second);
}

void Settler::Schedule(const std::string& payment_id, Open& open) {
  const int doublings = std::min(open.attempts++, 10);
  const std::chrono::milliseconds wait = std::min<std::chrono::seconds>(
      limits_.inquiry_interval * (1 << doublings), kLongestInquiryInterval);
  // Up to a quarter more: what one outage left must not come back in step.
  const auto jitter = wait / 4 * static_cast<uint8_t>(base::RandomBytes(1)[0]) / 256;
  due_.emplace(clock_.Monotonic() + wait + jitter, payment_id);
}

}  // namespace paygate::gateway::engine
