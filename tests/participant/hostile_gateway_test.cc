// Gateways that cheat, and participants who pose as the gateway. Each is refused, and nothing
// further is signed or sent.
#include "base/crypto.h"
#include "participant/csblk.h"
#include "protocol/jws.h"
#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using protocol::PaymentResult;
using protocol::Role;

class HostileGateway : public Market {
 protected:
  void SetUp() override {
    Market::SetUp();
    csblk = seller.Sell();
  }
  // The payment is refused by the buyer's own checks, before an authorisation was signed.
  void ExpectNothingAuthorised(ErrorCode code) {
    auto paid = buyer.Pay(csblk);
    ASSERT_FALSE(paid);
    EXPECT_EQ(paid.error().code, code) << paid.error().ToString();
    EXPECT_TRUE(gateway.PostsTo("/v1/payments").empty());
    EXPECT_EQ(buyer.OpenMessages(), 0u);
  }
  // The result is not believed; the payment stays open, and nothing else was signed for it.
  void ExpectResultNotBelieved(ErrorCode code) {
    auto paid = buyer.Pay(csblk);
    ASSERT_FALSE(paid);
    EXPECT_EQ(paid.error().code, code) << paid.error().ToString();
    EXPECT_EQ(gateway.PostsTo("/v1/payments").size(), 1u);
    EXPECT_EQ(buyer.OpenMessages(), 1u);
    EXPECT_TRUE(buyer.client().Receipts()->empty());
  }
  // A new wallet's first look at the gateway.
  base::Error FirstLook() {
    Person stranger(gateway, clock);
    EXPECT_TRUE(stranger.Start(-1, false, true));
    auto answer = stranger.client().Register(kBuyerIban, "CODE-0123456789abcdef");
    EXPECT_FALSE(answer);
    EXPECT_TRUE(stranger.platter.contains("keys/signature.pem"));
    for (const auto& [name, bytes] : stranger.platter) {
      EXPECT_FALSE(name.starts_with("journal/")) << "signed for a gateway that is none";
    }
    return answer ? base::Error{} : answer.error();
  }
  std::string csblk;
};

TEST_F(HostileGateway, AParticipantsCertificateCannotSignTheGatewaysDocument) {
  gateway.signs_document_as =
      gateway.Issue(Role::kParticipantSignature, gateway.id(), std::string(32, 'b'));
  EXPECT_EQ(FirstLook().code, ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AnotherGatewaysCertificateCannotSignThisOnesDocument) {
  gateway.signs_document_as = gateway.Issue(Role::kGatewaySignature, protocol::NewNonce());
  EXPECT_EQ(FirstLook().code, ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AParticipantCannotIssueAGatewaysCertificate) {
  const auto participant =
      gateway.Issue(Role::kParticipantSignature, seller.id(), std::string(32, 'b'));
  const auto times = gateway.issuing().certificate;
  // Our builder signs for CAs only: it is shown one with the participant's name and key.
  auto root_key = gateway.root().key.AsSigner();
  auto pretended = protocol::BuildCertificate({.role = Role::kIssuingCa,
                                               .subject_cn = seller.id(),
                                               .subject_key = participant.key.public_key(),
                                               .not_before = times.not_before(),
                                               .not_after = times.not_after()},
                                              &gateway.root().certificate, **root_key);
  ASSERT_TRUE(pretended) << pretended.error().ToString();
  const doubles::Credential issuer{participant.key, *pretended, participant.chain};
  gateway.signs_document_as = gateway.Issue(Role::kGatewaySignature, gateway.id(), "", &issuer);
  EXPECT_EQ(FirstLook().code, ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, ADocumentUnderAnotherRootIsRefused) {
  const doubles::FakeGateway other(clock);
  gateway.signs_document_as = other.Issue(Role::kGatewaySignature, gateway.id());
  EXPECT_EQ(FirstLook().code, ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AParticipantsEncryptionCertificateIsNotTakenForTheGateways) {
  const auto mallory =
      gateway.Issue(Role::kParticipantEncryption, gateway.id(), std::string(32, 'b'));
  gateway.on_document = [&](protocol::GatewayPayload& d) { d.encryption = {mallory.chain}; };
  EXPECT_EQ(FirstLook().code, ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AGatewayThatChangesItsIdIsRefused) {
  const std::string other = protocol::NewNonce();
  gateway.signs_document_as = gateway.Issue(Role::kGatewaySignature, other);
  gateway.on_document = [&](protocol::GatewayPayload& d) {
    d.id = other;
    d.signature = {gateway.signs_document_as->chain};
    d.encryption = {gateway.Issue(Role::kGatewayEncryption, other).chain};
  };
  buyer.platter.erase("gateway.jws");
  ASSERT_TRUE(buyer.Start());
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AnExpiredDocumentIsRefused) {
  gateway.on_document = [](protocol::GatewayPayload& d) { d.exp = d.iat; };
  EXPECT_EQ(FirstLook().code, ErrorCode::kClockSkew);
}

TEST_F(HostileGateway, AChallengeSignedByAParticipantIsRefused) {
  gateway.signs_as = gateway.Issue(Role::kParticipantSignature, gateway.id(), std::string(32, 'b'));
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AChallengeSignedByAnotherGatewayOfTheOperatorIsRefused) {
  gateway.signs_as = gateway.Issue(Role::kGatewaySignature, protocol::NewNonce());
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AnEncryptionCertificateDoesNotSign) {
  auto credential = gateway.Issue(Role::kIssuingCa, gateway.id());  // a CA is no signer either
  gateway.signs_as = credential;
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AnUnknownSignerIsRefused) {
  gateway.signs_as = gateway.Issue(Role::kGatewaySignature, gateway.id());
  gateway.hides_signer = true;
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AChallengeWithAnotherPriceIsNotSigned) {
  gateway.on_buyer_challenge = [](auto& c) { c.bblk.price = Price("1200.00"); };
  ExpectNothingAuthorised(ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, AChallengeWithAnotherAccountIsNotSigned) {
  gateway.on_buyer_challenge = [](auto& c) {
    c.bblk.account_digest = protocol::Disclosure::Make(kSellerIban)->Digest();
  };
  ExpectNothingAuthorised(ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, AChallengeOfAnEarlierRequestIsNotSigned) {
  gateway.on_buyer_challenge = [](auto& c) { c.r3 = protocol::NewNonce(); };
  ExpectNothingAuthorised(ErrorCode::kNotYours);
}

TEST_F(HostileGateway, AChallengeForAnotherParticipantIsNotSigned) {
  gateway.on_buyer_challenge = [&](auto& c) { c.sub = seller.id(); };
  ExpectNothingAuthorised(ErrorCode::kNotYours);
}

TEST_F(HostileGateway, AStatementOfAnotherTypeIsNoChallenge) {
  gateway.on_typ = [](std::string& typ) { typ = protocol::kTypSellerChallenge; };
  ExpectNothingAuthorised(ErrorCode::kMalformed);
}

TEST_F(HostileGateway, ACsblkExpiredByTheChallengesTimeIsNotPaid) {
  gateway.on_buyer_challenge = [](auto& c) {
    c.iat += 100 * 3600;
    c.exp += 100 * 3600;
  };
  ExpectNothingAuthorised(ErrorCode::kCsblkExpired);
}

TEST_F(HostileGateway, AChallengeWithAnotherSaleIsNotConfirmed) {
  gateway.on_seller_challenge = [](auto& c) { c.sblk.price = Price("1.20"); };
  const size_t before = gateway.PostsTo("/v1/seller-blocks").size();
  auto sale = seller.client().Sell("Lamp", Price("12.00"), "");
  ASSERT_FALSE(sale);
  EXPECT_EQ(sale.error().code, ErrorCode::kBlockMismatch);
  EXPECT_EQ(gateway.PostsTo("/v1/seller-blocks").size(), before);
}

TEST_F(HostileGateway, ACsblkOfAnotherSaleIsNotTakenForOurs) {
  gateway.on_csblk = [](auto& c) { c.sblk.price = Price("1.20"); };
  auto sale = seller.client().Sell("Lamp", Price("12.00"), "");
  ASSERT_FALSE(sale);
  EXPECT_EQ(sale.error().code, ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, ACsblkWithAnotherAccountBesideItIsRefused) {
  auto parts = protocol::SdJwt::Parse(csblk);
  ASSERT_TRUE(parts);
  parts->disclosure = protocol::Disclosure::Make(kBuyerIban)->text();
  auto view = buyer.client().Inspect(parts->Print());
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, ErrorCode::kAccountMismatch);
  csblk = parts->Print();
  ExpectNothingAuthorised(ErrorCode::kAccountMismatch);
}

TEST_F(HostileGateway, ACsblkThatAParticipantSignedIsRefused) {
  gateway.signs_as = gateway.Issue(Role::kParticipantSignature, gateway.id(), std::string(32, 'b'));
  const protocol::CsblkPayload forged{
      .iss = gateway.id(),
      .sub = seller.id(),
      .iat = 1,
      .exp = 4'000'000'000,
      .sblk = {protocol::NewNonce(), "Gold", Price("1.00"),
               protocol::Disclosure::Make(kSellerIban)->Digest(), ""}};
  csblk = protocol::SdJwt{gateway.SignAsGateway(protocol::kTypCsblk, forged.Print()),
                          protocol::Disclosure::Make(kSellerIban)->text()}
              .Print();
  ExpectNothingAuthorised(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, AChallengePassedOffAsACsblkIsRefused) {
  gateway.on_typ = [](std::string& typ) { typ = protocol::kTypReceipt; };
  auto sale = seller.client().Sell("Lamp", Price("12.00"), "");
  EXPECT_FALSE(sale);
  auto parts = *protocol::SdJwt::Parse(csblk);
  auto jws = *protocol::ParseJws(parts.jws, protocol::kTypCsblk, protocol::KeyName::kX5t);
  parts.jws = gateway.SignAsGateway(protocol::kTypCsblk, jws.payload);  // on_typ changes it
  csblk = parts.Print();
  ExpectNothingAuthorised(ErrorCode::kMalformed);
}

TEST_F(HostileGateway, AReceiptOfAnotherPaymentIsNotBelieved) {
  gateway.on_receipt = [](auto& r) { r.payment_id = base::Sha256Base64Url("another"); };
  ExpectResultNotBelieved(ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, AReceiptOfAnotherSaleIsNotBelieved) {
  const auto other = protocol::SdJwt::Parse(seller.Sell());
  gateway.on_receipt = [&](auto& r) { r.csblk = other->jws; };
  ExpectResultNotBelieved(ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, AReceiptOfAnotherAmountIsNotBelieved) {
  gateway.on_receipt = [](auto& r) { r.bblk.price = Price("1.00"); };
  ExpectResultNotBelieved(ErrorCode::kBlockMismatch);
}

TEST_F(HostileGateway, AReceiptForAnotherBuyerIsNotBelieved) {
  gateway.on_receipt = [&](auto& r) { r.sub = seller.id(); };
  ExpectResultNotBelieved(ErrorCode::kNotYours);
}

TEST_F(HostileGateway, AConfirmationPassedOffAsAReceiptIsNotBelieved) {
  gateway.on_typ = [](std::string& typ) {
    if (typ == protocol::kTypReceipt) typ = protocol::kTypPaymentConfirmation;
  };
  ExpectResultNotBelieved(ErrorCode::kMalformed);
}

TEST_F(HostileGateway, AReceiptSignedByAParticipantIsNotBelieved) {
  gateway.on_receipt = [&](auto&) {
    gateway.signs_as =
        gateway.Issue(Role::kParticipantSignature, gateway.id(), std::string(32, 'b'));
  };
  ExpectResultNotBelieved(ErrorCode::kCertificateInvalid);
}

TEST_F(HostileGateway, ARefusalOfAnotherMessageDecidesNothing) {
  gateway.refuse_with = "account-refused";
  gateway.on_refusal = [](auto& r) { r.request = base::Sha256Base64Url("another"); };
  ExpectResultNotBelieved(ErrorCode::kNotYours);
}

TEST_F(HostileGateway, TwoDifferentResultsForOnePaymentAreReported) {
  auto paid = buyer.Pay(csblk);
  ASSERT_TRUE(paid && paid->value);
  const auto receipt = paid->value->payload;
  auto changed = receipt;
  changed.result = PaymentResult::kFailed;
  gateway.PutInMailbox(
      buyer.id(), protocol::PrintSingle(
                      "receipt", gateway.SignAsGateway(protocol::kTypReceipt, changed.Print())));
  auto inbox = buyer.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(inbox && inbox->size() == 1);
  EXPECT_NE(inbox->front().set_aside.find("two different results"), std::string::npos);
  EXPECT_EQ(buyer.client().Receipts()->front()->payload.result, PaymentResult::kCompleted);
}

TEST_F(HostileGateway, AForgedConfirmationIsSetAsideAndTheNextOneStillRead) {
  gateway.on_confirmation = [&](auto& c) { c.bblk.price = Price("1.00"); };
  ASSERT_TRUE(buyer.Pay(csblk));
  gateway.on_confirmation = nullptr;
  ASSERT_TRUE(buyer.Pay(seller.Sell()));
  auto inbox = seller.client().Inbox(std::chrono::seconds(0));
  ASSERT_TRUE(inbox && inbox->size() == 2);
  EXPECT_FALSE((*inbox)[0].payment);
  EXPECT_TRUE((*inbox)[1].payment);
  EXPECT_TRUE(seller.platter.contains("rejected/1.jwe"));
}

TEST_F(HostileGateway, CertificatesForAnotherKeyOrAccountAreRefused) {
  for (int attack = 0; attack < 4; ++attack) {
    Person stranger(gateway, clock);
    ASSERT_TRUE(stranger.Start(-1, false, true));
    gateway.on_registered = [&](protocol::RegisteredPayload& r) {
      const std::string binding(32, 'b');
      if (attack == 0) {
        r.signature_certificate =
            gateway.Issue(Role::kParticipantSignature, r.sub, binding).certificate.der();
      } else if (attack == 1) {
        std::swap(r.signature_certificate, r.encryption_certificate);
      } else if (attack == 2) {
        r.nonce = protocol::NewNonce();
      } else {
        r.request = base::Sha256Base64Url("another");
      }
    };
    auto answer = stranger.client().Register(kBuyerIban, "CODE-0123456789abcdef");
    EXPECT_FALSE(answer) << attack;
    EXPECT_FALSE(stranger.platter.contains("identity.json")) << attack;
  }
}

}  // namespace
}  // namespace paygate::participant
