#include "tests/bench/shopper.h"

#include "base/crypto.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"

namespace paygate::bench {

using namespace protocol;  // NOLINT: speaks nothing else
using gateway::Response;

namespace {

constexpr const char* kGoods = "One second-hand bicycle, blue, with basket and two lamps";

int64_t Now() { return base::ToNumericDate(base::SystemClock().Now()); }

SoftwareKey NewKey(hsm::KeyType type, hsm::KeyUsage usage) {
  return Must(SoftwareKey::Generate(type, usage));
}

// Not verified: these messages come from this very process.
std::string PayloadOf(std::string_view jws, std::string_view typ) {
  return Must(ParseJws(jws, typ, KeyName::kX5t, JwsForms::kSingleOrBatch)).payload;
}

}  // namespace

Shopper::Shopper(Rig& the_rig, const Customer& who)
    : rig(the_rig),
      customer(who),
      binding(Must(Disclosure::Make(who.iban)).text()),
      signature_key(NewKey(rig.type(), hsm::KeyUsage::kSign)),
      encryption_key(NewKey(rig.type(), hsm::KeyUsage::kDecrypt)),
      signer(Must(signature_key.AsSigner())),
      decrypter(Must(encryption_key.AsDecrypter())) {
  const RegistrationPayload payload{
      .aud = rig.keys().id,
      .iat = Now(),
      .nonce = NewNonce(),
      .signature_jwk = signature_key.public_key().ToJwk(),
      .encryption_jwk = encryption_key.public_key().ToJwk(),
      .disclosure = binding,
      .enrolment_code = base::SecretBytes::CopyOf(customer.enrolment_code)};
  const std::string jws = Must(SignJws(*signer, kTypRegistration, {}, payload.Print()));
  const auto answers =
      rig.PostAll("/v1/registrations", {Seal(PrintSingle("registration", jws))}, 1);
  const std::string answer = Must(ParseSingle(Open(answers[0], 201), "registered"));
  const auto registered = Must(RegisteredPayload::Parse(PayloadOf(answer, kTypRegistered)));
  id = registered.sub;
  signature_certificate = registered.signature_certificate;
  encryption_certificate = registered.encryption_certificate;
}

std::string Shopper::Seal(std::string_view payload, const JweExtra& extra) const {
  const Certificate& gateway = rig.keys().Encryption().certificate;
  JweExtra asking = extra;
  asking.accept = forms;
  return Must(SealJwe(gateway.key(), gateway.fingerprint(), asking, payload));
}

void Shopper::Ask(JwsForms wanted) {
  forms = wanted;
  const MailboxPayload look{.iss = id, .aud = rig.keys().id, .iat = Now(), .nonce = NewNonce(),
                            .after = 0, .wait = 0};
  const std::string request = PrintSingle("request", Sign(kTypMailbox, look.Print()));
  (void)Open(rig.Post("/v1/mailbox", Seal(request)), 200);
}

std::string Shopper::Open(const Response& response, uint32_t status) const {
  if (response.status != status) {
    Must<void>(base::Fail(base::ErrorCode::kInternal, "the engine refused: " + response.body));
  }
  return Must(OpenJwe(Must(ParseJwe(response.body)), *decrypter));
}

std::string Shopper::Sign(std::string_view typ, std::string_view payload) const {
  return Must(
      SignJws(*signer, typ, {.name = KeyName::kX5c, .x5c = {signature_certificate}}, payload));
}

Purchase MakeSale(Rig& rig, const Shopper& seller, const Shopper& buyer) {
  const auto now = base::SystemClock().Now(), expires = now + std::chrono::days(1);
  const auto account = Must(Disclosure::Make(seller.customer.iban));
  const CsblkPayload payload{.iss = rig.keys().id,
                             .sub = seller.id,
                             .iat = base::ToNumericDate(now),
                             .exp = base::ToNumericDate(expires),
                             .sblk = {.nonce = NewNonce(),
                                      .goods = kGoods,
                                      .price = Must(base::Money::Parse("0.01", "GBP")),
                                      .account_digest = account.Digest(),
                                      .buyer = {}}};
  const std::string jws = Must(
      SignJws(*rig.keys().Signature().key, kTypCsblk,
              {.name = KeyName::kX5t, .x5t_s256 = rig.keys().Signature().certificate.fingerprint()},
              payload.Print()));
  Must(rig.store().csblks().Issue(
      {.csblk_id = Must(DigestOfCompact(jws)),
       .confirmation_digest = base::Sha256Base64Url(payload.sblk.nonce),
       .seller_id = seller.id,
       .nonce = payload.sblk.nonce,
       .jws = jws,
       .reply_certificate = base::Sha256Base64Url(seller.encryption_certificate),
       .issued_at = now,
       .expires_at = expires}));
  const auto debit = Must(Disclosure::Make(buyer.customer.iban));
  return {.buyer = &buyer,
          .r3 = NewNonce(),
          .bblk = {.goods = payload.sblk.goods,
                   .price = payload.sblk.price,
                   .account_digest = debit.Digest()},
          .buyer_disclosure = debit.text(),
          .csblk = {.jws = jws, .disclosure = account.text()}};
}

std::string ChallengeRequest(const Purchase& purchase) {
  const BuyerChallengeRequestBody body{.bblk = purchase.bblk,
                                       .certificate = purchase.buyer->encryption_certificate};
  return purchase.buyer->Seal(body.Print(), {"r3", purchase.r3});
}

std::string Authorisation(const Purchase& purchase, const Response& challenge) {
  const Shopper& buyer = *purchase.buyer;
  const auto body = Must(ChallengeBody::Parse(buyer.Open(challenge, 200)));
  const auto told =
      Must(BuyerChallengePayload::Parse(PayloadOf(body.challenge, kTypBuyerChallenge)));
  const PaymentAuthorisationPayload payload{.iss = buyer.id,
                                            .aud = buyer.rig.keys().id,
                                            .r3 = purchase.r3,
                                            .r4 = told.r4,
                                            .iat = Now(),
                                            .bblk = purchase.bblk,
                                            .csblk = purchase.csblk.jws};
  const PaymentAuthorisationBody message{
      .authorisation = buyer.Sign(kTypPaymentAuthorisation, payload.Print()),
      .buyer_disclosure = purchase.buyer_disclosure,
      .buyer_binding_disclosure = buyer.binding,
      .seller_disclosure = purchase.csblk.disclosure};
  return buyer.Seal(message.Print(), {"handshake", body.handshake});
}

void CheckReceipt(const Purchase& purchase, const Response& answer) {
  const std::string jws = Must(ParseSingle(purchase.buyer->Open(answer, 201), "receipt"));
  const auto receipt = Must(PaymentResultPayload::Parse(PayloadOf(jws, kTypReceipt)));
  if (receipt.result == PaymentResult::kCompleted) return;
  Must<void>(base::Fail(base::ErrorCode::kInternal, "a payment failed: " + receipt.reason));
}

}  // namespace paygate::bench
