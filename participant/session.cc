#include "participant/session.h"

#include <algorithm>

#include "base/crypto.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

std::string_view PathOf(MessageKind kind) {
  switch (kind) {
    case MessageKind::kRegistration:
      return "/v1/registrations";
    case MessageKind::kSale:
      return "/v1/seller-blocks";
    case MessageKind::kPayment:
      return "/v1/payments";
    case MessageKind::kRenewal:
      return "/v1/renewals";
    case MessageKind::kRevocation:
      return "/v1/revocations";
    case MessageKind::kCancellation:
      return "/v1/seller-blocks/cancel";
    case MessageKind::kRefund:
      return "/v1/refunds";
    case MessageKind::kClaim:
      return "/v1/refund-claims";
    case MessageKind::kAnswer:
      return "/v1/refund-claims/answer";
  }
  return "/";
}

constexpr int64_t kLateCopySeconds = 5;
// Its being there says that batch signatures were asked for, and may still come.
constexpr char kAskedFile[] = "batch-signatures.json";

bool MayTryAgain(int status) { return status == 429 || status == 408 || status >= 500; }

// An unsigned problem says by itself that the message was never taken and never will be: the
// gateway looks for the same message before it looks at the handshake (protocol.md section 6), so a
// handshake that it calls expired, after it has expired by our own reckoning too, ends the matter.
// A little after its own reckoning, because a copy that came in time may still be on its way.
// A registration has no handshake; its `iat` ages instead. So does that of the others without one,
// but their signatures have verified by then: what they hear unsigned is that the certificate is no
// good any more, and that is looked at only when the message was not seen before. Everything else
// decides nothing.
bool NeverTaken(const JournalEntry& entry, const std::string& code, base::UnixTime now) {
  if (entry.kind == MessageKind::kRegistration) return code == "clock-skew";
  if (entry.handshake.empty()) {
    return code == "certificate-invalid" || code == "certificate-revoked";
  }
  return code == "handshake-expired" &&
         base::ToNumericDate(now) + entry.clock_offset >= entry.expires + kLateCopySeconds;
}

}  // namespace

base::Status Session::NeedIdentity() const {
  if (!identity) return Fail(ErrorCode::kNotFound, "not registered yet: register first");
  if (keys == nullptr) return Fail(ErrorCode::kPermissionDenied, "the keys are not open");
  if (revoked) {
    return Fail(ErrorCode::kPermissionDenied,
                "this participant was revoked (" + revoked->reason +
                    "); ask your bank for a new enrolment code and register in another directory");
  }
  return {};
}

base::Status Session::OpenKeys(const base::SecretBytes& passphrase) {
  const uint32_t generation = identity ? identity->generation : 0;
  ASSIGN_OR_RETURN(keys, Keyring::Open(disk, passphrase, generation));
  earlier.clear();
  for (uint32_t i = 0; i < generation; ++i) {
    ASSIGN_OR_RETURN(auto old, Keyring::OpenDecrypter(disk, passphrase, i));
    earlier.push_back(std::move(old));
  }
  if (!identity) return {};
  ASSIGN_OR_RETURN(const bool more, Keyring::Exists(disk, generation + 1));
  if (!more) return {};
  ASSIGN_OR_RETURN(next, Keyring::Open(disk, passphrase, generation + 1));
  return {};
}

base::Result<std::string> Session::Seal(const Request& request) {
  ASSIGN_OR_RETURN(auto certificate, trust->EncryptionCertificate());
  protocol::JweExtra extra = request.extra;
  ASSIGN_OR_RETURN(extra.accept, Forms());
  return protocol::SealJwe(certificate.key(), certificate.fingerprint(), extra, request.body);
}

// An older gateway would refuse the question, so it is asked only where the document invites it.
base::Result<protocol::JwsForms> Session::Forms() {
  if (!options.batch_signatures) return protocol::JwsForms::kSingle;
  ASSIGN_OR_RETURN(const auto document, trust->Document());
  if (!document.batch_signatures) return protocol::JwsForms::kSingle;
  ASSIGN_OR_RETURN(const bool asked, AskedForBatches(disk));
  if (!asked) {
    RETURN_IF_ERROR(
        disk.Replace(kAskedFile, protocol::JsonWriter().Integer("version", 1).Take()));
  }
  return protocol::JwsForms::kSingleOrBatch;
}

base::Result<bool> AskedForBatches(Disk& disk) {
  ASSIGN_OR_RETURN(const auto text, disk.Read(kAskedFile));
  return text.has_value();
}

base::Result<std::string> Session::Sign(std::string_view typ, std::string_view payload) {
  return protocol::SignJws(
      keys->signer(), typ,
      {.name = protocol::KeyName::kX5c, .x5c = {identity->signature_certificate}}, payload);
}

base::Result<Statement> Session::OpenSingle(std::string_view payload, std::string_view member,
                                            std::string_view typ) {
  ASSIGN_OR_RETURN(std::string jws, protocol::ParseSingle(payload, member));
  return trust->Verify(jws, typ);
}

base::Result<std::string> Session::OpenJweForUs(std::string_view compact) {
  ASSIGN_OR_RETURN(auto jwe, protocol::ParseJwe(compact));
  ASSIGN_OR_RETURN(hsm::Decrypter* decrypter, DecrypterFor(jwe.x5t_s256));
  if (!jwe.extra.name.empty() || jwe.extra.accept != protocol::JwsForms::kSingle) {
    return Fail(ErrorCode::kDecryptionFailed, "the gateway's answer has a header of another use");
  }
  return protocol::OpenJwe(jwe, *decrypter);
}

base::Result<hsm::Decrypter*> Session::DecrypterFor(const std::string& x5t) const {
  if (!identity && x5t.empty()) return &keys->decrypter();  // no certificate could be named yet
  if (identity && x5t == base::Sha256Base64Url(identity->encryption_certificate)) {
    return &keys->decrypter();
  }
  for (size_t i = 0; identity && i < earlier.size(); ++i) {
    if (x5t == base::Sha256Base64Url(identity->earlier[i])) return earlier[i].get();
  }
  // The answer to a renewal; or a message under certificates whose answer is still to come.
  if (next) return &next->decrypter();
  return Fail(ErrorCode::kDecryptionFailed, "the gateway's answer is encrypted to another key");
}

void Session::WaitFor(int attempt, int retry_after_s, std::string_view why) {
  const std::chrono::seconds backoff(retry_after_s > 0 ? retry_after_s : 1 << std::min(attempt, 5));
  const auto wait = std::min(backoff, options.max_wait);
  if (options.progress) {
    options.progress(std::string(why) + "; trying again in " + std::to_string(wait.count()) + " s");
  }
  options.wait(wait);
}

// nullopt: an answer that says nothing, to be asked for again.
base::Result<std::optional<Reply>> Session::Read(const Request& request, const HttpAnswer& answer) {
  if (answer.content_type == kProblemType) {
    auto problem = protocol::Problem::Parse(answer.body);
    if (!problem || MayTryAgain(answer.status)) return std::optional<Reply>();
    return std::optional<Reply>(Reply{.refusal = Refusal{.code = problem->code}});
  }
  if (answer.content_type != kJoseType) return std::optional<Reply>();
  ASSIGN_OR_RETURN(std::string payload, OpenJweForUs(answer.body));
  auto single = protocol::ParseSingle(payload);
  if (!single || single->member != "refusal") {
    if (answer.status < 200 || answer.status > 299) {
      return Fail(ErrorCode::kMalformed, "the gateway's answer is neither a result nor a refusal");
    }
    return std::optional<Reply>(Reply{.payload = std::move(payload)});
  }
  ASSIGN_OR_RETURN(auto statement, trust->Verify(single->jws, protocol::kTypRefusal));
  ASSIGN_OR_RETURN(auto refusal, protocol::RefusalPayload::Parse(statement.jws.payload()));
  if (refusal.iss != trust->gateway_id() || request.digest.empty() ||
      refusal.request != request.digest || (identity && refusal.sub != identity->id)) {
    return Fail(ErrorCode::kNotYours, "the gateway's refusal is of another message");
  }
  return std::optional<Reply>(
      Reply{.refusal = Refusal{
                .code = refusal.code, .payment_id = refusal.payment_id, .is_signed = true}});
}

base::Result<Reply> Session::Exchange(
    Request& request, const std::function<base::Status(const std::string&)>& resealed) {
  if (request.jwe.empty()) {
    ASSIGN_OR_RETURN(request.jwe, Seal(request));
  }
  bool sealed_anew = false;
  base::Error last{ErrorCode::kTimeout, "the gateway gave no answer"};
  for (int attempt = 0; attempt < options.max_attempts; ++attempt) {
    auto answer = transport.Post(request.path, request.jwe);
    if (!answer) {
      last = answer.error();
      if (last.code != ErrorCode::kTimeout && last.code != ErrorCode::kClosed) break;
      if (attempt + 1 < options.max_attempts) WaitFor(attempt, 0, last.message);
      continue;
    }
    ASSIGN_OR_RETURN(auto reply, Read(request, *answer));
    if (!reply) {
      last = {ErrorCode::kTimeout,
              "the gateway is busy (HTTP status " + std::to_string(answer->status) + ")"};
      if (attempt + 1 < options.max_attempts) WaitFor(attempt, answer->retry_after_s, last.message);
      continue;
    }
    const bool cannot_open =
        reply->refusal && !reply->refusal->is_signed && reply->refusal->code == "decryption-failed";
    if (cannot_open && !sealed_anew) {
      // It may have changed its key since we last looked (protocol.md rule 7).
      sealed_anew = true;
      RETURN_IF_ERROR(trust->Refresh());
      ASSIGN_OR_RETURN(request.jwe, Seal(request));
      if (resealed) RETURN_IF_ERROR(resealed(request.jwe));
      continue;
    }
    return std::move(*reply);
  }
  return std::unexpected(last);
}

base::Result<JournalEntry> Session::MakeEntry(MessageKind kind, std::string_view typ,
                                              std::string_view member, std::string_view payload) {
  JournalEntry entry{.kind = kind};
  ASSIGN_OR_RETURN(std::string jws, Sign(typ, payload));
  ASSIGN_OR_RETURN(entry.digest, protocol::DigestOfCompact(jws));
  entry.body = protocol::PrintSingle(member, jws);
  ASSIGN_OR_RETURN(entry.jwe, Seal({.body = entry.body}));
  return entry;
}

base::Result<Session::Done> Session::OpenDone(const JournalEntry& entry,
                                              std::string_view payload) {
  ASSIGN_OR_RETURN(auto statement, OpenSingle(payload, "done", protocol::kTypDone));
  ASSIGN_OR_RETURN(auto done, protocol::DonePayload::Parse(statement.jws.payload()));
  if (done.iss != trust->gateway_id() || done.sub != identity->id ||
      done.request != entry.digest) {
    return Fail(ErrorCode::kNotYours, "the gateway acknowledged another message");
  }
  return Done{.at = done.iat, .jws = statement.jws.Compact(), .chain = statement.chain};
}

base::Result<Resumed> Session::RecordAndSend(JournalEntry entry) {
  RETURN_IF_ERROR(journal.Record(entry));
  return Resend(std::move(entry));
}

base::Result<Resumed> Session::Resend(JournalEntry entry) {
  Request request{.path = std::string(PathOf(entry.kind)),
                  .body = entry.body,
                  .digest = entry.digest,
                  .jwe = entry.jwe};
  if (!entry.handshake.empty()) request.extra = {"handshake", entry.handshake};
  ASSIGN_OR_RETURN(Reply reply, Exchange(request, [&](const std::string& jwe) {
                     entry.jwe = jwe;
                     return journal.Update(entry);
                   }));
  Resumed resumed{.kind = entry.kind, .subject = entry.subject};
  if (reply.refusal) {
    if (!reply.refusal->is_signed) {
      if (!NeverTaken(entry, reply.refusal->code, clock.Now())) {
        return Fail(ErrorCode::kTimeout,
                    "the gateway said " + reply.refusal->code +
                        ", which decides nothing; the identical message will be sent again");
      }
      resumed.lapsed = true;
    }
    RETURN_IF_ERROR(journal.Close(entry.digest));
    resumed.refusal = std::move(reply.refusal);
    return resumed;
  }
  switch (entry.kind) {
    case MessageKind::kRegistration: {
      ASSIGN_OR_RETURN(resumed.identity, FinishRegistration(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kRenewal: {
      ASSIGN_OR_RETURN(resumed.identity, FinishRenewal(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kRevocation: {
      ASSIGN_OR_RETURN(resumed.revoked, FinishRevocation(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kCancellation: {
      RETURN_IF_ERROR(FinishCancellation(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kClaim:
    case MessageKind::kAnswer: {
      ASSIGN_OR_RETURN(resumed.claim, FinishClaim(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kSale: {
      ASSIGN_OR_RETURN(resumed.sale, FinishSale(*this, entry, reply.payload));
      break;
    }
    case MessageKind::kRefund: {
      ASSIGN_OR_RETURN(resumed.refund, FinishRefund(*this, entry, reply.payload));
      if (resumed.refund->payload.result == protocol::PaymentResult::kPending) return resumed;
      break;
    }
    case MessageKind::kPayment: {
      ASSIGN_OR_RETURN(resumed.payment, FinishPayment(*this, entry, reply.payload));
      if (resumed.payment->payload.result == protocol::PaymentResult::kPending) return resumed;
      break;
    }
  }
  RETURN_IF_ERROR(journal.Close(entry.digest));
  return resumed;
}

base::Result<Answer<OpenedChallenge>> AskChallenge(Session& session, Request request,
                                                   std::string_view typ) {
  ASSIGN_OR_RETURN(Reply reply, session.Exchange(request, {}));
  if (reply.refusal) return Answer<OpenedChallenge>{.refusal = std::move(reply.refusal)};
  ASSIGN_OR_RETURN(auto body, protocol::ChallengeBody::Parse(reply.payload));
  ASSIGN_OR_RETURN(auto statement, session.trust->Verify(body.challenge, typ));
  return Answer<OpenedChallenge>{.value = OpenedChallenge{statement.jws.payload(), body.handshake}};
}

}  // namespace paygate::participant
