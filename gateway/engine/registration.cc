#include "gateway/engine/registration.h"

#include "base/log.h"
#include "base/outside_text.h"
#include "base/secret_bytes.h"
#include "gateway/engine/verified_message.h"
#include "gateway/engine/wire_error.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;

// Paper 6.2.2: 2. X → PG: bank account number, P_X, V_X
void Registration::Register(std::string_view jwe, Reply reply) {
  auto applicant = Verify(jwe);
  if (!applicant) return reply.Problem(applicant.error());
  auto known = registrations_.Find(applicant->digest);
  if (!known) return reply.Problem(known.error());
  if (*known) {
    return Issuance::Answer(applicant->encryption_key, 201, "registered",
                            (*known)->registered_jws, reply);
  }
  if (auto good = Check(*applicant); !good) return Refuse(*applicant, good.error(), reply);
  // The bank may have heard of it, and the code is used up: then it is never too old. Otherwise too
  // old decides nothing (the refusal is not stored, and a clock that is ahead comes right again).
  auto begun = registrations_.Begun(applicant->digest);
  if (!begun) return reply.Problem(begun.error());
  if (!*begun) {
    if (auto in_time = CheckTime(clock_, applicant->payload.iat, limits_.clock_skew); !in_time) {
      return reply.Problem(in_time.error());
    }
  }

  // ID_X is durable before the bank hears of it, so that a crash in between cannot give one
  // registration two IDs.
  auto id = registrations_.Begin(applicant->digest, protocol::NewNonce(), clock_.Now());
  if (!id) return reply.Problem(id.error());
  applicant->participant_id = *id;
  const std::string account = applicant->disclosure.account();
  const base::SecretBytes code = std::move(applicant->payload.enrolment_code);
  const std::string digest = applicant->digest;
  bank_.VerifyEnrolment(
      account, code.view(), digest, *id,
      [this, applicant = std::move(*applicant),
       reply = std::move(reply)](bank::Verification answer) mutable {
        (void)workers_.SubmitPromised([this, applicant = std::move(applicant),
                                       answer = std::move(answer),
                                       reply = std::move(reply)]() mutable {
          Certify(std::move(applicant), answer, std::move(reply));
        });
      });
}

namespace {

struct Cleansed {  // at the end of the block
  std::string& text;
  ~Cleansed() { base::Cleanse(text.data(), text.size()); }
};

}  // namespace

// The enrolment code stands in clear in what was decrypted; the message's parts are cleansed as far
// as they are ours.
Result<Registration::Applicant> Registration::Verify(std::string_view compact) const {
  ASSIGN_OR_RETURN(auto jwe, envelope_.Parse(compact, ""));
  ASSIGN_OR_RETURN(std::string opened, envelope_.Open(jwe));
  const Cleansed opened_cleansed{opened};
  ASSIGN_OR_RETURN(std::string single, protocol::ParseSingle(opened, "registration"));
  const Cleansed single_cleansed{single};
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(single, protocol::kTypRegistration,
                                                protocol::KeyName::kNone));
  // Signed by the very key it presents: possession is proved before anything else is believed.
  auto parsed = protocol::RegistrationPayload::Parse(jws.payload);
  {
    const Cleansed payload_cleansed{jws.payload};  // the signature is over signing_input
  }
  ASSIGN_OR_RETURN(auto payload, std::move(parsed));
  ASSIGN_OR_RETURN(auto signature_key, protocol::PublicKey::FromJwk(payload.signature_jwk));
  ASSIGN_OR_RETURN(auto encryption_key, protocol::PublicKey::FromJwk(payload.encryption_jwk));
  ASSIGN_OR_RETURN(auto verified, protocol::VerifyJws(std::move(jws), signature_key));
  if (!encryption_key.key_management()) {
    return Fail(ErrorCode::kUnsupportedAlgorithm, "the encryption key cannot encrypt");
  }
  ASSIGN_OR_RETURN(auto disclosure, protocol::Disclosure::Parse(payload.disclosure));
  return Applicant{.digest = verified.Digest(),
                   .payload = std::move(payload),
                   .signature_key = std::move(signature_key),
                   .encryption_key = std::move(encryption_key),
                   .disclosure = std::move(disclosure)};
}

base::Status Registration::Check(const Applicant& applicant) const {
  if (applicant.payload.aud != envelope_.keys()->id) {
    return Fail(ErrorCode::kMalformed, "aud is not this gateway");
  }
  if (applicant.signature_key == applicant.encryption_key) {
    return Fail(ErrorCode::kMalformed, "one key for signature and encryption");
  }
  return {};
}

void Registration::Certify(Applicant applicant, const bank::Verification& answer, Reply reply) {
  if (answer.verdict == bank::Verdict::kNoAnswer) {
    return reply.Problem({ErrorCode::kBankUnavailable, "the bank did not confirm the enrolment"});
  }
  if (answer.verdict == bank::Verdict::kRefused) {
    // A stranger's message must leave nothing behind; the bank refuses it again if it comes again.
    if (auto gone = registrations_.Abandon(applicant.digest); !gone) {
      return reply.Problem(gone.error());
    }
    return Refuse(applicant,
                  {ErrorCode::kEnrolmentRefused, "bank: " + base::OutsideText(answer.reason)},
                  reply);
  }
  auto issued = issuance_.Issue({.digest = applicant.digest,
                                 .nonce = applicant.payload.nonce,
                                 .participant_id = applicant.participant_id,
                                 .signature_key = applicant.signature_key,
                                 .encryption_key = applicant.encryption_key,
                                 .account_binding = applicant.disclosure.RawDigest()});
  if (!issued) return reply.Problem(issued.error());
  auto registered = registrations_.Complete(std::move(*issued));
  if (!registered) return reply.Problem(registered.error());
  base::LogInfo("participant.registered", {{"id", registered->participant_id}});
  Issuance::Answer(applicant.encryption_key, 201, "registered", registered->registered_jws, reply);
}

// An applicant has no ID yet: `sub` is the nonce of the registration. Not stored: strangers could
// fill the disk. The bank gives the same registration the same answer again, so it stays refused.
void Registration::Refuse(const Applicant& applicant, const base::Error& error,
                          Reply& reply) const {
  const WireError wire = ToWire(error.code);
  base::LogInfo("registration.refused", {{"code", wire.code}, {"why", error.message}});
  const protocol::RefusalPayload refusal{.iss = envelope_.keys()->id,
                                         .sub = applicant.payload.nonce,
                                         .iat = base::ToNumericDate(clock_.Now()),
                                         .request = applicant.digest,
                                         .code = std::string(wire.code)};
  auto jws = envelope_.Sign(protocol::kTypRefusal, refusal.Print());
  if (!jws) return reply.Problem(jws.error());
  Issuance::Answer(applicant.encryption_key, wire.status, "refusal", *jws, reply);
}

}  // namespace paygate::gateway::engine
