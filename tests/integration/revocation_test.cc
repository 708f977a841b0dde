// Revocation against the running gateway: refused from the next message on, in every phase.
#include "protocol/jws.h"
#include "tests/integration/lifecycle.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else

TEST_F(Lifecycle, ARevokedParticipantIsRefusedInEveryPhase) {
  Turn(std::chrono::days(11));  // so that a renewal would be in time
  // Both phases are under way when the revocation comes.
  const Sblk sblk = mallory->NewSblk("Gold", "5.00");
  const auto as_seller = mallory->AskSeller(sblk);
  const auto confirmation = mallory->Confirmation(sblk, as_seller);
  const auto csblk = seller->Sell("A ring", "10.00");
  const Bblk bblk = mallory->NewBblk(csblk);
  const auto as_buyer = mallory->AskBuyer(bblk);
  const auto authorisation = mallory->Authorisation(bblk, as_buyer, csblk.jws);
  const auto sold = mallory->Sell("Silver", "5.00");
  const RawParticipant::NewKeys keys;
  const auto renewal = mallory->RenewalJws(mallory->NewRenewal(keys));

  const auto revocation = mallory->RevocationJws(RevocationReason::kKeyCompromise);
  ASSERT_EQ(mallory->SendRevocation(revocation).status, 200);

  const std::string code = "certificate-revoked";
  EXPECT_EQ(mallory->SendConfirmation(confirmation, as_seller.handshake).code, code);
  EXPECT_EQ(
      mallory->SendAuthorisation(authorisation, as_buyer.handshake, csblk.disclosure).code, code);
  EXPECT_EQ(mallory->SendRenewal(renewal, keys).code, code);
  EXPECT_EQ(mallory->SendMailbox(0, 0).code, code);
  const SellerChallengeRequestBody sale{.sblk = sblk,
                                        .certificate = mallory->encryption_certificate};
  EXPECT_EQ(mallory->Post("/v1/seller-blocks/challenge",
                          mallory->Seal(sale.Print(), {"r1", NewNonce()})).code, code);
  const BuyerChallengeRequestBody payment{.bblk = bblk,
                                          .certificate = mallory->encryption_certificate};
  EXPECT_EQ(mallory->Post("/v1/payments/challenge",
                          mallory->Seal(payment.Print(), {"r3", NewNonce()})).code, code);
  const CancellationPayload cancel{.iss = mallory->id,
                                   .aud = mallory->gateway_id,
                                   .iat = mallory->Now(),
                                   .nonce = NewNonce(),
                                   .csblk_id = Must(DigestOfCompact(sold.jws))};
  EXPECT_EQ(mallory->Post("/v1/seller-blocks/cancel",
                          mallory->Seal(PrintSingle("cancellation",
                                                    mallory->Sign(kTypCancellation,
                                                                  cancel.Print())))).code, code);
  EXPECT_EQ(buyer->Pay(sold).code, code) << "revoked between sale and payment";
  EXPECT_TRUE(PaymentWorks()) << "of the others";
}

TEST_F(Lifecycle, ARevocationSentAgainIsAcknowledgedAgain) {
  const auto revocation = mallory->RevocationJws(RevocationReason::kCessationOfOperation);
  const auto acknowledged = [&] {
    const Said said = mallory->SendRevocation(revocation);
    EXPECT_EQ(said.status, 200) << said.code;
    const auto done = Must(
        DonePayload::Parse(mallory->Verified(Must(ParseSingle(said.payload, "done")), kTypDone)));
    EXPECT_EQ(done.sub, mallory->id);
    EXPECT_EQ(done.request, Must(DigestOfCompact(revocation)));
  };
  acknowledged();
  acknowledged();
  gateway.Kill("engine_with_clock", SIGKILL);
  ASSERT_TRUE(Eventually([&] { return buyer->SendMailbox(0, 0).status == 200; }));
  acknowledged();
  EXPECT_EQ(mallory->SendRevocation(mallory->RevocationJws(RevocationReason::kSuperseded)).code,
            "certificate-revoked") << "another one is a message like any other";
  // In another's name: refused, and nobody is revoked.
  RevocationPayload foreign{.iss = seller->id,
                            .aud = buyer->gateway_id,
                            .iat = buyer->Now(),
                            .nonce = NewNonce()};
  EXPECT_EQ(buyer->SendRevocation(buyer->Sign(kTypRevocation, foreign.Print())).code, "not-yours");
  EXPECT_TRUE(PaymentWorks());
}

TEST_F(Lifecycle, ASupersededSellersCsblkStaysPayable) {
  const auto sold = mallory->Sell("Silver", "5.00");
  ASSERT_EQ(mallory->SendRevocation(mallory->RevocationJws(RevocationReason::kSuperseded)).status,
            200);
  EXPECT_EQ(buyer->Pay(sold).status, 201);
}

}  // namespace
}  // namespace paygate::integration
