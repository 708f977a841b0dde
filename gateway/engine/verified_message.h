// The steps that every signed message of a participant goes through, and the signed refusal that a
// message gets once its signature has verified (protocol.md section 9). Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/participants.h"
#include "gateway/engine/reader_forms.h"
#include "gateway/engine/reply.h"
#include "protocol/jws.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

// A participant's message whose signature verified under a valid certificate.
struct VerifiedMessage {
  Participant sender;
  std::string digest;
  std::string payload;
  protocol::JwsForms forms = protocol::JwsForms::kSingle;  // that its sender takes in the answer
};

// kClockSkew if iat (any non-negative number) is further than `skew` from the clock.
base::Status CheckTime(const base::Clock& clock, int64_t iat, std::chrono::seconds skew);

class SignedMessages {
 public:
  SignedMessages(const base::Clock& clock, const Envelope& envelope, Participants& participants,
                 storage::Refusals& refusals, ReaderForms& readers)
      : clock_(clock),
        envelope_(envelope),
        participants_(participants),
        refusals_(refusals),
        readers_(readers) {}

  // x5c → Cert_V, valid, registered, not revoked; then the signature.
  base::Result<VerifiedMessage> Verify(protocol::UnverifiedJws jws,
                                       Admission admission = Admission::kPresent) const;
  // The same of a message whose JWE said which forms its sender takes: there, and from now on in
  // its mailbox. The JWE is not signed, but only who has the JWS, which travels nowhere else, can
  // have put it into one.
  base::Result<VerifiedMessage> Verify(protocol::UnverifiedJws jws, protocol::JwsForms forms) const;
  // iss and aud of a payload against the sender and this gateway.
  base::Status CheckParties(const VerifiedMessage& message, std::string_view iss,
                            std::string_view aud) const;

  // Just before an authorisation is recorded: a copy of the message that came while this one waited
  // may have been told that the handshake is over, and its sender then knows that nothing will ever
  // be moved for it; nor is a bank asked to move what could not be signed for.
  base::Status CheckStillTakes(const Handshake& handshake) const;

  // If this very message was refused before: answers it the same way again and returns true.
  bool AnswerRefusedBefore(const protocol::UnverifiedJws& jws, Reply& reply) const;
  // The refusal becomes durable, then leaves. `payment_id` only with already-paid, to the buyer
  // who paid. Errors that decide nothing (503, 429, 500) are answered as problems.
  void Refuse(const VerifiedMessage& message, const base::Error& error, Reply& reply,
              std::string_view payment_id = {}) const;
  // {"done": JWS}
  void Acknowledge(const VerifiedMessage& message, Reply& reply) const;
  // The same, for a message that was carried out before, whatever the sender's status is now.
  void AcknowledgeAgain(const protocol::UnverifiedJws& jws, Reply& reply) const;
  // A JWE to the sender, or a problem if sealing fails.
  static void Answer(const protocol::Certificate& recipient, uint32_t status,
                     std::string_view payload, Reply& reply);

 private:
  void AcknowledgeTo(const protocol::Certificate& recipient, const std::string& digest,
                     Reply& reply) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  Participants& participants_;
  storage::Refusals& refusals_;
  ReaderForms& readers_;
};

}  // namespace paygate::gateway::engine
