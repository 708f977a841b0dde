// Registration, paper 6.2.2, protocol.md section 4.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::Certificate;
using protocol::Role;

// A certificate that the gateway says is ours: path, role, our ID, our key, our account.
base::Result<Certificate> CheckOwn(const Session& session, const std::string& der,
                                   const std::vector<std::string>& issuing, Role role,
                                   const std::string& id, const protocol::PublicKey& key,
                                   const protocol::Disclosure& binding) {
  std::vector<std::string> chain{der};
  chain.insert(chain.end(), issuing.begin(), issuing.end());
  RETURN_IF_ERROR(session.trust->CheckIssued(chain, role));
  ASSIGN_OR_RETURN(Certificate certificate, Certificate::Parse(der));
  if (certificate.subject_id() != id || !(certificate.key() == key)) {
    return Fail(ErrorCode::kCertificateInvalid, "a certificate of another participant came back");
  }
  if (certificate.account_binding() != binding.RawDigest()) {
    return Fail(ErrorCode::kAccountMismatch, "the certificates bind another account than was sent");
  }
  return certificate;
}

base::Result<protocol::RegistrationPayload> SentIn(const JournalEntry& entry) {
  ASSIGN_OR_RETURN(std::string jws, protocol::ParseSingle(entry.body, "registration"));
  ASSIGN_OR_RETURN(auto parsed,
                   protocol::ParseJws(jws, protocol::kTypRegistration, protocol::KeyName::kNone));
  return protocol::RegistrationPayload::Parse(parsed.payload);
}

base::Result<JournalEntry> MakeRegistration(Session& session, std::string_view iban,
                                            const std::string& code) {
  ASSIGN_OR_RETURN(auto binding, protocol::Disclosure::Make(iban));
  ASSIGN_OR_RETURN(auto document, session.trust->Document());
  const protocol::RegistrationPayload payload{
      .aud = document.id,
      .iat = base::ToNumericDate(session.clock.Now()),
      .nonce = protocol::NewNonce(),
      .signature_jwk = session.keys->signature_key().ToJwk(),
      .encryption_jwk = session.keys->encryption_key().ToJwk(),
      .disclosure = binding.text(),
      .enrolment_code = base::SecretBytes::CopyOf(code)};
  const std::string json = payload.Print();
  // What we print ourselves must be what the gateway's parser takes: a code with a control
  // character is found here and not after the journal holds it.
  RETURN_IF_ERROR(protocol::RegistrationPayload::Parse(json));
  ASSIGN_OR_RETURN(std::string jws,
                   protocol::SignJws(session.keys->signer(), protocol::kTypRegistration, {}, json));
  JournalEntry entry{.kind = MessageKind::kRegistration};
  ASSIGN_OR_RETURN(entry.digest, protocol::DigestOfCompact(jws));
  entry.body = protocol::PrintSingle("registration", jws);
  ASSIGN_OR_RETURN(entry.jwe, session.Seal({.body = entry.body}));
  return entry;
}

}  // namespace

base::Result<Identity> CheckRegistered(Session& session, const JournalEntry& entry,
                                       std::string_view payload_json, const Keyring& keys,
                                       const std::string& nonce,
                                       const protocol::Disclosure& binding) {
  ASSIGN_OR_RETURN(auto statement,
                   session.OpenSingle(payload_json, "registered", protocol::kTypRegistered));
  ASSIGN_OR_RETURN(auto payload, protocol::RegisteredPayload::Parse(statement.jws.payload()));
  if (payload.iss != session.trust->gateway_id() || payload.sub == payload.iss ||
      payload.request != entry.digest || payload.nonce != nonce) {
    return Fail(ErrorCode::kNotYours, "the gateway's answer is to another message");
  }
  ASSIGN_OR_RETURN(auto signature, CheckOwn(session, payload.signature_certificate, payload.chain,
                                            Role::kParticipantSignature, payload.sub,
                                            keys.signature_key(), binding));
  ASSIGN_OR_RETURN(auto encryption, CheckOwn(session, payload.encryption_certificate, payload.chain,
                                             Role::kParticipantEncryption, payload.sub,
                                             keys.encryption_key(), binding));
  if (signature.key() == encryption.key()) {
    return Fail(ErrorCode::kCertificateInvalid, "both certificates are of one key");
  }
  return Identity{.id = payload.sub,
                  .gateway_id = payload.iss,
                  .signature_certificate = payload.signature_certificate,
                  .encryption_certificate = payload.encryption_certificate,
                  .chain = payload.chain,
                  .binding = binding.text()};
}

base::Result<Identity> FinishRegistration(Session& session, const JournalEntry& entry,
                                          std::string_view payload_json) {
  ASSIGN_OR_RETURN(auto sent, SentIn(entry));
  ASSIGN_OR_RETURN(auto binding, protocol::Disclosure::Parse(sent.disclosure));
  ASSIGN_OR_RETURN(Identity identity, CheckRegistered(session, entry, payload_json, *session.keys,
                                                      sent.nonce, binding));
  RETURN_IF_ERROR(SaveIdentity(session.disk, identity));
  session.identity = identity;
  return identity;
}

base::Result<Answer<Identity>> Register(Session& session, std::string_view iban,
                                        const std::string& code) {
  if (session.keys == nullptr) return Fail(ErrorCode::kPermissionDenied, "the keys are not open");
  if (session.identity) {
    return Fail(ErrorCode::kAlreadyExists, "this directory is registered already, as " +
                                               session.identity->id +
                                               "; use another for another account");
  }
  ASSIGN_OR_RETURN(auto open, session.journal.Find(MessageKind::kRegistration, ""));
  if (open) {
    // The account and code of that message count, not those given now.
    ASSIGN_OR_RETURN(Resumed before, session.Resend(*open));
    if (before.identity) return Answer<Identity>{.value = std::move(before.identity)};
    if (!before.lapsed) return Answer<Identity>{.refusal = std::move(before.refusal)};
  }
  ASSIGN_OR_RETURN(JournalEntry entry, MakeRegistration(session, iban, code));
  ASSIGN_OR_RETURN(Resumed done, session.RecordAndSend(std::move(entry)));
  return Answer<Identity>{.refusal = std::move(done.refusal), .value = std::move(done.identity)};
}

}  // namespace paygate::participant
