#include "tools/load/errands.h"

#include "protocol/certificate.h"
#include "protocol/json.h"
#include "protocol/jws.h"

namespace paygate::load {

using namespace protocol;  // NOLINT: speaks nothing else
using base::ErrorCode;
using base::Fail;

namespace {
constexpr int kMailboxAttempts = 30;  // of one request, whose iat must stay within the clock's skew
}  // namespace

// ---- Registration ----

base::Result<Ask> Registration::Make() {
  if (who_.registration.empty()) {
    const RegistrationPayload payload{
        .aud = scene_.gateway.id,
        .iat = NumericNow(),
        .nonce = NewNonce(),
        .signature_jwk = who_.signature_jwk,
        .encryption_jwk = who_.encryption_jwk,
        .disclosure = who_.binding,
        .enrolment_code = base::SecretBytes::CopyOf(who_.customer.enrolment_code)};
    ASSIGN_OR_RETURN(const std::string jws,
                     SignJws(*who_.signer, kTypRegistration, {}, payload.Print()));
    RETURN_IF_ERROR(scene_.roster.Sent(who_, PrintSingle("registration", jws)));
  }
  ASSIGN_OR_RETURN(const std::string jws, ParseSingle(who_.registration, "registration"));
  ASSIGN_OR_RETURN(const auto parsed, ParseJws(jws, kTypRegistration, KeyName::kNone));
  ASSIGN_OR_RETURN(const auto payload, RegistrationPayload::Parse(parsed.payload));
  digest_ = parsed.Digest();
  nonce_ = payload.nonce;
  ASSIGN_OR_RETURN(std::string jwe, SealTo(scene_, {}, who_.registration));
  return Ask{.step = Step::kRegistration, .path = "/v1/registrations", .body = std::move(jwe)};
}

Next Registration::Begin() {
  auto ask = Make();
  if (!ask) return Next::Done(Verdict::kBroken, ask.error().message);
  return Next::Send(std::move(*ask));
}

Next Registration::OnAnswer(const HttpAnswer& answer) {
  if (SaysNothing(answer.status)) {
    ++scene_.stats.asked_again;
    return {.what = Next::What::kAskLater, .wait = BackOff(attempts_++, answer.retry_after_s)};
  }
  const Heard heard = Hear(scene_, who_, answer, digest_);
  if (heard.what == Heard::What::kBroken) return Next::Done(Verdict::kBroken, heard.words);
  if (heard.what != Heard::What::kPayload) return Next::Done(Verdict::kRefused, heard.words);
  return Take(heard.payload);
}

Next Registration::OnLost(const std::string& why) {
  CountWord(scene_.stats.codes, why);
  ++scene_.stats.asked_again;
  return {.what = Next::What::kAskLater, .wait = BackOff(attempts_++, 0)};
}

Next Registration::Take(const std::string& json) {
  const auto read = [&]() -> base::Status {
    ASSIGN_OR_RETURN(const std::string jws, ParseSingle(json, "registered"));
    ASSIGN_OR_RETURN(const std::string said, scene_.Read(jws, kTypRegistered));
    ASSIGN_OR_RETURN(const auto payload, RegisteredPayload::Parse(said));
    if (payload.iss != scene_.gateway.id || payload.request != digest_ || payload.nonce != nonce_) {
      return Fail(ErrorCode::kNotYours, "registered was another");
    }
    ASSIGN_OR_RETURN(const auto signature, Certificate::Parse(payload.signature_certificate));
    ASSIGN_OR_RETURN(const auto encryption, Certificate::Parse(payload.encryption_certificate));
    if (signature.key().ToJwk() != who_.signature_jwk ||
        encryption.key().ToJwk() != who_.encryption_jwk || signature.subject_id() != payload.sub ||
        encryption.subject_id() != payload.sub) {
      return Fail(ErrorCode::kCertificateInvalid, "the certificates are of other keys");
    }
    who_.id = payload.sub;
    who_.gateway_id = payload.iss;
    who_.signature_certificate = payload.signature_certificate;
    who_.encryption_certificate = payload.encryption_certificate;
    return scene_.roster.Registered(who_);
  };
  if (const auto done = read(); !done) return Next::Done(Verdict::kBroken, done.error().message);
  scene_.people.push_back(&who_);
  return Next::Done(Verdict::kGood);
}

// ---- Mailbox ----

Mailbox::Mailbox(Scene& scene, Participant& who, Mode mode)
    : Operation(Kind::kMailbox), scene_(scene), who_(who), mode_(mode) {
  scene_.mailboxes[&who_].busy = true;
}

Mailbox::~Mailbox() { scene_.mailboxes[&who_].busy = false; }

Next Mailbox::Begin() {
  const int64_t cursor = scene_.mailboxes[&who_].cursor;
  MailboxPayload payload{.iss = who_.id,
                         .aud = scene_.gateway.id,
                         .iat = NumericNow(),
                         .nonce = NewNonce(),
                         .after = cursor,
                         .wait = 0,
                         .ack = {}};
  if (cursor > 0) payload.ack = cursor;
  auto jws = SignAs(who_, kTypMailbox, payload.Print());
  if (!jws) return Next::Done(Verdict::kBroken, jws.error().message);
  digest_ = DigestOfCompact(*jws).value_or("");
  auto jwe = SealTo(scene_, {}, PrintSingle("request", *jws));
  if (!jwe) return Next::Done(Verdict::kBroken, jwe.error().message);
  return Next::Send({Step::kMailbox, "/v1/mailbox", std::move(*jwe)});
}

Next Mailbox::OnAnswer(const HttpAnswer& answer) {
  if (SaysNothing(answer.status)) {
    return NoPage(IsBusy(answer.status) ? Verdict::kBusy : Verdict::kRefused,
                  std::to_string(answer.status), answer.retry_after_s);
  }
  const Heard heard = Hear(scene_, who_, answer, digest_);
  if (heard.what == Heard::What::kBroken) return Next::Done(Verdict::kBroken, heard.words);
  if (heard.what != Heard::What::kPayload) return Next::Done(Verdict::kRefused, heard.words);
  return Take(heard.payload);
}

Next Mailbox::OnLost(const std::string& why) { return NoPage(Verdict::kLost, why, 0); }

Next Mailbox::NoPage(Verdict verdict, const std::string& why, int retry_after_s) {
  if (mode_ == Mode::kLoad || attempts_ >= kMailboxAttempts) {
    more_ = mode_ == Mode::kSettle;
    return Next::Done(verdict, why, retry_after_s);
  }
  ++scene_.stats.asked_again;
  return {.what = Next::What::kAskLater, .wait = BackOff(attempts_++, retry_after_s)};
}

Next Mailbox::Take(const std::string& payload) {
  const auto page = MailboxBody::Parse(payload);
  if (!page) return Next::Done(Verdict::kBroken, "a mailbox: " + page.error().message);
  int64_t& cursor = scene_.mailboxes[&who_].cursor;
  if (mode_ == Mode::kCount) {
    cursor = page->newest;
    return Next::Done(Verdict::kGood);
  }
  for (const auto& message : page->messages) {
    if (message.cursor <= cursor) return Next::Done(Verdict::kBroken, "a mailbox out of order");
    if (const auto taken = TakeMessage(message.jwe); !taken) {
      return Next::Done(Verdict::kBroken, "a mailbox's message: " + taken.error().message);
    }
    cursor = message.cursor;
  }
  more_ = cursor < page->newest;
  return Next::Done(Verdict::kGood);
}

base::Status Mailbox::TakeMessage(const std::string& compact) {
  ASSIGN_OR_RETURN(const auto jwe, ParseJwe(compact));
  ASSIGN_OR_RETURN(const std::string body, OpenJwe(jwe, *who_.decrypter));
  ASSIGN_OR_RETURN(const auto single, ParseSingle(body));
  const bool confirmation = single.member == "confirmation";
  if (!confirmation && single.member != "receipt") return {};
  ASSIGN_OR_RETURN(const std::string said,
                   scene_.Read(single.jws, confirmation ? kTypPaymentConfirmation : kTypReceipt));
  ASSIGN_OR_RETURN(const auto result, PaymentResultPayload::Parse(said));
  if (result.iss != scene_.gateway.id || result.sub != who_.id) {
    return Fail(ErrorCode::kNotYours, "a result of another participant");
  }
  PaymentFact* fact = scene_.ledger.Find(result.payment_id);
  if (fact == nullptr) return {};  // of an earlier run
  if (confirmation) {
    ++fact->confirmations;
    fact->confirmed_completed = result.result == PaymentResult::kCompleted;
    if (fact->seller != &who_) return Fail(ErrorCode::kNotYours, "a confirmation to another");
  }
  return {};
}

// ---- Inquiry ----

Next Inquiry::Begin() {
  return Next::Send({Step::kAuthorisation, "/v1/payments", scene_.ledger.at(fact_).jwe});
}

Next Inquiry::Again(int retry_after_s) {
  ++scene_.stats.asked_again;
  return {.what = Next::What::kAskLater, .wait = BackOff(attempts_++, retry_after_s)};
}

Next Inquiry::OnLost(const std::string&) { return Again(0); }

Next Inquiry::OnAnswer(const HttpAnswer& answer) {
  if (SaysNothing(answer.status)) return Again(answer.retry_after_s);
  PaymentFact& fact = scene_.ledger.at(fact_);
  const Heard heard = Hear(scene_, *fact.buyer, answer, fact.payment_id);
  if (heard.what == Heard::What::kBroken) return Next::Done(Verdict::kBroken, heard.words);
  if (heard.what != Heard::What::kPayload) {
    // Once the gateway has said "pending", nothing but an end may follow.
    if (fact.told == Told::kPending) fact.contradicted = true;
    scene_.ledger.Tell(fact_, Told::kRefused, {});
    return Next::Done(Verdict::kRefused, heard.words);
  }
  const auto jws = ParseSingle(heard.payload, "receipt");
  const auto said = jws ? scene_.Read(*jws, kTypReceipt) : jws;
  const auto receipt = said ? PaymentResultPayload::Parse(*said)
                            : base::Result<PaymentResultPayload>(std::unexpected(said.error()));
  if (!receipt || receipt->payment_id != fact.payment_id || receipt->sub != fact.buyer->id) {
    return Next::Done(Verdict::kBroken, "a receipt that does not hold");
  }
  if (receipt->result == PaymentResult::kPending) return Again(0);
  const bool completed = receipt->result == PaymentResult::kCompleted;
  scene_.ledger.Tell(fact_, completed ? Told::kCompleted : Told::kFailed, receipt->bank_reference);
  return Next::Done(Verdict::kGood);
}

}  // namespace paygate::load
