#include "bank/host/host.h"

#include <algorithm>

#include "base/log.h"
#include "base/secret_bytes.h"

namespace paygate::bank::host {
namespace {

using base::MutexLock;

constexpr size_t kMaxReason = 35;

// done() has no room for a pointer of ours: the ctx is a number. One host in a process.
std::atomic<Calls*> the_calls = nullptr;

std::string Short(const char* text, size_t limit) {
  std::string s = text ? text : "";
  if (s.size() > limit) s.resize(limit);
  return s;
}

std::optional<Calls::Result> ToAnswer(const paygate_bank_result* r) {
  if (!r || r->size < offsetof(paygate_bank_result, evidence_size) + sizeof(size_t) ||
      r->outcome < PAYGATE_BANK_COMPLETED || r->outcome > PAYGATE_BANK_BUSY)
    return std::nullopt;
  if (r->evidence_size > kMaxEvidenceBytes) return std::nullopt;
  Answer a{.outcome = static_cast<Outcome>(r->outcome)};
  if (a.outcome == Outcome::kRejected) a.reason = Short(r->reason, kMaxReason);
  if (a.outcome == Outcome::kCompleted)
    a.bank_reference = Short(r->bank_reference, kMaxReferenceBytes);
  if (r->evidence) a.evidence.assign(reinterpret_cast<const char*>(r->evidence), r->evidence_size);
  return a;
}

std::optional<Calls::Result> ToVerification(const paygate_bank_verification* v) {
  if (!v || v->size < offsetof(paygate_bank_verification, currency) + sizeof(char*) ||
      v->verdict < PAYGATE_BANK_VERIFIED || v->verdict > PAYGATE_BANK_NO_ANSWER)
    return std::nullopt;
  Verification out{.verdict = static_cast<Verdict>(v->verdict)};
  out.reason = Short(v->reason, kMaxReason);
  out.currency = Short(v->currency, 3);
  return out;
}

// Printable without spaces, and not empty.
bool IsWord(const char* text, size_t most) {
  const std::string_view word = text ? text : "";
  return !word.empty() && word.size() <= most &&
         std::ranges::all_of(word, [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<Notice> ToNotice(const paygate_bank_notice* n) {
  if (!n || n->size < offsetof(paygate_bank_notice, participant_id) + sizeof(char*) ||
      !n->cursor || !n->participant_id || n->kind < PAYGATE_BANK_REVOKE ||
      n->kind > PAYGATE_BANK_ACCOUNT_CLOSED || n->reason < PAYGATE_BANK_KEY_COMPROMISE ||
      n->reason > PAYGATE_BANK_SUPERSEDED)
    return std::nullopt;
  if (!IsWord(n->cursor, kMaxCursorBytes) || !IsWord(n->participant_id, kMaxParticipantIdBytes))
    return std::nullopt;
  return Notice{.cursor = n->cursor,
                .account_closed = n->kind == PAYGATE_BANK_ACCOUNT_CLOSED,
                .reason = static_cast<NoticeReason>(n->reason),
                .participant_id = n->participant_id};
}

// One notice that is none spoils the list: to pass over it could leave a thief at large.
std::optional<Calls::Result> ToNotices(const paygate_bank_notice_list* l) {
  if (!l || l->size < offsetof(paygate_bank_notice_list, notices) + sizeof(void*) ||
      l->count > kMaxNotices || (l->count > 0 && !l->notices))
    return std::nullopt;
  Notices notices{.answered = l->answered != 0};
  for (uint32_t i = 0; notices.answered && i < l->count; ++i) {
    auto notice = ToNotice(l->notices[i]);
    if (!notice) return std::nullopt;
    notices.list.push_back(std::move(*notice));
  }
  return notices;
}

std::optional<Booking> ToBooking(const paygate_bank_booking* b) {
  if (!b || b->size < offsetof(paygate_bank_booking, booked) + sizeof(b->booked) ||
      b->kind < PAYGATE_BANK_BOOKED_TRANSFER || b->kind > PAYGATE_BANK_BOOKED_RETURN ||
      !IsWord(b->id, kMaxBookingIdBytes) || !IsWord(b->currency, 3) ||
      std::string_view(b->currency).size() != 3 || b->amount_minor_units <= 0)
    return std::nullopt;
  const std::string_view reference = b->bank_reference ? b->bank_reference : "";
  if (reference.size() > kMaxReferenceBytes) return std::nullopt;
  return Booking{.id = b->id,
                 .is_return = b->kind == PAYGATE_BANK_BOOKED_RETURN,
                 .minor_units = b->amount_minor_units,
                 .currency = b->currency,
                 .bank_reference = std::string(reference),
                 .booked = base::FromNumericDate(b->booked)};
}

// As with notices: a page from which one booking was dropped would say that it is not there.
std::optional<Calls::Result> ToStatement(const paygate_bank_statement_page* p) {
  using Page = paygate_bank_statement_page;
  if (!p || p->size < offsetof(Page, complete_until) + sizeof(p->complete_until) ||
      p->count > kMaxBookings || (p->count > 0 && !p->bookings))
    return std::nullopt;
  if (!p->answered) return StatementPage{};
  if (!IsWord(p->cursor, kMaxCursorBytes)) return std::nullopt;
  StatementPage page{.answered = true,
                     .cursor = p->cursor,
                     .more = p->more != 0,
                     .complete_until = base::FromNumericDate(p->complete_until)};
  for (uint32_t i = 0; i < p->count; ++i) {
    auto booking = ToBooking(p->bookings[i]);
    if (!booking) return std::nullopt;
    page.bookings.push_back(std::move(*booking));
  }
  return page;
}

void Stated(void* ctx, const paygate_bank_statement_page* p) {
  the_calls.load()->Complete(ctx, ToStatement(p));
}
void Noticed(void* ctx, const paygate_bank_notice_list* l) {
  the_calls.load()->Complete(ctx, ToNotices(l));
}
void Done(void* ctx, const paygate_bank_result* r) { the_calls.load()->Complete(ctx, ToAnswer(r)); }
void Verified(void* ctx, const paygate_bank_verification* v) {
  the_calls.load()->Complete(ctx, ToVerification(v));
}

// Both of prepare's callbacks get one ctx; each keeps the last it was given, within its bound.
struct Prepared {
  std::string bytes;
  std::string sentence = "it gave no reason";
};
void KeepBytes(void* ctx, const uint8_t* bytes, size_t size) {
  if (bytes && size <= kMaxPreparedBytes)
    static_cast<Prepared*>(ctx)->bytes.assign(reinterpret_cast<const char*>(bytes), size);
}
void KeepSentence(void* ctx, const uint8_t* bytes, size_t size) {
  if (bytes)
    static_cast<Prepared*>(ctx)->sentence.assign(reinterpret_cast<const char*>(bytes),
                                                 std::min<size_t>(size, 1024));
}

// A NUL-terminated copy for the C side, cleansed afterwards: one of them is the enrolment code.
class CText {
 public:
  explicit CText(std::string_view text) : text_(text) {}
  ~CText() { base::Cleanse(text_.data(), text_.size()); }
  CText(const CText&) = delete;
  const char* get() const { return text_.c_str(); }

 private:
  std::string text_;
};

const uint8_t* Raw(std::string_view s) { return reinterpret_cast<const uint8_t*>(s.data()); }

}  // namespace

Host::Host(Plugin& plugin, base::Listener& listener, HostOptions options, const base::Clock& clock)
    : plugin_(plugin),
      listener_(listener),
      options_(std::move(options)),
      calls_(clock, options_.max_in_flight, options_.answer_deadline) {
  the_calls = &calls_;
  acceptor_ = std::thread([this] { AcceptAll(); });
}

Host::~Host() { Stop(); }

void Host::AcceptAll() {
  for (;;) {
    auto channel = listener_.Accept();
    if (!channel) {
      if (channel.error().code == base::ErrorCode::kClosed) return;
      base::LogError("host.accept_failed", {{"error", channel.error().ToString()}});
      continue;
    }
    if (!Admit(**channel)) continue;
    MutexLock lock(mutex_);
    ReapLocked();
    if (draining_ || connections_.size() >= options_.max_connections) {
      base::LogWarning("host.connection_refused", {{"connections", connections_.size()}});
      continue;
    }
    Connection& c = connections_.emplace_back();
    c.channel = std::move(*channel);
    c.thread = std::thread([this, &c] {
      Serve(c);
      c.done = true;
    });
  }
}

bool Host::Admit(const base::Channel& channel) {
  auto peer = channel.Peer();
  if (peer && options_.allowed_uids.contains(peer->uid)) return true;
  base::LogWarning("host.peer_refused",
                   {{"uid", peer ? std::to_string(peer->uid) : "unknown"},
                    {"hint", "start paygate-bank with --allow-uid to serve this user"}});
  return false;
}

void Host::ReapLocked() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (!it->done) {
      ++it;
      continue;
    }
    it->thread.join();
    it = connections_.erase(it);
  }
}

void Host::Serve(Connection& connection) {
  const auto channel = connection.channel;
  if (!channel->Send(EncodeHello({plugin_.name(), plugin_.capabilities()}))) return;
  for (;;) {
    auto frame = channel->Receive();
    if (!frame) break;
    auto request = DecodeRequest(*frame);
    if (!request) {
      base::LogError("host.request_malformed", {{"error", request.error().ToString()}});
      break;
    }
    Handle(channel, *request);
    base::Cleanse(frame->data(), frame->size());
  }
  channel->Close();
}

void Host::Handle(const std::shared_ptr<base::Channel>& channel, const Request& request) {
  const uint64_t id = request.id;
  // A reply that cannot be sent is not lost: the engine asks again with status.
  auto deliver = [channel, id](Calls::Result result) {
    Reply reply{.id = id};
    std::visit([&](auto& r) { reply.body = std::move(r); }, result);
    if (!channel->Send(EncodeReply(reply))) channel->Close();
  };
  if (request.kind == RequestKind::kHealth) {
    const bool healthy = !draining_ && plugin_.table().health(plugin_.handle()) == 0;
    if (!channel->Send(EncodeReply({id, HealthReply{healthy}}))) channel->Close();
    return;
  }
  if (request.kind == RequestKind::kPrepare || request.kind == RequestKind::kPrepareReturn) {
    return Prepare(*channel, request);
  }
  const bool verify =
      request.kind == RequestKind::kVerifyAccount || request.kind == RequestKind::kVerifyEnrolment;
  if (draining_) {
    if (verify) return deliver(Verification{});
    if (request.kind == RequestKind::kNotices) return deliver(Notices{});
    if (request.kind == RequestKind::kStatement) return deliver(StatementPage{});
    return deliver(Answer{.outcome = Outcome::kBusy});
  }
  const auto kind = verify                                    ? Calls::Kind::kVerify
                    : request.kind == RequestKind::kNotices   ? Calls::Kind::kNotices
                    : request.kind == RequestKind::kStatement ? Calls::Kind::kStatement
                    : request.kind == RequestKind::kSubmit    ? Calls::Kind::kSubmit
                                                              : Calls::Kind::kStatus;
  calls_.Start(kind, std::move(deliver),
               [this, &request](void* ctx) { return StartInPlugin(request, ctx); });
}

// noexcept: a plugin that lets an exception out ends the process, and what is in flight is unknown.
int Host::StartInPlugin(const Request& r, void* ctx) noexcept {
  const paygate_bank_adapter_v1& t = plugin_.table();
  paygate_bank* bank = plugin_.handle();
  switch (r.kind) {
    case RequestKind::kSubmit:
      return t.submit(bank, Raw(r.prepared), r.prepared.size(), Done, ctx);
    case RequestKind::kStatus:
      return t.status(bank, Raw(r.prepared), r.prepared.size(), Done, ctx);
    case RequestKind::kVerifyAccount:
      return t.verify_account(bank, CText(r.account).get(), CText(r.participant_id).get(), Verified,
                              ctx);
    case RequestKind::kVerifyEnrolment:
      if (!plugin_.capabilities().enrolment) return PAYGATE_BANK_E_INPUT;
      return t.verify_enrolment(bank, CText(r.account).get(), CText(r.enrolment_code).get(),
                                CText(r.registration_digest).get(), CText(r.participant_id).get(),
                                Verified, ctx);
    case RequestKind::kNotices:
      if (!plugin_.capabilities().notices) return PAYGATE_BANK_E_INPUT;
      return t.notices(bank, CText(r.cursor).get(), Noticed, ctx);
    case RequestKind::kStatement:
      if (!plugin_.capabilities().statement) return PAYGATE_BANK_E_INPUT;
      return t.statement(bank, CText(r.cursor).get(), Stated, ctx);
    default:
      return PAYGATE_BANK_E_INPUT;
  }
}

int Host::PrepareInPlugin(const Request& r, void* ctx) noexcept {
  const CText payment_id(r.payment_id), currency(r.currency);
  if (r.kind == RequestKind::kPrepareReturn) {
    if (!plugin_.capabilities().returns) return PAYGATE_BANK_E_INPUT;
    const CText refund_id(r.refund_id), bank_reference(r.bank_reference);
    const paygate_bank_return ret{.size = sizeof(paygate_bank_return),
                                  .refund_id = refund_id.get(),
                                  .payment_id = payment_id.get(),
                                  .bank_reference = bank_reference.get(),
                                  .amount_minor_units = r.amount_minor_units,
                                  .currency = currency.get(),
                                  .fraction_digits = r.fraction_digits,
                                  .deadline = r.deadline,
                                  .created = r.created};
    return plugin_.table().prepare_return(plugin_.handle(), &ret, KeepBytes, KeepSentence, ctx);
  }
  const CText debtor(r.debtor_account), creditor(r.creditor_account), remittance(r.remittance);
  const paygate_bank_transfer transfer{.size = sizeof(paygate_bank_transfer),
                                       .payment_id = payment_id.get(),
                                       .debtor_account = debtor.get(),
                                       .creditor_account = creditor.get(),
                                       .amount_minor_units = r.amount_minor_units,
                                       .currency = currency.get(),
                                       .fraction_digits = r.fraction_digits,
                                       .remittance = remittance.get(),
                                       .deadline = r.deadline,
                                       .created = r.created};
  return plugin_.table().prepare(plugin_.handle(), &transfer, KeepBytes, KeepSentence, ctx);
}

void Host::Prepare(base::Channel& channel, const Request& r) {
  Prepared out;
  const int refused = PrepareInPlugin(r, &out);
  Reply reply{.id = r.id, .body = RefusedReply{out.sentence}};
  if (refused == 0 && out.bytes.empty())
    reply.body = RefusedReply{"it prepared nothing, or more than the bound"};
  else if (refused == 0)
    reply.body = PreparedReply{std::move(out.bytes)};
  if (!channel.Send(EncodeReply(reply))) channel.Close();
}

void Host::Stop() {
  if (!acceptor_.joinable()) return;
  draining_ = true;
  listener_.Close();
  acceptor_.join();
  plugin_.table().drain(plugin_.handle());
  MutexLock lock(mutex_);
  for (Connection& c : connections_) c.channel->Close();
  for (Connection& c : connections_) c.thread.join();
  connections_.clear();
}

}  // namespace paygate::bank::host
