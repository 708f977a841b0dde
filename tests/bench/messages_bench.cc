// Parsing each message of protocol.md, as JSON of the usual size.
#include "tests/bench/bench.h"
#include "tests/bench/samples.h"

namespace paygate::bench {

using namespace protocol;  // NOLINT: nothing else here

const Samples& TheSamples();

namespace {

template <typename Message>
void Add(const char* name, const Message& message) {
  const std::string text = message.Print();
  Must(Message::Parse(text));
  benchmark::RegisterBenchmark(("parse/" + std::string(name)).c_str(),
                               [text](benchmark::State& state) {
                                 for (auto _ : state) {
                                   benchmark::DoNotOptimize(Message::Parse(text));
                                 }
                                 state.counters["bytes"] = static_cast<double>(text.size());
                               });
}

void AddSmall(const Samples& s, int64_t now) {
  Add("revocation", RevocationPayload{.iss = s.id, .aud = s.id, .iat = now, .nonce = s.nonce});
  Add("cancellation",
      CancellationPayload{
          .iss = s.id, .aud = s.id, .iat = now, .nonce = s.nonce, .csblk_id = s.digest});
  Add("mailbox", MailboxPayload{.iss = s.id, .aud = s.id, .iat = now, .nonce = s.nonce});
  Add("mailbox_body", MailboxBody{.newest = 1, .messages = {{.cursor = 1, .jwe = s.receipt_jwe}}});
  Add("done", DonePayload{.iss = s.id, .sub = s.id, .iat = now, .request = s.digest});
  Add("refusal", RefusalPayload{.iss = s.id,
                                .sub = s.id,
                                .iat = now,
                                .request = s.digest,
                                .code = "csblk-expired",
                                .payment_id = {}});
  Add("problem", Problem{.code = "overloaded",
                         .title = "Too many requests at once",
                         .status = 503,
                         .instance = "q83vEjRWeJCrze8S"});
}

void AddRegistration(const Samples& s, int64_t now) {
  Add("registration",
      RegistrationPayload{.aud = s.id,
                          .iat = now,
                          .nonce = s.nonce,
                          .signature_jwk = s.signature_key.public_key().ToJwk(),
                          .encryption_jwk = s.encryption_key.public_key().ToJwk(),
                          .disclosure = s.account.text(),
                          .enrolment_code = base::SecretBytes::CopyOf("0123456789abcdef01234567")});
  Add("registered", RegisteredPayload{.iss = s.id,
                                      .sub = s.id,
                                      .iat = now,
                                      .request = s.digest,
                                      .nonce = s.nonce,
                                      .signature_certificate = s.signature.der(),
                                      .encryption_certificate = s.encryption.der(),
                                      .chain = {s.signature.der()},
                                      .gateway_signature = s.signature.der(),
                                      .gateway_encryption = s.encryption.der()});
}

}  // namespace

void RegisterMessages() {
  const Samples& s = TheSamples();
  const int64_t now = s.receipt_payload->iat, exp = now + 60;
  AddRegistration(s, now);
  Add("seller_challenge_request",
      SellerChallengeRequestBody{.sblk = s.sblk, .certificate = s.encryption.der()});
  Add("seller_challenge", SellerChallengePayload{.iss = s.id,
                                                 .sub = s.id,
                                                 .iat = now,
                                                 .exp = exp,
                                                 .r1 = s.nonce,
                                                 .r2 = s.nonce,
                                                 .sblk = s.sblk});
  Add("challenge_body", ChallengeBody{.challenge = s.receipt, .handshake = std::string(300, 'h')});
  Add("seller_confirmation",
      SellerConfirmationPayload{
          .iss = s.id, .aud = s.id, .r1 = s.nonce, .r2 = s.nonce, .sblk = s.sblk});
  Add("seller_confirmation_body",
      SellerConfirmationBody{.confirmation = s.authorisation,
                             .seller_disclosure = s.account.text(),
                             .seller_binding_disclosure = s.account.text()});
  Add("csblk", CsblkPayload{.iss = s.id, .sub = s.id, .iat = now, .exp = exp, .sblk = s.sblk});
  Add("buyer_challenge_request",
      BuyerChallengeRequestBody{.bblk = s.bblk, .certificate = s.encryption.der()});
  Add("buyer_challenge", BuyerChallengePayload{.iss = s.id,
                                               .sub = s.id,
                                               .iat = now,
                                               .exp = exp,
                                               .r3 = s.nonce,
                                               .r4 = s.nonce,
                                               .bblk = s.bblk});
  Add("authorisation", *s.authorisation_payload);
  Add("authorisation_body", PaymentAuthorisationBody{.authorisation = s.authorisation,
                                                     .buyer_disclosure = s.account.text(),
                                                     .buyer_binding_disclosure = s.account.text(),
                                                     .seller_disclosure = s.account.text()});
  Add("receipt", *s.receipt_payload);
  AddSmall(s, now);
}

}  // namespace paygate::bench
