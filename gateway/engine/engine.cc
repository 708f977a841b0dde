#include "gateway/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/log.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;

constexpr std::chrono::days kMailboxRetention{90};  // after acknowledgement (protocol.md section 8)
constexpr std::chrono::days kRefusalRetention{30};  // docs/decisions/0015
constexpr std::chrono::days kBegunRetention{90};    // a registration that was never completed
constexpr size_t kPurgedAtOnce = 1000;
constexpr size_t kBegunPurgedAtOnce = 100;  // two durable writes each
constexpr std::chrono::minutes kHousekeepingInterval{10};
constexpr std::chrono::seconds kHousekeepingPause{1};  // while there is more to forget
constexpr std::string_view kGatewayDocument = "/v1/gateway";
constexpr std::string_view kCertificates = "/v1/certificates/";
constexpr std::string_view kPostPaths[] = {
    "/v1/registrations",       "/v1/renewals",             "/v1/revocations",
    "/v1/seller-blocks",       "/v1/seller-blocks/cancel", "/v1/seller-blocks/challenge",
    "/v1/payments",            "/v1/payments/challenge",   "/v1/refunds",
    "/v1/refunds/challenge",   "/v1/refund-claims",        "/v1/refund-claims/answer",
    "/v1/mailbox",             "/v1/ocsp"};
constexpr std::string_view kCrls = "/v1/crl";
constexpr std::string_view kOcsp = "/v1/ocsp/";

// /v1/crl, or below it.
bool IsCrl(std::string_view path) {
  return path == kCrls || (path.starts_with(kCrls) && path[kCrls.size()] == '/');
}

// Answers for what is no message at all; nullopt: go on.
std::optional<base::Error> CheckRoute(const Request& request) {
  const bool read = request.path == kGatewayDocument || request.path.starts_with(kCertificates) ||
                    IsCrl(request.path) || request.path.starts_with(kOcsp);
  const bool post = std::ranges::find(kPostPaths, request.path) != std::end(kPostPaths);
  if (!read && !post) return base::Error{ErrorCode::kNotFound, "no such path"};
  if (request.method == (read ? Method::kGet : Method::kPost)) return std::nullopt;
  return base::Error{ErrorCode::kMethodNotAllowed, "another method belongs to this path"};
}

Limits LimitsOf(const Config::Engine& config) {
  return {.handshake_lifetime = config.handshake_lifetime_s,
          .csblk_lifetime = config.csblk_lifetime_s,
          .clock_skew = config.clock_skew_s,
          .payment_wait = config.payment_wait_s,
          .bank_deadline = config.bank_deadline_s,
          .inquiry_interval = config.inquiry_interval_s,
          .gateway_document_lifetime = config.gateway_document_lifetime_s,
          .certificate_lifetime = config.certificate_lifetime_s,
          .notices_interval = config.notices_interval_s,
          .reconciliation_interval = config.reconciliation_interval_s,
          .currencies = {config.currencies.begin(), config.currencies.end()}};
}

}  // namespace

Engine::Engine(const Config& config, const base::Clock& clock, const KeysInForce& keys,
               StorageKeys& storage_keys, storage::Store& store, bank::Bank& bank)
    : clock_(clock),
      store_(store),
      storage_keys_(storage_keys),
      limits_(LimitsOf(config.engine)),
      intake_(config.InProgress()),
      workers_("worker", config.engine.workers, config.engine.queue),
      strangers_("stranger", std::max(1u, config.engine.workers / 2), config.engine.queue),
      envelope_(keys, config.engine.batch_signatures),
      participants_(clock, keys, store.certificates()),
      messages_(clock, envelope_, participants_, store.refusals(), readers_),
      parking_(workers_, config.engine.parked),
      settler_(clock, envelope_, participants_, readers_, store.authorisations(),
               store.payments(), bank, storage_keys, parking_, workers_, limits_),
      awaiting_(clock, participants_, store.payments(), settler_, parking_, limits_),
      challenge_(clock, envelope_, participants_, handshakes_, limits_),
      issuance_(clock, envelope_, limits_, config.engine.public_url),
      registration_(clock, envelope_, issuance_, store.registrations(), bank, workers_, limits_),
      renewal_(clock, envelope_, messages_, issuance_, store.registrations(),
               store.certificates(), bank, workers_, limits_),
      seller_certification_(clock, envelope_, messages_, participants_, store.csblks(), bank,
                            workers_, limits_),
      payment_({.clock = clock,
                .envelope = envelope_,
                .messages = messages_,
                .participants = participants_,
                .csblks = store.csblks(),
                .authorisations = store.authorisations(),
                .payments = store.payments(),
                .bank = bank,
                .storage_keys = storage_keys,
                .settler = settler_,
                .awaiting = awaiting_,
                .limits = limits_}),
      refund_({.clock = clock,
               .envelope = envelope_,
               .messages = messages_,
               .authorisations = store.authorisations(),
               .payments = store.payments(),
               .bank = bank,
               .storage_keys = storage_keys,
               .settler = settler_,
               .awaiting = awaiting_,
               .limits = limits_}),
      claim_messages_({.clock = clock,
                       .envelope = envelope_,
                       .messages = messages_,
                       .participants = participants_,
                       .payments = store.payments(),
                       .csblks = store.csblks(),
                       .claims = store.claims(),
                       .parking = parking_,
                       .limits = limits_}),
      claim_executor_({.clock = clock,
                       .envelope = envelope_,
                       .participants = participants_,
                       .claims = store.claims(),
                       .authorisations = store.authorisations(),
                       .returns = {.clock = clock,
                                   .payments = store.payments(),
                                   .bank = bank,
                                   .storage_keys = storage_keys,
                                   .limits = limits_},
                       .settler = settler_,
                       .parking = parking_,
                       .workers = workers_}),
      mailbox_(clock, envelope_, messages_, store.mailbox(), parking_, limits_),
      revocation_(clock, envelope_, messages_, store.certificates(), limits_),
      bank_notices_(clock, store.bank_notices(), bank, workers_, limits_.notices_interval),
      reconciler_(clock, store.reconciliation(), store.payments(), bank, settler_, workers_,
                  limits_.clock_skew, limits_.reconciliation_interval),
      documents_(clock, envelope_, limits_),
      crls_(clock, envelope_, store.statuses(), workers_, config.engine.public_url),
      ocsp_(clock, envelope_, store.statuses()),
      audit_(clock, keys, store.audit(), workers_, config.engine.checkpoint_interval_s),
      evidence_(clock, envelope_, store, audit_, ocsp_) {}

Engine::~Engine() { Drain(); }

void Engine::Recover() { settler_.Recover(); }

void Engine::Handle(Request request, Reply reply) {
  // Nothing can be promised any more: say so before a token operation is spent.
  if (!store_.Healthy()) {
    return reply.Problem({ErrorCode::kStoreUnavailable, "a write failed; restart the engine"});
  }
  if (auto wrong = CheckRoute(request)) return reply.Problem(*wrong);
  // Nor can anything be opened or signed: said before any bank hears of it, and without a try.
  const bool in_memory = request.path.starts_with(kCertificates) || IsCrl(request.path) ||
                         request.path.starts_with(kOcsp) || request.path == "/v1/ocsp";
  if (!envelope_.keys()->available() && !in_memory) {
    return reply.Problem({ErrorCode::kTokenUnavailable, "no token process serves"});
  }
  if (request.method == Method::kPost) return Post(std::move(request), std::move(reply));
  Get(request, std::move(reply));
}

void Engine::Get(const Request& request, Reply reply) {
  if (request.path == kGatewayDocument) {
    return RunStranger(Precedence::kGoesOn, request.source, std::move(reply),
                       [this](Reply r) { documents_.Gateway(std::move(r)); });
  }
  if (request.path.starts_with(kOcsp)) {
    return RunStranger(Precedence::kGoesOn, request.source, std::move(reply),
                       [this, text = request.path.substr(kOcsp.size()),
                        source = request.source](Reply r) {
                         ocsp_.Get(text, source, std::move(r));
                       });
  }
  const std::string_view path = request.path;
  if (IsCrl(path)) return crls_.Get(path.substr(kCrls.size()), request.source, std::move(reply));
  documents_.CertificateChain(path.substr(kCertificates.size()), std::move(reply));
}

void Engine::Post(Request request, Reply reply) {
  const std::string path = std::move(request.path), source = std::move(request.source);
  if (path == "/v1/payments") {
    request.source = source;
    return PostAnswer(Phase::kPayment, std::move(request), std::move(reply), payment_,
                      &Payment::Authorise);
  }
  if (path == "/v1/refunds") {
    request.source = source;
    return PostAnswer(Phase::kRefund, std::move(request), std::move(reply), refund_,
                      &Refund::Authorise);
  }
  if (path == "/v1/seller-blocks") {
    request.source = source;
    return PostAnswer(Phase::kSellerBlock, std::move(request), std::move(reply),
                      seller_certification_, &SellerCertification::Confirm);
  }
  auto run = [&](auto& handler, auto method) {
    RunStranger(PrecedenceOf(path), source, std::move(reply),
                [&handler, method, body = std::move(request.body)](Reply r) {
                  (handler.*method)(body, std::move(r));
                });
  };
  if (path == "/v1/payments/challenge") return run(challenge_, &Challenge::Payment);
  if (path == "/v1/refunds/challenge") return run(challenge_, &Challenge::Refund);
  if (path == "/v1/seller-blocks/challenge") return run(challenge_, &Challenge::SellerBlock);
  if (path == "/v1/seller-blocks/cancel") {
    return run(seller_certification_, &SellerCertification::Cancel);
  }
  if (path == "/v1/refund-claims") return run(claim_messages_, &ClaimMessages::File);
  if (path == "/v1/refund-claims/answer") return run(claim_messages_, &ClaimMessages::Answer);
  if (path == "/v1/registrations") return run(registration_, &Registration::Register);
  if (path == "/v1/renewals") return run(renewal_, &Renewal::Renew);
  if (path == "/v1/revocations") return run(revocation_, &Revocation::Revoke);
  if (path == "/v1/ocsp") {
    return RunStranger(Precedence::kGoesOn, source, std::move(reply),
                       [this, source, body = std::move(request.body)](Reply r) {
                         ocsp_.Post(body, source, std::move(r));
                       });
  }
  run(mailbox_, &Mailbox::Read);
}

// Message 3 of each phase: the handshake decides the lane, before any private-key operation.
template <typename Answerer>
void Engine::PostAnswer(Phase phase, Request request, Reply reply, Answerer& answerer,
                        void (Answerer::*answer)(protocol::ParsedJwe, base::Result<Handshake>,
                                                 Reply)) {
  auto jwe = envelope_.Parse(request.body, "handshake");
  if (!jwe) return reply.Problem(jwe.error());
  const base::UnixTime now = clock_.Now();
  auto handshake = handshakes_.Open(jwe->extra.value, phase, now);
  const std::optional<Handshake> pass =
      handshake && passes_.Take(*handshake, now) ? std::optional(*handshake) : std::nullopt;
  auto handler = [&answerer, answer, jwe = std::move(*jwe),
                  handshake = std::move(handshake)](Reply r) mutable {
    (answerer.*answer)(std::move(jwe), std::move(handshake), std::move(r));
  };
  if (pass) {
    if (!RunKnown(pass->participant_id, std::move(reply), std::move(handler))) {
      passes_.GiveBack(*pass);
    }
    return;
  }
  RunStranger(Precedence::kGoesOn, request.source, std::move(reply), std::move(handler));
}

base::Status Engine::RunShared(base::WorkerPool& lane, Shares& shares, size_t share,
                               const std::string& client, const std::shared_ptr<Reply>& reply,
                               Handler handler) {
  if (!shares.Take(client, share)) {
    return base::Fail(ErrorCode::kRateLimited, "too many requests of this client at once");
  }
  auto taken = lane.TrySubmit([&shares, client, reply, handler = std::move(handler)]() mutable {
    handler(std::move(*reply));
    shares.GiveBack(client);
  });
  if (!taken) shares.GiveBack(client);
  return taken;
}

bool Engine::RunKnown(const std::string& participant_id, Reply reply, Handler handler) {
  auto shared = std::make_shared<Reply>(std::move(reply));
  auto taken = RunShared(workers_, of_participant_, intake_.Share(), participant_id, shared,
                         std::move(handler));
  if (!taken) Refuse(*shared, taken.error());
  return taken.has_value();
}

void Engine::RunStranger(Precedence precedence, const std::string& source, Reply reply,
                         Handler handler) {
  const auto share = intake_.Admit(precedence, InProgress(), clock_.Monotonic());
  if (!share) return Refuse(reply, share.error());
  auto shared = std::make_shared<Reply>(std::move(reply));
  auto taken = RunShared(strangers_, of_source_, *share, source, shared, std::move(handler));
  if (!taken) Refuse(*shared, taken.error());
}

size_t Engine::InProgress() const { return workers_.in_progress() + strangers_.in_progress(); }

void Engine::Refuse(Reply& reply, const base::Error& error) {
  intake_.CountRefusal(error.code);
  reply.ProblemUnlogged(error);
}

void Engine::Tick() {
  const base::MonotonicTime now = clock_.Monotonic();
  intake_.Look(InProgress(), now);
  intake_.LogRefusals(now);
  parking_.Expire(now);
  const bool token_served = std::exchange(token_serves_, envelope_.keys()->available());
  if (token_serves_ && !token_served) settler_.TokenIsBack();
  settler_.Tick();
  crls_.Tick();
  bank_notices_.Tick();
  reconciler_.Tick();
  audit_.Tick();
  claim_executor_.Tick();
  if (now < housekeep_at_) return;
  const bool more = Housekeep();
  housekeep_at_ = now + (more ? kHousekeepingPause : kHousekeepingInterval);
}

bool Engine::Housekeep() {
  if (auto done = storage_keys_.DestroyAllBut(store_.payments().PreparedKeysInUse()); !done) {
    base::LogError("storage_keys.housekeeping", {{"why", done.error().ToString()}});
  }
  const base::UnixTime now = clock_.Now();
  const auto purged = [](const char* what, base::Result<size_t> count, size_t limit) {
    if (!count) base::LogError(what, {{"why", count.error().ToString()}});
    return count && *count == limit;
  };
  bool more = purged("mailbox.housekeeping",
                     store_.mailbox().Purge(now - kMailboxRetention, kPurgedAtOnce),
                     kPurgedAtOnce);
  more |= purged("refusals.housekeeping",
                 store_.refusals().Purge(now - kRefusalRetention, kPurgedAtOnce), kPurgedAtOnce);
  more |= purged("registrations.housekeeping",
                 store_.registrations().PurgeBegun(now - kBegunRetention, kBegunPurgedAtOnce),
                 kBegunPurgedAtOnce);
  return more;
}

void Engine::Drain() {
  strangers_.Drain();
  parking_.ReleaseAll();
  workers_.Drain();
}

}  // namespace paygate::gateway::engine
