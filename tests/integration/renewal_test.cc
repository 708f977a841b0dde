// Renewal against the running gateway (protocol.md section 4; formal/README.md, attack 3).
#include "protocol/jws.h"
#include "tests/integration/lifecycle.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else
using NewKeys = RawParticipant::NewKeys;

TEST_F(Lifecycle, RenewedCertificatesServeUnderTheSameIdAndAccount) {
  const Said early = Renew(*seller);
  EXPECT_EQ(early.code, "certificate-invalid") << "90 days before expiry and no sooner";
  EXPECT_TRUE(early.is_signed);
  Turn(std::chrono::days(11));
  const auto sold_before = seller->Sell("A lamp", "2.00");
  const auto old_binding =
      Must(Certificate::Parse(seller->signature_certificate)).account_binding();

  NewKeys keys;
  const std::string jws = seller->RenewalJws(seller->NewRenewal(keys));
  const Said renewed = seller->SendRenewal(jws, keys);
  ASSERT_EQ(renewed.status, 201) << renewed.code;
  EXPECT_EQ(seller->SendRenewal(jws, keys).payload, renewed.payload)
      << "a lost reply costs nothing";
  // The old pair serves until it expires.
  EXPECT_EQ(buyer->Pay(sold_before).status, 201);
  const auto sold_between = seller->Sell("A chair", "3.00");

  seller->Adopt(std::move(keys), renewed);
  for (const std::string* der :
       {&seller->signature_certificate, &seller->encryption_certificate}) {
    const auto certificate = Must(Certificate::Parse(*der));
    EXPECT_EQ(certificate.subject_id(), seller->id);
    EXPECT_EQ(certificate.account_binding(), old_binding);
  }
  EXPECT_EQ(buyer->Pay(sold_between).status, 201) << "renewal leaves a CSBLK payable";
  EXPECT_TRUE(PaymentWorks());
  EXPECT_EQ(seller->Mailbox().size(), 3u) << "one mailbox, before and after";
  // The answer stays the answer, also when the gateway was started anew.
  gateway.Stop();
  gateway.Start();
  RawParticipant again(gateway, seller->customer);
  again.old_decrypters.push_back(Must(seller->encryption_key.AsDecrypter()));
  EXPECT_EQ(again.Post("/v1/renewals", again.Seal(PrintSingle("renewal", jws))).payload,
            renewed.payload);
}

TEST_F(Lifecycle, ARenewalMovesToNoOtherAccountAndTakesNoUnprovenKey) {
  Turn(std::chrono::days(11));
  const NewKeys keys, others;
  const auto refused = [&](RenewalPayload payload, const char* code) {
    const Said said = mallory->SendRenewal(mallory->RenewalJws(payload), keys);
    EXPECT_EQ(said.code, code);
    EXPECT_TRUE(said.is_signed);
  };
  // Attack 3: whoever knows an account number renews onto it.
  RenewalPayload payload = mallory->NewRenewal(keys);
  payload.disclosure = Must(Disclosure::Make(buyer->customer.iban)).text();
  refused(payload, "account-mismatch");
  payload.disclosure = buyer->binding;
  refused(payload, "account-mismatch");
  payload.disclosure = Must(Disclosure::Make(mallory->customer.iban)).text();  // a fresh salt
  refused(payload, "account-mismatch");
  // Keys that are not proved: another's, by another's proof, by a proof of another time.
  payload = mallory->NewRenewal(keys);
  payload.signature_jwk = buyer->signature_key.public_key().ToJwk();
  refused(payload, "signature-invalid");
  payload = mallory->NewRenewal(keys);
  payload.proof = mallory->NewRenewal(others).proof;
  refused(payload, "signature-invalid");
  payload = mallory->NewRenewal(keys);
  payload.nonce = NewNonce();
  refused(payload, "signature-invalid");
  payload = mallory->NewRenewal(keys);
  payload.proof = mallory->RenewalProof(
      keys, {.iss = buyer->id, .aud = payload.aud, .nonce = payload.nonce});
  refused(payload, "signature-invalid");
  // In another's name; to another gateway; one key for two ends; keys that were certified before.
  payload = mallory->NewRenewal(keys);
  payload.iss = buyer->id;
  refused(payload, "not-yours");
  payload = mallory->NewRenewal(keys);
  payload.aud = NewNonce();
  refused(payload, "malformed");
  payload = mallory->NewRenewal(keys);
  payload.encryption_jwk = mallory->encryption_key.public_key().ToJwk();
  refused(payload, "malformed");
  payload = mallory->NewRenewal(keys);
  payload.iat += 150;
  refused(payload, "clock-skew");
  EXPECT_EQ(Renew(*mallory).status, 201) << "an honest one works after all that";
}

TEST_F(Lifecycle, AProofAndACertificateAreOfUseForOneRenewal) {
  Turn(std::chrono::days(11));
  NewKeys keys;
  const RenewalPayload first = mallory->NewRenewal(keys);
  const Said said = mallory->SendRenewal(mallory->RenewalJws(first), keys);
  ASSERT_EQ(said.status, 201) << said.code;
  // The certificate was renewed: not again, with new keys or old.
  EXPECT_EQ(Renew(*mallory).code, "certificate-invalid");
  mallory->Adopt(std::move(keys), said);
  Turn(std::chrono::days(11));
  // The proof again, with its nonce, under the certificate that it helped to make.
  const NewKeys unused;
  RenewalPayload replay = first;
  replay.iat = mallory->Now();
  EXPECT_EQ(mallory->SendRenewal(mallory->RenewalJws(replay), unused).code, "malformed");
  EXPECT_EQ(Renew(*mallory).status, 201);
}

TEST_F(Lifecycle, ARenewalComesAtMostThirtyDaysAfterExpiry) {
  Turn(kLife + std::chrono::days(29));
  EXPECT_EQ(seller->SendMailbox(0, 0).code, "certificate-invalid") << "renewal alone has a grace";
  EXPECT_EQ(Renew(*seller).status, 201);
  EXPECT_EQ(Renew(*buyer).status, 201);
  EXPECT_TRUE(PaymentWorks());
  Turn(std::chrono::days(2));
  EXPECT_EQ(Renew(*mallory).code, "certificate-invalid");
}

}  // namespace
}  // namespace paygate::integration
