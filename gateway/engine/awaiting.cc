#include "gateway/engine/awaiting.h"

#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using storage::Intent;

bool Awaiting::AnswerSeenBefore(const std::string& payment_id, Reply& reply) {
  auto payment = payments_.Find(payment_id);
  if (!payment) {
    reply.Problem(payment.error());
    return true;
  }
  if (!*payment) return false;
  if (!(*payment)->results.receipt.empty()) {
    AnswerReceipt((*payment)->intent.record().reply_certificate, 201,
                  (*payment)->results.receipt, reply);
  } else {
    AwaitOpen((*payment)->intent, clock_.Monotonic() + limits_.payment_wait, std::move(reply));
  }
  return true;
}

void Awaiting::Await(const Intent& intent, Reply reply) {
  Park(intent, clock_.Monotonic() + limits_.payment_wait, std::move(reply));
}

void Awaiting::Park(const Intent& intent, base::MonotonicTime deadline, Reply reply) {
  parking_.Park(Settler::PaymentKey(intent.payment_id()), deadline,
                [this, payment_id = intent.payment_id(),
                 reply_certificate = intent.record().reply_certificate,
                 reply = std::move(reply)](Wake wake) mutable {
                  // Mostly it was settled this moment: then the store need not be read.
                  if (auto receipt = settler_.FreshReceipt(payment_id)) {
                    return AnswerReceipt(reply_certificate, 201, *receipt, reply);
                  }
                  AnswerNow(payment_id, wake, std::move(reply));
                });
}

// For a payment that was found open a moment ago: settled between the look into the store and the
// parking, nobody else would wake it.
void Awaiting::AwaitOpen(const Intent& intent, base::MonotonicTime deadline, Reply reply) {
  Park(intent, deadline, std::move(reply));
  if (auto payment = payments_.Find(intent.payment_id());
      payment && *payment && !(*payment)->results.receipt.empty()) {
    parking_.WakeAll(Settler::PaymentKey(intent.payment_id()));
  }
}

// Paper 6.2.4: 4. PG → B: e_PB(T || s_PG(T result ID_B BBLK CSBLK))
void Awaiting::AnswerNow(const std::string& payment_id, Wake wake, Reply reply) {
  auto payment = payments_.Find(payment_id);
  if (!payment) return reply.Problem(payment.error());
  if (!*payment) return reply.Problem({ErrorCode::kInternal, "a durable intent is not there"});
  const Intent& intent = (*payment)->intent;
  if (!(*payment)->results.receipt.empty()) {
    return AnswerReceipt(intent.record().reply_certificate, 201, (*payment)->results.receipt,
                         reply);
  }
  if (wake == Wake::kTimedOut) {
    auto pending = settler_.PendingReceipt(intent);
    // Taken is taken: while the token is away who authorised waits on and is told no error.
    const bool wait_on = !pending && pending.error().code == ErrorCode::kTokenUnavailable &&
                         parking_.HasRoom();
    if (!pending && !wait_on) return reply.Problem(pending.error());
    if (pending && *pending) {
      return AnswerReceipt(intent.record().reply_certificate, 202, **pending, reply);
    }
  }
  // It is being settled this moment, or the token is away.
  AwaitOpen(intent, clock_.Monotonic() + std::chrono::seconds(1), std::move(reply));
}

void Awaiting::AnswerReceipt(std::string_view reply_certificate, uint32_t status,
                             std::string_view receipt, Reply& reply) const {
  auto recipient = participants_.EncryptionCertificateOf(reply_certificate);
  if (!recipient) return reply.Problem(recipient.error());
  SignedMessages::Answer(*recipient, status, protocol::PrintSingle("receipt", receipt), reply);
}

}  // namespace paygate::gateway::engine
