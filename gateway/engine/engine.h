// The engine: one handler for each message of the paper, and the two lanes on which they run.
//
// Lanes (protocol.md section 1, rule 10): a message with a valid handshake that was not used before
// runs on any worker; all others share at most half of them, so that strangers cannot starve
// payments that are under way. How much is in progress is bounded (intake.h), and of it how much
// one source or participant has: beyond, 503 or 429 before any token operation is spent.
// Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "gateway/config.h"
#include "gateway/engine/intake.h"
#include "gateway/engine/awaiting.h"
#include "gateway/engine/bank_notices.h"
#include "gateway/engine/challenge.h"
#include "gateway/engine/claim_executor.h"
#include "gateway/engine/claim_messages.h"
#include "gateway/engine/crls.h"
#include "gateway/engine/audit_keeper.h"
#include "gateway/engine/documents.h"
#include "gateway/engine/evidence.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/issuance.h"
#include "gateway/engine/keys.h"
#include "gateway/engine/mailbox.h"
#include "gateway/engine/ocsp.h"
#include "gateway/engine/parking.h"
#include "gateway/engine/payment.h"
#include "gateway/engine/reconciler.h"
#include "gateway/engine/reader_forms.h"
#include "gateway/engine/refund.h"
#include "gateway/engine/registration.h"
#include "gateway/engine/renewal.h"
#include "gateway/engine/revocation.h"
#include "gateway/engine/seller_certification.h"
#include "gateway/engine/settler.h"
#include "gateway/engine/shares.h"
#include "gateway/engine/storage_keys.h"
#include "gateway/frames.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Engine {
 public:
  // All borrowed; everything outlives the engine.
  Engine(const Config& config, const base::Clock& clock, const KeysInForce& keys,
         StorageKeys& storage_keys, storage::Store& store, bank::Bank& bank);
  ~Engine();

  // Takes up every open intent. Before the first Handle.
  void Recover();
  // Answers through the reply, now or later.
  void Handle(Request request, Reply reply);
  // Every 50 ms or so: time-outs, inquiries; rarely: expired keys and messages.
  void Tick();
  AuditKeeper& audit() { return audit_; }
  ClaimExecutor& claims() { return claim_executor_; }
  EvidenceExport& evidence() { return evidence_; }
  Reconciler& reconciler() { return reconciler_; }
  // Refuses new requests, answers who waits, finishes what runs.
  void Drain();

 private:
  using Handler = std::move_only_function<void(Reply)>;
  void Get(const Request& request, Reply reply);
  void Post(Request request, Reply reply);
  void RunStranger(Precedence precedence, const std::string& source, Reply reply, Handler handler);
  // false: the lane, or this participant's share of it, is full, and that is answered.
  bool RunKnown(const std::string& participant_id, Reply reply, Handler handler);
  static base::Status RunShared(base::WorkerPool& lane, Shares& shares, size_t share,
                                const std::string& client, const std::shared_ptr<Reply>& reply,
                                Handler handler);
  void Refuse(Reply& reply, const base::Error& error);
  size_t InProgress() const;  // requests and what else the workers do
  template <typename Answerer>
  void PostAnswer(Phase phase, Request request, Reply reply, Answerer& answerer,
                  void (Answerer::*answer)(protocol::ParsedJwe, base::Result<Handshake>, Reply));
  bool Housekeep();  // a bounded step; true: there is more

  const base::Clock& clock_;
  storage::Store& store_;
  StorageKeys& storage_keys_;
  const Limits limits_;
  Intake intake_;
  base::WorkerPool workers_;    // answers with a handshake, settlements, bank's answers
  base::WorkerPool strangers_;  // everything else
  Shares of_source_;       // of the strangers' lane
  Shares of_participant_;  // of the lane of answers: nobody's answers keep out everybody else's
  base::MonotonicTime housekeep_at_{};  // of the ticker
  bool token_serves_ = true;            // of the ticker: at its last look

  Envelope envelope_;
  Participants participants_;
  ReaderForms readers_;
  Handshakes handshakes_;
  LanePasses passes_;
  SignedMessages messages_;
  Parking parking_;
  Settler settler_;
  Awaiting awaiting_;
  Challenge challenge_;
  Issuance issuance_;
  Registration registration_;
  Renewal renewal_;
  SellerCertification seller_certification_;
  Payment payment_;
  Refund refund_;
  ClaimMessages claim_messages_;
  ClaimExecutor claim_executor_;
  Mailbox mailbox_;
  Revocation revocation_;
  BankNotices bank_notices_;
  Reconciler reconciler_;
  Documents documents_;
  Crls crls_;
  Ocsp ocsp_;
  AuditKeeper audit_;
  EvidenceExport evidence_;
};

}  // namespace paygate::gateway::engine
