#include "tests/integration/raw_participant.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "protocol/certificate.h"
#include "protocol/json.h"
#include "protocol/jws.h"

namespace paygate::integration {

using namespace protocol;  // NOLINT: a test that speaks nothing else

RawParticipant::RawParticipant(const ScratchGateway& gateway, Customer who, hsm::KeyType type)
    : RawParticipant(Must(participant::OpenHttpsTransport(
                         {.url = gateway.url(), .root_pem = gateway.RootPem()})),
                     gateway.RootPem(), std::move(who), type) {}

RawParticipant::RawParticipant(std::unique_ptr<participant::Transport> way,
                               const std::string& root_pem, Customer who, hsm::KeyType type)
    : customer(std::move(who)),
      binding(Must(Disclosure::Make(customer.iban)).text()),
      signature_key(Must(SoftwareKey::Generate(type, hsm::KeyUsage::kSign))),
      encryption_key(Must(SoftwareKey::Generate(
          type == hsm::KeyType::kEd25519 ? hsm::KeyType::kP256 : type, hsm::KeyUsage::kDecrypt))),
      signer(Must(signature_key.AsSigner())),
      decrypter(Must(encryption_key.AsDecrypter())),
      transport(std::move(way)),
      root_pem(root_pem) {
  const auto root = Must(Certificate::ParsePem(root_pem));
  participant::HttpAnswer answer;
  // 503 means "soon": a token on a busy machine may be late with the first signature.
  Eventually([&] {
    answer = Must(transport->Get("/v1/gateway"));
    return answer.status != 503;
  });
  auto jws = Must(ParseJws(answer.body, kTypGateway, KeyName::kX5c));
  std::vector<Certificate> chain;
  for (const std::string& der : jws.x5c) chain.push_back(Must(Certificate::Parse(der)));
  const auto checker = Must(CertificateChecker::Create(root, {chain.at(1)}));
  if (!checker.Check(chain[0], Role::kGatewaySignature, base::SystemClock().Now())) {
    throw std::runtime_error("the gateway's certificate is not good");
  }
  const auto payload = Must(GatewayPayload::Parse(Must(VerifyJws(jws, chain[0].key())).payload()));
  gateway_id = payload.id;
  gateway_signature = chain[0];
  gateway_encryption = Must(Certificate::Parse(payload.encryption.at(0).at(0)));
}

int64_t RawParticipant::Now() const {
  return base::ToNumericDate(base::SystemClock().Now() + clock_offset);
}

std::string RawParticipant::Sign(std::string_view typ, std::string_view payload) const {
  return Must(SignJws(*signer, typ, {.name = KeyName::kX5c, .x5c = {signature_certificate}},
                      payload));
}

std::string RawParticipant::Seal(std::string_view payload, const JweExtra& extra) const {
  JweExtra asking = extra;
  asking.accept = forms;
  return Must(SealJwe(gateway_encryption->key(), gateway_encryption->fingerprint(), asking,
                      payload));
}

std::string RawParticipant::Open(std::string_view jwe) const {
  const auto parsed = Must(ParseJwe(jwe));
  for (const auto& old : old_decrypters) {
    if (auto opened = OpenJwe(parsed, *old)) return *opened;
  }
  return Must(OpenJwe(parsed, *decrypter));
}

Certificate RawParticipant::LookUp(const std::string& x5t) {
  const auto answer = Must(transport->Get("/v1/certificates/" + x5t));
  if (answer.status != 200) throw std::runtime_error("no certificate " + x5t);
  auto object = Must(JsonObject::Parse("{\"chain\":" + answer.body + "}"));
  const auto chain = object.TakeStrings("chain");
  const auto leaf = Must(Certificate::Parse(Must(base::Base64Decode(chain.at(0)))));
  const auto ca = Must(Certificate::Parse(Must(base::Base64Decode(chain.at(1)))));
  const auto checker =
      Must(CertificateChecker::Create(Must(Certificate::ParsePem(root_pem)), {ca}));
  Must(checker.Check(leaf, *leaf.role(), base::SystemClock().Now()));
  if (leaf.fingerprint() != x5t || leaf.subject_id() != gateway_id) {
    throw std::runtime_error("another certificate than " + x5t);
  }
  return leaf;
}

std::string RawParticipant::Verified(std::string_view jws, std::string_view typ) {
  auto parsed = Must(ParseJws(jws, typ, KeyName::kX5t, forms));
  if (parsed.x5t_s256 != gateway_signature->fingerprint()) {
    gateway_signature = LookUp(parsed.x5t_s256);
  }
  return Must(VerifyJws(std::move(parsed), gateway_signature->key())).payload();
}

Said RawParticipant::Post(const std::string& path, const std::string& jwe) {
  const auto answer = Must(transport->Post(path, jwe));
  Said said{.status = answer.status, .retry_after_s = answer.retry_after_s};
  if (answer.content_type == participant::kProblemType) {
    said.code = Must(Problem::Parse(answer.body)).code;
    return said;
  }
  said.payload = Open(answer.body);
  if (auto refusal = ParseSingle(said.payload, "refusal")) {
    const auto payload = Must(RefusalPayload::Parse(Verified(*refusal, kTypRefusal)));
    said.code = payload.code;
    said.payment_id = payload.payment_id;
    said.is_signed = true;
  }
  return said;
}

// ---- Section 4 ----

RegistrationPayload RawParticipant::NewRegistration() const {
  return {.aud = gateway_id,
          .iat = Now(),
          .nonce = NewNonce(),
          .signature_jwk = signature_key.public_key().ToJwk(),
          .encryption_jwk = encryption_key.public_key().ToJwk(),
          .disclosure = binding,
          .enrolment_code = base::SecretBytes::CopyOf(customer.enrolment_code)};
}

Said RawParticipant::SendRegistration(const RegistrationPayload& payload) {
  const std::string jws = Must(SignJws(*signer, kTypRegistration, {}, payload.Print()));
  return Post("/v1/registrations", Seal(PrintSingle("registration", jws)));
}

RawParticipant& RawParticipant::Register() {
  const Said said = SendRegistration(NewRegistration());
  if (said.status != 201) throw std::runtime_error("registration: " + said.code);
  const std::string jws = Must(ParseSingle(said.payload, "registered"));
  const auto registered = Must(RegisteredPayload::Parse(Verified(jws, kTypRegistered)));
  id = registered.sub;
  signature_certificate = registered.signature_certificate;
  encryption_certificate = registered.encryption_certificate;
  return *this;
}

RawParticipant::NewKeys::NewKeys()
    : signature(Must(SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign))),
      encryption(Must(SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt))),
      signer(Must(signature.AsSigner())),
      decrypter(Must(encryption.AsDecrypter())) {}

std::string RawParticipant::RenewalProof(const NewKeys& keys,
                                         const RenewalProofPayload& proof) const {
  return Must(SignJws(*keys.signer, kTypRenewalProof, {}, proof.Print()));
}

RenewalPayload RawParticipant::NewRenewal(const NewKeys& keys) const {
  const std::string nonce = NewNonce();
  return {.iss = id,
          .aud = gateway_id,
          .iat = Now(),
          .nonce = nonce,
          .signature_jwk = keys.signature.public_key().ToJwk(),
          .encryption_jwk = keys.encryption.public_key().ToJwk(),
          .disclosure = binding,
          .proof = RenewalProof(keys, {.iss = id, .aud = gateway_id, .nonce = nonce})};
}

std::string RawParticipant::RenewalJws(const RenewalPayload& payload) const {
  return Sign(kTypRenewal, payload.Print());
}

Said RawParticipant::SendRenewal(const std::string& jws, const NewKeys& keys) {
  old_decrypters.push_back(Must(keys.encryption.AsDecrypter()));
  const Said said = Post("/v1/renewals", Seal(PrintSingle("renewal", jws)));
  old_decrypters.pop_back();
  return said;
}

void RawParticipant::Adopt(NewKeys keys, const Said& renewed) {
  const std::string jws = Must(ParseSingle(renewed.payload, "registered"));
  const auto registered = Must(RegisteredPayload::Parse(Verified(jws, kTypRegistered)));
  signature_certificate = registered.signature_certificate;
  encryption_certificate = registered.encryption_certificate;
  old_decrypters.push_back(std::move(decrypter));
  signature_key = keys.signature;
  encryption_key = keys.encryption;
  signer = std::move(keys.signer);
  decrypter = std::move(keys.decrypter);
}

std::string RawParticipant::RevocationJws(RevocationReason reason) const {
  const RevocationPayload payload{
      .iss = id, .aud = gateway_id, .iat = Now(), .nonce = NewNonce(), .reason = reason};
  return Sign(kTypRevocation, payload.Print());
}

Said RawParticipant::SendRevocation(const std::string& jws) {
  return Post("/v1/revocations", Seal(PrintSingle("revocation", jws)));
}

// ---- Sections 5 and 6 ----

RawParticipant::Challenge RawParticipant::Ask(const std::string& path, const char* nonce_name,
                                              const std::string& body, std::string_view typ) {
  Challenge challenge{.nonce = NewNonce()};
  const Said said = Post(path, Seal(body, {nonce_name, challenge.nonce}));
  if (said.status != 200) throw std::runtime_error(path + ": " + said.code);
  const auto answer = Must(ChallengeBody::Parse(said.payload));
  challenge.handshake = answer.handshake;
  challenge.jws = answer.challenge;
  const std::string payload = Verified(answer.challenge, typ);
  challenge.gateway_nonce =
      typ == kTypSellerChallenge   ? Must(SellerChallengePayload::Parse(payload)).r2
      : typ == kTypRefundChallenge ? Must(RefundChallengePayload::Parse(payload)).r6
                                   : Must(BuyerChallengePayload::Parse(payload)).r4;
  return challenge;
}

Sblk RawParticipant::NewSblk(std::string_view goods, std::string_view amount) {
  const auto disclosure = Must(Disclosure::Make(customer.iban));
  seller_disclosure = disclosure.text();
  return {.nonce = NewNonce(),
          .goods = std::string(goods),
          .price = Must(base::Money::Parse(amount, customer.currency)),
          .account_digest = disclosure.Digest(),
          .buyer = {}};
}

RawParticipant::Challenge RawParticipant::AskSeller(const Sblk& sblk) {
  const SellerChallengeRequestBody body{.sblk = sblk, .certificate = encryption_certificate};
  return Ask("/v1/seller-blocks/challenge", "r1", body.Print(), kTypSellerChallenge);
}

std::string RawParticipant::Confirmation(const Sblk& sblk, const Challenge& challenge) {
  const SellerConfirmationPayload payload{.iss = id,
                                          .aud = gateway_id,
                                          .r1 = challenge.nonce,
                                          .r2 = challenge.gateway_nonce,
                                          .sblk = sblk};
  return Sign(kTypSellerConfirmation, payload.Print());
}

Said RawParticipant::SendConfirmation(const std::string& confirmation,
                                      const std::string& handshake) {
  const SellerConfirmationBody body{.confirmation = confirmation,
                                    .seller_disclosure = seller_disclosure,
                                    .seller_binding_disclosure = binding};
  return Post("/v1/seller-blocks", Seal(body.Print(), {"handshake", handshake}));
}

SdJwt RawParticipant::Sell(std::string_view goods, std::string_view amount) {
  const Sblk sblk = NewSblk(goods, amount);
  const Challenge challenge = AskSeller(sblk);
  const Said said = SendConfirmation(Confirmation(sblk, challenge), challenge.handshake);
  if (said.status != 201) throw std::runtime_error("sale: " + said.code);
  return Must(SdJwt::Parse(Must(CsblkBody::Parse(said.payload)).csblk));
}

Bblk RawParticipant::NewBblk(const SdJwt& csblk) {
  const auto payload = Must(CsblkPayload::Parse(Verified(csblk.jws, kTypCsblk)));
  const auto disclosure = Must(Disclosure::Make(customer.iban));
  buyer_disclosure = disclosure.text();
  return {.goods = payload.sblk.goods,
          .price = payload.sblk.price,
          .account_digest = disclosure.Digest()};
}

RawParticipant::Challenge RawParticipant::AskBuyer(const Bblk& bblk) {
  const BuyerChallengeRequestBody body{.bblk = bblk, .certificate = encryption_certificate};
  return Ask("/v1/payments/challenge", "r3", body.Print(), kTypBuyerChallenge);
}

std::string RawParticipant::Authorisation(const Bblk& bblk, const Challenge& challenge,
                                          const std::string& csblk_jws,
                                          std::optional<int64_t> iat) {
  const PaymentAuthorisationPayload payload{.iss = id,
                                            .aud = gateway_id,
                                            .r3 = challenge.nonce,
                                            .r4 = challenge.gateway_nonce,
                                            .iat = iat.value_or(Now()),
                                            .bblk = bblk,
                                            .csblk = csblk_jws};
  return Sign(kTypPaymentAuthorisation, payload.Print());
}

Said RawParticipant::SendAuthorisation(const std::string& authorisation,
                                       const std::string& handshake,
                                       const std::string& seller_account) {
  const PaymentAuthorisationBody body{.authorisation = authorisation,
                                      .buyer_disclosure = buyer_disclosure,
                                      .buyer_binding_disclosure = binding,
                                      .seller_disclosure = seller_account};
  return Post("/v1/payments", Seal(body.Print(), {"handshake", handshake}));
}

Said RawParticipant::Pay(const SdJwt& csblk) {
  const Bblk bblk = NewBblk(csblk);
  const Challenge challenge = AskBuyer(bblk);
  return SendAuthorisation(Authorisation(bblk, challenge, csblk.jws), challenge.handshake,
                           csblk.disclosure);
}

PaymentResultPayload RawParticipant::ReceiptIn(const Said& said) {
  return Must(PaymentResultPayload::Parse(
      Verified(Must(ParseSingle(said.payload, "receipt")), kTypReceipt)));
}

// ---- Section 7 ----

RefundBlock RawParticipant::NewRefund(const std::string& payment_id, std::string_view amount,
                                      std::string_view currency) const {
  return {.payment_id = payment_id,
          .amount = Must(base::Money::Parse(amount, currency)),
          .nonce = NewNonce()};
}

RawParticipant::Challenge RawParticipant::AskRefund(const RefundBlock& refund) {
  const RefundChallengeRequestBody body{.refund = refund, .certificate = encryption_certificate};
  return Ask("/v1/refunds/challenge", "r5", body.Print(), kTypRefundChallenge);
}

std::string RawParticipant::RefundAuthorisation(const RefundBlock& refund,
                                                const Challenge& challenge) const {
  const RefundAuthorisationPayload payload{.iss = id,
                                           .aud = gateway_id,
                                           .r5 = challenge.nonce,
                                           .r6 = challenge.gateway_nonce,
                                           .iat = Now(),
                                           .refund = refund};
  return Sign(kTypRefundAuthorisation, payload.Print());
}

Said RawParticipant::SendRefund(const std::string& authorisation, const std::string& handshake) {
  return Post("/v1/refunds",
              Seal(PrintSingle("authorisation", authorisation), {"handshake", handshake}));
}

Said RawParticipant::Refund(const std::string& payment_id, std::string_view amount) {
  const RefundBlock refund = NewRefund(payment_id, amount);
  const Challenge challenge = AskRefund(refund);
  return SendRefund(RefundAuthorisation(refund, challenge), challenge.handshake);
}

RefundResultPayload RawParticipant::RefundReceiptIn(const Said& said) {
  return Must(RefundResultPayload::Parse(
      Verified(Must(ParseSingle(said.payload, "receipt")), kTypRefundReceipt)));
}

// ---- Section 8 ----

Said RawParticipant::SendMailbox(int64_t after, int64_t wait, std::optional<int64_t> ack) {
  const MailboxPayload payload{.iss = id,
                               .aud = gateway_id,
                               .iat = Now(),
                               .nonce = NewNonce(),
                               .after = after,
                               .wait = wait,
                               .ack = ack};
  return Post("/v1/mailbox", Seal(PrintSingle("request", Sign(kTypMailbox, payload.Print()))));
}

std::vector<Single> RawParticipant::Mailbox(int64_t after, int64_t wait) {
  const Said said = SendMailbox(after, wait);
  if (said.status != 200) throw std::runtime_error("mailbox: " + said.code);
  std::vector<Single> messages;
  for (const auto& message : Must(MailboxBody::Parse(said.payload)).messages) {
    messages.push_back(Must(ParseSingle(Open(message.jwe))));
  }
  return messages;
}

}  // namespace paygate::integration
