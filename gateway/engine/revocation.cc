#include "gateway/engine/revocation.h"

#include "base/log.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {
namespace {

storage::RevocationReason ToStored(protocol::RevocationReason reason) {
  switch (reason) {
    case protocol::RevocationReason::kKeyCompromise:
      return storage::RevocationReason::kKeyCompromise;
    case protocol::RevocationReason::kCessationOfOperation:
      return storage::RevocationReason::kCessationOfOperation;
    case protocol::RevocationReason::kSuperseded:
      return storage::RevocationReason::kSuperseded;
  }
  return storage::RevocationReason::kKeyCompromise;
}

}  // namespace

void Revocation::Revoke(std::string_view compact, Reply reply) {
  auto jwe = envelope_.Parse(compact, "");
  if (!jwe) return reply.Problem(jwe.error());
  auto opened = envelope_.Open(*jwe);
  if (!opened) return reply.Problem(opened.error());
  auto single = protocol::ParseSingle(*opened, "revocation");
  if (!single) return reply.Problem(single.error());
  auto jws = protocol::ParseJws(*single, protocol::kTypRevocation, protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (messages_.AnswerRefusedBefore(*jws, reply)) return;
  // A resent revocation comes from a participant who is revoked: by it.
  auto before = certificates_.RevokedBy(jws->Digest());
  if (!before) return reply.Problem(before.error());
  if (*before) return messages_.AcknowledgeAgain(*jws, reply);
  auto message = messages_.Verify(std::move(*jws), Admission::kRevocation);
  if (!message) return reply.Problem(message.error());

  auto revoke = [&]() -> base::Status {
    ASSIGN_OR_RETURN(auto payload, protocol::RevocationPayload::Parse(message->payload));
    RETURN_IF_ERROR(messages_.CheckParties(*message, payload.iss, payload.aud));
    RETURN_IF_ERROR(CheckTime(clock_, payload.iat, limits_.clock_skew));
    return certificates_.Revoke(message->sender.id(), ToStored(payload.reason), clock_.Now(),
                                message->digest);
  };
  if (auto done = revoke(); !done) return messages_.Refuse(*message, done.error(), reply);
  base::LogInfo("participant.revoked", {{"id", message->sender.id()}});
  messages_.Acknowledge(*message, reply);
}

}  // namespace paygate::gateway::engine
