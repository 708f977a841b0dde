// The attacks that formal/README.md and the wire page name, played against the running gateway.
// After each: nothing is debited, and the next honest payment works.
#include <gmock/gmock.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <filesystem>

#include "base/encoding.h"
#include "protocol/certificate.h"
#include "protocol/jws.h"
#include "tests/integration/attack.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else

// formal/README.md, 1: the paper's message 2 read as a CSBLK.
TEST_F(Attack, ACsblkForgedThroughAChallengeIsRefused) {
  const Sblk sblk = mallory->NewSblk("Gold", "500.00");
  const auto as_seller = mallory->AskSeller(sblk);
  const auto real = seller->Sell("Gold", "500.00");
  const Bblk bblk = buyer->NewBblk(real);
  const Said said = PayWith(*buyer, bblk, as_seller.jws, mallory->seller_disclosure);
  EXPECT_EQ(said.code, "malformed");
  EXPECT_TRUE(said.is_signed);
  const auto as_buyer = mallory->AskBuyer(bblk);
  EXPECT_EQ(PayWith(*buyer, bblk, as_buyer.jws, mallory->seller_disclosure).code, "malformed");
}

// formal/README.md, 2
TEST_F(Attack, APriceSwappedBetweenCsblkAndBblkIsRefused) {
  const auto csblk = seller->Sell("A car", "900.00");
  Bblk bblk = buyer->NewBblk(csblk);
  bblk.price = Must(base::Money::Parse("9.00", "GBP"));
  EXPECT_EQ(PayWith(*buyer, bblk, csblk.jws, csblk.disclosure).code, "block-mismatch");
  Bblk goods = buyer->NewBblk(csblk);
  goods.goods = "Two cars";
  EXPECT_EQ(PayWith(*buyer, goods, csblk.jws, csblk.disclosure).code, "block-mismatch");
}

TEST_F(Attack, APaidCsblkCannotBePaidAgain) {
  const auto csblk = seller->Sell("A ring", "10.00");
  const Said paid = buyer->Pay(csblk);
  ASSERT_EQ(paid.status, 201);
  money = Balances();
  const Said mine = buyer->Pay(csblk);
  EXPECT_EQ(mine.code, "already-paid");
  EXPECT_EQ(mine.payment_id, buyer->ReceiptIn(paid).payment_id);
  const Said others = mallory->Pay(csblk);
  EXPECT_EQ(others.code, "already-paid");
  EXPECT_EQ(others.payment_id, "") << "whose payment it was is nobody else's business";
}

TEST_F(Attack, AnAuthorisationReplayedMovesNothingMore) {
  const auto csblk = seller->Sell("A ring", "10.00");
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const Said first =
      buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  ASSERT_EQ(first.status, 201);
  money = Balances();
  for (int i = 0; i < 3; ++i) {
    const Said again =
        buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
    EXPECT_EQ(again.payload, first.payload);
  }
}

// (r, s) and (r, n - s) are both valid: the identity of a message is not its signature.
TEST_F(Attack, AMalleatedSignatureIsTheSameAuthorisation) {
  const auto csblk = seller->Sell("A ring", "10.00");
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const Said first =
      buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  ASSERT_EQ(first.status, 201);
  money = Balances();

  auto jws = Must(ParseJws(authorisation, kTypPaymentAuthorisation, KeyName::kX5c));
  EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  BIGNUM* s = BN_bin2bn(reinterpret_cast<const unsigned char*>(jws.signature.data()) + 32, 32,
                        nullptr);
  BN_sub(s, EC_GROUP_get0_order(group), s);
  BN_bn2binpad(s, reinterpret_cast<unsigned char*>(jws.signature.data()) + 32, 32);
  BN_free(s);
  EC_GROUP_free(group);
  ASSERT_NE(jws.Compact(), authorisation);
  ASSERT_TRUE(VerifyJws(jws, buyer->signature_key.public_key())) << "not a valid malleation";
  const Said again =
      buyer->SendAuthorisation(jws.Compact(), challenge.handshake, csblk.disclosure);
  EXPECT_EQ(again.payload, first.payload);
}

TEST_F(Attack, AConfirmationOrReceiptIsNoCsblk) {
  const auto csblk = seller->Sell("A ring", "10.00");
  const Said paid = buyer->Pay(csblk);
  ASSERT_EQ(paid.status, 201);
  money = Balances();
  const auto second = seller->Sell("A ring", "10.00");
  const Bblk bblk = buyer->NewBblk(second);
  const std::string receipt = Must(ParseSingle(paid.payload, "receipt"));
  EXPECT_EQ(PayWith(*buyer, bblk, receipt, second.disclosure).code, "malformed");
  const std::string confirmation = seller->Mailbox().at(0).jws;
  EXPECT_EQ(PayWith(*buyer, bblk, confirmation, second.disclosure).code, "malformed");
}

// formal/README.md, 4
TEST_F(Attack, AReplayedConfirmationGivesTheSameCsblkNeverASecond) {
  const Sblk sblk = seller->NewSblk("A boat", "700.00");
  const auto challenge = seller->AskSeller(sblk);
  const std::string confirmation = seller->Confirmation(sblk, challenge);
  const Said first = seller->SendConfirmation(confirmation, challenge.handshake);
  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(seller->SendConfirmation(confirmation, challenge.handshake).payload, first.payload);
  // The same nonce under a new handshake is another message about the same sale.
  const auto anew = seller->AskSeller(sblk);
  const Said second = seller->SendConfirmation(seller->Confirmation(sblk, anew), anew.handshake);
  EXPECT_EQ(second.code, "duplicate-sale");
  EXPECT_TRUE(second.is_signed);
}

// formal/README.md, 5: without role EKUs a participant's certificate passes as the gateway's.
TEST_F(Attack, AParticipantPosesAsTheGatewayOrAsAnIssuer) {
  const auto real = seller->Sell("Gold", "500.00");
  const auto payload = Must(CsblkPayload::Parse(
      Must(ParseJws(real.jws, kTypCsblk, KeyName::kX5t)).payload));
  // A CSBLK of Mallory's own making, named by Mallory's certificate.
  const auto own = Must(Certificate::Parse(mallory->signature_certificate));
  const std::string forged =
      Must(SignJws(*mallory->signer, kTypCsblk,
                   {.name = KeyName::kX5t, .x5t_s256 = own.fingerprint()}, payload.Print()));
  EXPECT_EQ(PayWith(*buyer, buyer->NewBblk(real), forged, real.disclosure).code, "csblk-unknown");
  // The same, named by the gateway's.
  const std::string lied = Must(
      SignJws(*mallory->signer, kTypCsblk,
              {.name = KeyName::kX5t, .x5t_s256 = mallory->gateway_signature->fingerprint()},
              payload.Print()));
  EXPECT_EQ(PayWith(*buyer, buyer->NewBblk(real), lied, real.disclosure).code,
            "signature-invalid");

  // Mallory as an issuer, under the issuing CA's own name: a certificate over the buyer's ID.
  const auto victim = Must(Certificate::Parse(buyer->signature_certificate));
  const auto issuer =
      Must(BuildCertificate({.role = Role::kRoot,
                             .subject_cn = "Paygate issuing CA " + buyer->gateway_id,
                             .subject_key = mallory->signature_key.public_key(),
                             .not_before = victim.not_before(),
                             .not_after = victim.not_after()},
                            nullptr, *mallory->signer));
  const auto fresh = Must(SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  const auto minted = Must(BuildCertificate({.role = Role::kParticipantSignature,
                                             .subject_cn = buyer->id,
                                             .subject_key = fresh.public_key(),
                                             .not_before = victim.not_before(),
                                             .not_after = victim.not_after(),
                                             .account_binding = victim.account_binding()},
                                            &issuer, *mallory->signer));
  const std::string kept = buyer->signature_certificate;
  auto signer = Must(fresh.AsSigner());
  buyer->signature_certificate = minted.der();
  std::swap(buyer->signer, signer);
  EXPECT_EQ(PayWith(*buyer, buyer->NewBblk(real), real.jws, real.disclosure).code,
            "certificate-invalid");
  std::swap(buyer->signer, signer);
  buyer->signature_certificate = kept;
}

TEST_F(Attack, AParticipantsEncryptionCertificateDoesNotSign) {
  const auto csblk = seller->Sell("Gold", "5.00");
  const std::string kept = buyer->signature_certificate;
  buyer->signature_certificate = buyer->encryption_certificate;
  EXPECT_EQ(buyer->Pay(csblk).code, "certificate-invalid");
  buyer->signature_certificate = kept;
}

TEST_F(Attack, CertificatesOfTwoRegistrationsDoNotGoTogether) {
  const auto csblk = seller->Sell("Gold", "5.00");
  const Bblk bblk = mallory->NewBblk(csblk);
  // The challenge is asked under the buyer's Cert_P, the answer signed under Mallory's Cert_V.
  const auto challenge = buyer->AskBuyer(bblk);
  const Said said = mallory->SendAuthorisation(
      mallory->Authorisation(bblk, challenge, csblk.jws), challenge.handshake, csblk.disclosure);
  EXPECT_EQ(said.code, "certificate-invalid");
}

TEST_F(Attack, AMessage3ForAnotherCsblkUnderTheSameChallengeIsDecidedOnItsOwn) {
  // Equal goods and price, so that the challenge fits both.
  const auto one = seller->Sell("A ticket", "10.00"), two = seller->Sell("A ticket", "10.00");
  const Bblk bblk = buyer->NewBblk(one);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, one.jws);
  ASSERT_EQ(buyer->SendAuthorisation(authorisation, challenge.handshake, one.disclosure).status,
            201);
  money = Balances();
  // The signature is over the first CSBLK: with the second in its place it does not verify.
  auto jws = Must(ParseJws(authorisation, kTypPaymentAuthorisation, KeyName::kX5c));
  auto payload = Must(PaymentAuthorisationPayload::Parse(jws.payload));
  payload.csblk = two.jws;
  const std::string header = jws.signing_input.substr(0, jws.signing_input.find('.'));
  const std::string swapped = header + "." + base::Base64UrlEncode(payload.Print()) + "." +
                              base::Base64UrlEncode(jws.signature);
  EXPECT_EQ(buyer->SendAuthorisation(swapped, challenge.handshake, two.disclosure).code,
            "signature-invalid");
}

TEST_F(Attack, AForgedMailboxCursorIsRefused) {
  EXPECT_EQ(seller->SendMailbox(1000, 0).code, "malformed");
  EXPECT_EQ(seller->SendMailbox(0, 0, 1000).code, "malformed");
}

TEST_F(Attack, SomebodyElsesMailboxIsNotOpened) {
  const std::string own = mallory->id;
  mallory->id = seller->id;
  EXPECT_EQ(mallory->SendMailbox(0, 0).code, "not-yours");
  mallory->id = own;
}

TEST_F(Attack, ADisclosureThatOpensAnotherAccountIsRefused) {
  const auto csblk = seller->Sell("Gold", "5.00");
  // The buyer's own account, as the one to be credited.
  const std::string other = Must(Disclosure::Make(mallory->customer.iban)).text();
  EXPECT_EQ(PayWith(*buyer, buyer->NewBblk(csblk), csblk.jws, other).code, "account-mismatch");
  // Somebody else's account, as the one to be debited: BBLK and disclosure agree, Cert_V does not.
  const auto victims = Must(Disclosure::Make(seller->customer.iban));
  Bblk bblk = mallory->NewBblk(csblk);
  bblk.account_digest = victims.Digest();
  mallory->buyer_disclosure = victims.text();
  EXPECT_EQ(PayWith(*mallory, bblk, csblk.jws, csblk.disclosure).code, "account-mismatch");
  // And with the binding disclosure to match it.
  const std::string kept = mallory->binding;
  mallory->binding = Must(Disclosure::Make(seller->customer.iban)).text();
  mallory->buyer_disclosure = victims.text();
  EXPECT_EQ(PayWith(*mallory, bblk, csblk.jws, csblk.disclosure).code, "account-mismatch");
  mallory->binding = kept;
}

TEST_F(Attack, BuyingFromOneselfIsRefused) {
  const auto csblk = mallory->Sell("Gold", "5.00");
  EXPECT_EQ(mallory->Pay(csblk).code, "same-account");
}

TEST_F(Attack, ACsblkThatVerifiesButWasNeverIssuedIsRefusedWithAnAlarm) {
  // As if the signature key were stolen: the register loses a CSBLK that carries our signature.
  const auto csblk = seller->Sell("Gold", "5.00");
  gateway.Stop();
  std::filesystem::rename(gateway.directory() + "/state", gateway.directory() + "/state.old");
  gateway.Start();
  RawParticipant moved(gateway, buyer->customer);
  for (RawParticipant* each : {seller.get(), buyer.get(), mallory.get()}) {
    each->transport = Must(participant::OpenHttpsTransport(
        {.url = gateway.url(), .root_pem = gateway.RootPem()}));
  }
  const auto fresh = gateway.Customers().at(3);
  RawParticipant newcomer(gateway, fresh);
  newcomer.Register();
  EXPECT_EQ(newcomer.Pay(csblk).code, "csblk-unknown");
  EXPECT_THAT(gateway.Log(), testing::HasSubstr("csblk.never_issued"));
  gateway.Stop();
  std::filesystem::remove_all(gateway.directory() + "/state");
  std::filesystem::rename(gateway.directory() + "/state.old", gateway.directory() + "/state");
  gateway.Start();
  for (RawParticipant* each : {seller.get(), buyer.get()}) {
    each->transport = Must(participant::OpenHttpsTransport(
        {.url = gateway.url(), .root_pem = gateway.RootPem()}));
  }
}

TEST_F(Attack, AnExpiredHandshakeIsRefused) {
  const auto csblk = seller->Sell("Gold", "5.00");
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  gateway.TurnClock(std::chrono::seconds(61));
  const Said said = buyer->SendAuthorisation(buyer->Authorisation(bblk, challenge, csblk.jws),
                                             challenge.handshake, csblk.disclosure);
  EXPECT_EQ(said.code, "handshake-expired");
  EXPECT_FALSE(said.is_signed);
}

TEST_F(Attack, AHandshakeOfAnotherPhaseOrOfNobodyIsRefused) {
  const auto csblk = seller->Sell("Gold", "5.00");
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const auto as_seller = buyer->AskSeller(buyer->NewSblk("Gold", "5.00"));
  EXPECT_EQ(buyer->SendAuthorisation(authorisation, as_seller.handshake, csblk.disclosure).code,
            "handshake-expired");
  EXPECT_EQ(buyer->SendAuthorisation(authorisation, "AAAA", csblk.disclosure).code,
            "handshake-expired");
}

TEST_F(Attack, AnExpiredCsblkIsRefused) {
  const auto csblk = seller->Sell("Gold", "5.00");
  gateway.TurnClock(std::chrono::days(15));
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto in_15_days = buyer->Now() + 15 * 24 * 3600;
  EXPECT_EQ(PayWith(*buyer, bblk, csblk.jws, csblk.disclosure, in_15_days).code, "csblk-expired");
  gateway.TurnClock(-std::chrono::days(15));
}

TEST_F(Attack, AClockThatIsWrongByMoreThanTwoMinutesIsRefused) {
  const auto csblk = seller->Sell("Gold", "5.00");
  for (int64_t skew : {-125, 125}) {
    const Said said = PayWith(*buyer, buyer->NewBblk(csblk), csblk.jws, csblk.disclosure,
                              buyer->Now() + skew);
    EXPECT_EQ(said.code, "clock-skew");
    EXPECT_TRUE(said.is_signed);
  }
}

TEST_F(Attack, ARefusedMessageStaysRefusedEvenWhenItsReasonIsGone) {
  const auto csblk = seller->Sell("Gold", "5.00");
  const Bblk bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string early =
      buyer->Authorisation(bblk, challenge, csblk.jws, buyer->Now() + 150);
  const Said first = buyer->SendAuthorisation(early, challenge.handshake, csblk.disclosure);
  ASSERT_EQ(first.code, "clock-skew");
  gateway.TurnClock(std::chrono::seconds(50));  // now it would be in time
  const Said again = buyer->SendAuthorisation(early, challenge.handshake, csblk.disclosure);
  EXPECT_EQ(again.payload, first.payload);
  gateway.TurnClock(-std::chrono::seconds(50));
}

TEST_F(Attack, ASellerRevokedBetweenSaleAndPaymentIsNotPaid) {
  const auto csblk = mallory->Sell("Gold", "5.00");
  const RevocationPayload payload{.iss = mallory->id,
                                  .aud = mallory->gateway_id,
                                  .iat = mallory->Now(),
                                  .nonce = NewNonce(),
                                  .reason = RevocationReason::kKeyCompromise};
  const std::string jws = mallory->Sign(kTypRevocation, payload.Print());
  ASSERT_EQ(mallory->Post("/v1/revocations", mallory->Seal(PrintSingle("revocation", jws))).status,
            200);
  EXPECT_EQ(buyer->Pay(csblk).code, "certificate-revoked");
  // And nothing of a revoked participant's is accepted any more.
  EXPECT_EQ(mallory->SendMailbox(0, 0).code, "certificate-revoked");
  EXPECT_THROW(mallory->Sell("Gold", "5.00"), std::runtime_error);
}

TEST_F(Attack, ACancelledCsblkIsNotPaidAndOnlyItsSellerCancels) {
  const auto csblk = seller->Sell("Gold", "5.00");
  auto cancel = [&](RawParticipant& who) {
    const CancellationPayload payload{.iss = who.id,
                                      .aud = who.gateway_id,
                                      .iat = who.Now(),
                                      .nonce = NewNonce(),
                                      .csblk_id = Must(DigestOfCompact(csblk.jws))};
    return who.Post("/v1/seller-blocks/cancel",
                    who.Seal(PrintSingle("cancellation", who.Sign(kTypCancellation,
                                                                  payload.Print()))));
  };
  EXPECT_EQ(cancel(*mallory).code, "not-yours");
  EXPECT_EQ(cancel(*seller).status, 200);
  EXPECT_EQ(buyer->Pay(csblk).code, "csblk-cancelled");
}

TEST_F(Attack, ACsblkForANamedBuyerIsNotPaidByAnother) {
  Sblk sblk = seller->NewSblk("A portrait", "5.00");
  sblk.buyer = buyer->id;
  const auto challenge = seller->AskSeller(sblk);
  const Said said =
      seller->SendConfirmation(seller->Confirmation(sblk, challenge), challenge.handshake);
  const auto csblk = Must(SdJwt::Parse(Must(CsblkBody::Parse(said.payload)).csblk));
  EXPECT_EQ(mallory->Pay(csblk).code, "not-yours");
  EXPECT_EQ(buyer->Pay(csblk).status, 201);
  money = Balances();
}

}  // namespace
}  // namespace paygate::integration
