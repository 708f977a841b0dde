// Cancellation of a CSBLK, protocol.md section 5. sales/<csblk_id>.cancelled holds the gateway's
// signed acknowledgement: from then on nobody pays the CSBLK.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {

base::Status FinishCancellation(Session& session, const JournalEntry& entry,
                                std::string_view payload) {
  ASSIGN_OR_RETURN(auto done, session.OpenDone(entry, payload));
  return session.disk.Replace("sales/" + entry.subject + ".cancelled", done.jws);
}

base::Result<Answer<std::string>> Cancel(Session& session, const std::string& csblk_id) {
  RETURN_IF_ERROR(session.NeedIdentity());
  if (!protocol::IsDigest(csblk_id)) {
    return base::Fail(base::ErrorCode::kMalformed,
                      "the ID of a CSBLK has 43 characters; this is none: " + csblk_id);
  }
  ASSIGN_OR_RETURN(auto open, session.journal.Find(MessageKind::kCancellation, csblk_id));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (before.refusal) return Answer<std::string>{.refusal = std::move(before.refusal)};
    if (!before.lapsed) return Answer<std::string>{.value = csblk_id};
  }
  const protocol::CancellationPayload payload{.iss = session.identity->id,
                                              .aud = session.identity->gateway_id,
                                              .iat = base::ToNumericDate(session.clock.Now()),
                                              .nonce = protocol::NewNonce(),
                                              .csblk_id = csblk_id};
  ASSIGN_OR_RETURN(JournalEntry entry,
                   session.MakeEntry(MessageKind::kCancellation, protocol::kTypCancellation,
                                     "cancellation", payload.Print()));
  entry.subject = csblk_id;
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  if (done.refusal) return Answer<std::string>{.refusal = std::move(done.refusal)};
  return Answer<std::string>{.value = csblk_id};
}

}  // namespace paygate::participant
