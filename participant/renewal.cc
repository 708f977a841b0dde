// Renewal and revocation, protocol.md section 4.
//
// A renewal's keys are on the disk before they are named to anybody, under the next generation's
// number; what makes them the participant's is one replacement of identity.json, after the answer
// was verified. A crash before it leaves the old certificates in force and the message in the
// journal; a crash after it leaves a journal entry whose answer is there already.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

base::Result<protocol::RenewalPayload> SentIn(const JournalEntry& entry) {
  ASSIGN_OR_RETURN(std::string jws, protocol::ParseSingle(entry.body, "renewal"));
  ASSIGN_OR_RETURN(auto parsed,
                   protocol::ParseJws(jws, protocol::kTypRenewal, protocol::KeyName::kX5c));
  return protocol::RenewalPayload::Parse(parsed.payload);
}

base::Result<JournalEntry> MakeRenewal(Session& session) {
  const Identity& identity = *session.identity;
  const std::string nonce = protocol::NewNonce();
  const protocol::RenewalProofPayload proof{
      .iss = identity.id, .aud = identity.gateway_id, .nonce = nonce};
  ASSIGN_OR_RETURN(std::string proof_jws,
                   protocol::SignJws(session.next->signer(), protocol::kTypRenewalProof, {},
                                     proof.Print()));
  const protocol::RenewalPayload payload{
      .iss = identity.id,
      .aud = identity.gateway_id,
      .iat = base::ToNumericDate(session.clock.Now()),
      .nonce = nonce,
      .signature_jwk = session.next->signature_key().ToJwk(),
      .encryption_jwk = session.next->encryption_key().ToJwk(),
      .disclosure = identity.binding,
      .proof = std::move(proof_jws)};
  ASSIGN_OR_RETURN(JournalEntry entry, session.MakeEntry(MessageKind::kRenewal,
                                                 protocol::kTypRenewal, "renewal",
                                                 payload.Print()));
  entry.subject = std::to_string(identity.generation + 1);
  return entry;
}

}  // namespace

base::Result<Identity> FinishRenewal(Session& session, const JournalEntry& entry,
                                     std::string_view payload_json) {
  if (!session.identity || !session.next) {
    return Fail(ErrorCode::kNotFound, "the keys of the renewal that is out are not here");
  }
  ASSIGN_OR_RETURN(auto sent, SentIn(entry));
  ASSIGN_OR_RETURN(auto binding, protocol::Disclosure::Parse(session.identity->binding));
  ASSIGN_OR_RETURN(Identity renewed, CheckRegistered(session, entry, payload_json, *session.next,
                                                     sent.nonce, binding));
  if (renewed.id != session.identity->id) {
    return Fail(ErrorCode::kNotYours, "the renewed certificates are of another participant");
  }
  renewed.generation = session.identity->generation + 1;
  renewed.earlier = session.identity->earlier;
  renewed.earlier.push_back(session.identity->encryption_certificate);
  RETURN_IF_ERROR(ReplaceIdentity(session.disk, renewed));
  session.identity = renewed;
  session.earlier.push_back(std::move(*session.keys).TakeDecrypter());
  session.keys = std::move(session.next);
  return renewed;
}

base::Result<Answer<Identity>> Renew(Session& session, const base::SecretBytes& passphrase,
                                     KeyTypes types) {
  RETURN_IF_ERROR(session.NeedIdentity());
  const uint32_t generation = session.identity->generation + 1;
  ASSIGN_OR_RETURN(auto open,
                   session.journal.Find(MessageKind::kRenewal, std::to_string(generation)));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (before.identity) return Answer<Identity>{.value = std::move(before.identity)};
    if (!before.lapsed) return Answer<Identity>{.refusal = std::move(before.refusal)};
  }
  // Keys of a try that was given up are as good as new: they were never certified.
  ASSIGN_OR_RETURN(session.next,
                   Keyring::OpenOrCreate(session.disk, passphrase, types, generation));
  ASSIGN_OR_RETURN(JournalEntry entry, MakeRenewal(session));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<Identity>{.refusal = std::move(done.refusal), .value = std::move(done.identity)};
}

base::Result<Revoked> FinishRevocation(Session& session, const JournalEntry& entry,
                                       std::string_view payload_json) {
  ASSIGN_OR_RETURN(std::string jws, protocol::ParseSingle(entry.body, "revocation"));
  ASSIGN_OR_RETURN(auto parsed,
                   protocol::ParseJws(jws, protocol::kTypRevocation, protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto sent, protocol::RevocationPayload::Parse(parsed.payload));
  ASSIGN_OR_RETURN(auto done, session.OpenDone(entry, payload_json));
  Revoked revoked{
      .reason = std::string(protocol::Name(sent.reason)), .at = done.at, .done = done.jws};
  RETURN_IF_ERROR(SaveRevoked(session.disk, revoked));
  session.revoked = revoked;
  return revoked;
}

base::Result<Answer<Revoked>> Revoke(Session& session, protocol::RevocationReason reason) {
  RETURN_IF_ERROR(session.NeedIdentity());
  ASSIGN_OR_RETURN(auto open, session.journal.Find(MessageKind::kRevocation, ""));
  if (open) {
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (before.revoked) return Answer<Revoked>{.value = std::move(before.revoked)};
  }
  const protocol::RevocationPayload payload{.iss = session.identity->id,
                                            .aud = session.identity->gateway_id,
                                            .iat = base::ToNumericDate(session.clock.Now()),
                                            .nonce = protocol::NewNonce(),
                                            .reason = reason};
  ASSIGN_OR_RETURN(JournalEntry entry, session.MakeEntry(MessageKind::kRevocation,
                                                 protocol::kTypRevocation, "revocation",
                                                 payload.Print()));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<Revoked>{.refusal = std::move(done.refusal), .value = std::move(done.revoked)};
}

}  // namespace paygate::participant
