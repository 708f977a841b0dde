#include "tests/doubles/fake_gateway.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"

namespace paygate::doubles {
namespace {

using protocol::Certificate;
using protocol::KeyName;
using protocol::Role;
using protocol::SoftwareKey;
constexpr std::chrono::hours kYear{24 * 365};
constexpr int64_t kHandshakeSeconds = 60;

// The fake is part of the test: what fails inside it ends the test with the reason.
template <typename T>
T Must(base::Result<T> result) {
  if (!result) {
    ADD_FAILURE() << "fake gateway: " << result.error().ToString();
    std::abort();
  }
  return std::move(*result);
}

template <typename F, typename T>
void Call(const F& hook, T& value) {
  if (hook) hook(value);
}

std::unique_ptr<Credential> SelfSigned(base::UnixTime now) {
  auto key = Must(SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  auto signer = Must(key.AsSigner());
  auto certificate = Must(protocol::BuildCertificate({.role = Role::kRoot,
                                                      .subject_cn = "Test root",
                                                      .subject_key = key.public_key(),
                                                      .not_before = now - kYear,
                                                      .not_after = now + 20 * kYear},
                                                     nullptr, *signer));
  return std::make_unique<Credential>(Credential{key, certificate, {}});
}

}  // namespace

Credential FakeGateway::Issue(Role role, const std::string& cn, const std::string& binding,
                              const Credential* issuer) const {
  const bool decrypts = role == Role::kGatewayEncryption || role == Role::kParticipantEncryption;
  auto key = Must(SoftwareKey::Generate(hsm::KeyType::kP256,
                                        decrypts ? hsm::KeyUsage::kDecrypt : hsm::KeyUsage::kSign));
  if (issuer == nullptr) issuer = role == Role::kIssuingCa ? root_.get() : issuing_.get();
  auto signer = Must(issuer->key.AsSigner());
  auto certificate = Must(protocol::BuildCertificate({.role = role,
                                                      .subject_cn = cn,
                                                      .subject_key = key.public_key(),
                                                      .not_before = clock_.Now() - kYear / 2,
                                                      .not_after = clock_.Now() + 5 * kYear,
                                                      .account_binding = binding},
                                                     &issuer->certificate, *signer));
  std::vector<std::string> chain{certificate.der()};
  chain.insert(chain.end(), issuer->chain.begin(), issuer->chain.end());
  return Credential{key, certificate, chain};
}

FakeGateway::FakeGateway(const base::Clock& clock) : clock_(clock), id_(protocol::NewNonce()) {
  root_ = SelfSigned(clock_.Now());
  issuing_ = std::make_unique<Credential>(Issue(Role::kIssuingCa, "Test issuing CA"));
  Rotate();
}

void FakeGateway::Rotate() {
  signature_ = std::make_unique<Credential>(Issue(Role::kGatewaySignature, id_));
  encryption_ = std::make_unique<Credential>(Issue(Role::kGatewayEncryption, id_));
  known_chains_[signature_->certificate.fingerprint()] = signature_->chain;
}

std::vector<FakeGateway::Request> FakeGateway::PostsTo(const std::string& path) const {
  std::vector<Request> found;
  for (const Request& request : posts) {
    if (request.path == path) found.push_back(request);
  }
  return found;
}

std::string FakeGateway::SignAsGateway(std::string_view typ, std::string_view payload) const {
  const Credential& credential = signs_as ? *signs_as : *signature_;
  std::string used(typ);
  Call(on_typ, used);
  auto signer = Must(credential.key.AsSigner());
  return Must(protocol::SignJws(
      *signer, used, {.name = KeyName::kX5t, .x5t_s256 = credential.certificate.fingerprint()},
      payload));
}

FakeGateway::HttpAnswer FakeGateway::Problem(int status, const std::string& code) const {
  return {.status = status,
          .content_type = std::string(participant::kProblemType),
          .body = protocol::Problem{.code = code, .title = code, .status = status, .instance = "1"}
                      .Print()};
}

FakeGateway::HttpAnswer FakeGateway::Sealed(int status, const std::string& certificate_der,
                                            bool named, const std::string& payload) const {
  const Certificate certificate = Must(Certificate::Parse(certificate_der));
  return {.status = status,
          .content_type = std::string(participant::kJoseType),
          .body = Must(protocol::SealJwe(certificate.key(), named ? certificate.fingerprint() : "",
                                         {}, payload))};
}

base::Result<participant::HttpAnswer> FakeGateway::Get(const std::string& path) {
  if (before) {
    if (auto replaced = before(path)) return *replaced;
  }
  if (path == "/v1/gateway") {
    ++documents_given;
    protocol::GatewayPayload document{.id = id_,
                                      .version = 1,
                                      .iat = Now(),
                                      .exp = Now() + 86400,
                                      .signature = {signature_->chain},
                                      .encryption = {encryption_->chain},
                                      .signature_algorithms = {"ES256"},
                                      .limits = {65536, 120, 60, 86400, {"GBP", "EUR"}}};
    Call(on_document, document);
    const Credential& credential = signs_document_as ? *signs_document_as : *signature_;
    auto signer = Must(credential.key.AsSigner());
    return HttpAnswer{.status = 200,
                      .content_type = std::string(participant::kJoseType),
                      .body = Must(protocol::SignJws(
                          *signer, protocol::kTypGateway,
                          {.name = KeyName::kX5c, .x5c = credential.chain}, document.Print()))};
  }
  const std::string prefix = "/v1/certificates/";
  const auto known = known_chains_.find(path.starts_with(prefix) ? path.substr(prefix.size()) : "");
  if (hides_signer || known == known_chains_.end()) {
    const bool impostor = signs_as && path == prefix + signs_as->certificate.fingerprint();
    if (!impostor || hides_signer) return Problem(404, "not-found");
    known_chains_[signs_as->certificate.fingerprint()] = signs_as->chain;
    return Get(path);
  }
  std::string array = "[";
  for (const std::string& der : known->second) {
    array += (array.size() > 1 ? ",\"" : "\"") + base::Base64Encode(der) + "\"";
  }
  return HttpAnswer{.status = 200, .content_type = "application/json", .body = array + "]"};
}

base::Result<participant::HttpAnswer> FakeGateway::Post(const std::string& path,
                                                        const std::string& body) {
  posts.push_back({path, body});
  if (before) {
    if (auto replaced = before(path)) return *replaced;
  }
  HttpAnswer answer = Handle(path, body);
  if (after) {
    if (auto replaced = after(path)) return *replaced;
  }
  return answer;
}

FakeGateway::HttpAnswer FakeGateway::Handle(const std::string& path, const std::string& body) {
  auto jwe = protocol::ParseJwe(body);
  if (!jwe || jwe->x5t_s256 != encryption_->certificate.fingerprint()) {
    return Problem(400, "decryption-failed");
  }
  auto payload = protocol::OpenJwe(*jwe, *Must(encryption_->key.AsDecrypter()));
  if (!payload) return Problem(400, "decryption-failed");
  const std::string& extra = jwe->extra.value;
  if (path == "/v1/registrations") return Register(*payload);
  if (path == "/v1/renewals") return Renew(*payload);
  if (path == "/v1/revocations") return Revoke(*payload);
  if (path == "/v1/seller-blocks/challenge") return SellerChallenge(*payload, extra);
  if (path == "/v1/seller-blocks") return SellerConfirmation(*payload, extra);
  if (path == "/v1/payments/challenge") return BuyerChallenge(*payload, extra);
  if (path == "/v1/payments") return Authorisation(*payload, extra);
  if (path.starts_with("/v1/refund-claims")) return TakeClaim(*payload);
  if (path == "/v1/mailbox") return Mailbox(*payload);
  return Problem(404, "not-found");
}

FakeGateway::HttpAnswer FakeGateway::Refuse(const std::string& id, const std::string& digest,
                                            const std::string& code) {
  refusals_[digest] = code;
  protocol::RefusalPayload refusal{
      .iss = id_, .sub = id, .iat = Now(), .request = digest, .code = code};
  Call(on_refusal, refusal);
  const std::string jws = SignAsGateway(protocol::kTypRefusal, refusal.Print());
  return Sealed(409, participants_.at(id).encryption_der, true,
                protocol::PrintSingle("refusal", jws));
}

std::string FakeGateway::NewHandshake() {
  const std::string handshake = base::Base64UrlEncode(base::RandomBytes(48));
  handshakes_[handshake] = Now() + kHandshakeSeconds;
  return handshake;
}

bool FakeGateway::HandshakeGood(const std::string& handshake) const {
  const auto it = handshakes_.find(handshake);
  return it != handshakes_.end() && Now() < it->second;
}

FakeGateway::HttpAnswer FakeGateway::SellerChallenge(const std::string& payload,
                                                     const std::string& r1) {
  auto asked = Must(protocol::SellerChallengeRequestBody::Parse(payload));
  const Certificate to = Must(Certificate::Parse(asked.certificate));
  protocol::SellerChallengePayload challenge{.iss = id_,
                                             .sub = to.subject_id(),
                                             .iat = Now(),
                                             .exp = Now() + kHandshakeSeconds,
                                             .r1 = r1,
                                             .r2 = protocol::NewNonce(),
                                             .sblk = asked.sblk};
  Call(on_seller_challenge, challenge);
  const protocol::ChallengeBody body{
      SignAsGateway(protocol::kTypSellerChallenge, challenge.Print()), NewHandshake()};
  return Sealed(200, asked.certificate, true, body.Print());
}

FakeGateway::HttpAnswer FakeGateway::SellerConfirmation(const std::string& payload,
                                                        const std::string& handshake) {
  auto body = Must(protocol::SellerConfirmationBody::Parse(payload));
  const std::string digest = Must(protocol::DigestOfCompact(body.confirmation));
  if (sales_.contains(digest)) return sales_.at(digest);
  if (!HandshakeGood(handshake)) return Problem(409, "handshake-expired");
  auto jws =
      Must(protocol::ParseJws(body.confirmation, protocol::kTypSellerConfirmation, KeyName::kX5c));
  auto confirmation = Must(protocol::SellerConfirmationPayload::Parse(jws.payload));
  Must(protocol::VerifyJws(jws, Must(Certificate::Parse(jws.x5c.front())).key()));
  if (!refuse_with.empty()) return Refuse(confirmation.iss, digest, refuse_with);
  protocol::CsblkPayload csblk{.iss = id_,
                               .sub = confirmation.iss,
                               .iat = Now(),
                               .exp = Now() + 86400,
                               .sblk = confirmation.sblk,
                               .undertaking = confirmation.undertaking};
  Call(on_csblk, csblk);
  protocol::SdJwt text{SignAsGateway(protocol::kTypCsblk, csblk.Print()), body.seller_disclosure};
  Call(on_sd_jwt, text);
  sales_[digest] = Sealed(201, participants_.at(confirmation.iss).encryption_der, true,
                          protocol::CsblkBody{text.Print()}.Print());
  return sales_.at(digest);
}

FakeGateway::HttpAnswer FakeGateway::BuyerChallenge(const std::string& payload,
                                                    const std::string& r3) {
  auto asked = Must(protocol::BuyerChallengeRequestBody::Parse(payload));
  const Certificate to = Must(Certificate::Parse(asked.certificate));
  protocol::BuyerChallengePayload challenge{.iss = id_,
                                            .sub = to.subject_id(),
                                            .iat = Now(),
                                            .exp = Now() + kHandshakeSeconds,
                                            .r3 = r3,
                                            .r4 = protocol::NewNonce(),
                                            .bblk = asked.bblk};
  Call(on_buyer_challenge, challenge);
  const protocol::ChallengeBody body{SignAsGateway(protocol::kTypBuyerChallenge, challenge.Print()),
                                     NewHandshake()};
  return Sealed(200, asked.certificate, true, body.Print());
}

FakeGateway::HttpAnswer FakeGateway::Authorisation(const std::string& payload,
                                                   const std::string& handshake) {
  auto body = Must(protocol::PaymentAuthorisationBody::Parse(payload));
  const std::string digest = Must(protocol::DigestOfCompact(body.authorisation));
  if (authorisations_.contains(digest)) return ReceiptFor(digest);
  auto jws = Must(
      protocol::ParseJws(body.authorisation, protocol::kTypPaymentAuthorisation, KeyName::kX5c));
  auto authorisation = Must(protocol::PaymentAuthorisationPayload::Parse(jws.payload));
  if (refusals_.contains(digest)) return Refuse(authorisation.iss, digest, refusals_.at(digest));
  if (!HandshakeGood(handshake)) return Problem(409, "handshake-expired");
  Must(protocol::VerifyJws(jws, Must(Certificate::Parse(jws.x5c.front())).key()));
  if (!refuse_with.empty()) return Refuse(authorisation.iss, digest, refuse_with);
  authorisations_.insert({digest, {authorisation, bank_says}});
  authorisations_seen_ = authorisations_.size();
  if (bank_says == protocol::PaymentResult::kCompleted) ++payments_made_;
  if (bank_says != protocol::PaymentResult::kPending) Confirm(digest);
  return ReceiptFor(digest);
}

FakeGateway::HttpAnswer FakeGateway::ReceiptFor(const std::string& payment_id) {
  const Payment& payment = authorisations_.at(payment_id);
  const auto& a = payment.authorisation;
  protocol::PaymentResultPayload receipt{.iss = id_,
                                         .sub = a.iss,
                                         .iat = Now(),
                                         .authorised_at = a.iat,
                                         .result = payment.result,
                                         .payment_id = payment_id,
                                         .bblk = a.bblk,
                                         .csblk = a.csblk};
  Call(on_receipt, receipt);
  const std::string jws = SignAsGateway(protocol::kTypReceipt, receipt.Print());
  return Sealed(payment.result == protocol::PaymentResult::kPending ? 202 : 201,
                participants_.at(a.iss).encryption_der, true,
                protocol::PrintSingle("receipt", jws));
}

void FakeGateway::Confirm(const std::string& payment_id) {
  const Payment& payment = authorisations_.at(payment_id);
  const auto& a = payment.authorisation;
  auto csblk = Must(protocol::ParseJws(a.csblk, protocol::kTypCsblk, KeyName::kX5t));
  const std::string seller = Must(protocol::CsblkPayload::Parse(csblk.payload)).sub;
  protocol::PaymentResultPayload confirmation{.iss = id_,
                                              .sub = seller,
                                              .iat = Now(),
                                              .authorised_at = a.iat,
                                              .result = payment.result,
                                              .payment_id = payment_id,
                                              .bblk = a.bblk,
                                              .csblk = a.csblk};
  Call(on_confirmation, confirmation);
  PutInMailbox(
      seller, protocol::PrintSingle("confirmation", SignAsGateway(protocol::kTypPaymentConfirmation,
                                                                  confirmation.Print())));
}

void FakeGateway::SettlePending(protocol::PaymentResult result) {
  for (auto& [payment_id, payment] : authorisations_) {
    if (payment.result != protocol::PaymentResult::kPending) continue;
    payment.result = result;
    if (result == protocol::PaymentResult::kCompleted) ++payments_made_;
    Confirm(payment_id);
    const auto& a = payment.authorisation;
    protocol::PaymentResultPayload receipt{.iss = id_,
                                           .sub = a.iss,
                                           .iat = Now(),
                                           .authorised_at = a.iat,
                                           .result = result,
                                           .payment_id = payment_id,
                                           .bblk = a.bblk,
                                           .csblk = a.csblk};
    Call(on_receipt, receipt);
    PutInMailbox(a.iss, protocol::PrintSingle(
                            "receipt", SignAsGateway(protocol::kTypReceipt, receipt.Print())));
  }
}

void FakeGateway::PutInMailbox(const std::string& id, const std::string& payload) {
  mailboxes_[id].push_back(Sealed(200, participants_.at(id).encryption_der, true, payload).body);
}

FakeGateway::HttpAnswer FakeGateway::Mailbox(const std::string& payload) {
  const std::string compact = Must(protocol::ParseSingle(payload, "request"));
  auto jws = Must(protocol::ParseJws(compact, protocol::kTypMailbox, KeyName::kX5c));
  auto asked = Must(protocol::MailboxPayload::Parse(jws.payload));
  const auto& mailbox = mailboxes_[asked.iss];
  protocol::MailboxBody body{.newest = static_cast<int64_t>(mailbox.size())};
  for (int64_t i = asked.after; i < body.newest && body.messages.size() < 2; ++i) {
    body.messages.push_back({.cursor = i + 1, .jwe = mailbox[static_cast<size_t>(i)]});
  }
  return Sealed(200, participants_.at(asked.iss).encryption_der, true, body.Print());
}

}  // namespace paygate::doubles
