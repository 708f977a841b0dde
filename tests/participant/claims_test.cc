// Undertakings and claims in the participant's library: what is shown, sent, believed and kept.
#include "participant/csblk.h"
#include "protocol/jws.h"
#include "tests/participant/person.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::ClaimDecision;
using protocol::ClaimGrounds;
using protocol::UndertakingPayload;

constexpr int64_t kDay = 24 * 3600;

class Promises : public Market {
 protected:
  Undertaking Promise() {
    const int64_t by = base::ToNumericDate(clock.Now()) + 20 * kDay;
    return {.terms = "At your door,\nor your money back", .deliver_by = by,
            .claim_until = by + 14 * kDay};
  }
  std::string Sell() {
    return seller.client().Sell("Bicycle", Price("120.00"), "", Promise()).value().value->csblk;
  }
  // The CSBLK of this text, certified anew with another undertaking.
  std::string Certified(const std::string& csblk, const std::string& undertaking) {
    auto parts = protocol::SdJwt::Parse(csblk).value();
    auto payload = Payload(csblk);
    payload.undertaking = undertaking;
    parts.jws = gateway.SignAsGateway(protocol::kTypCsblk, payload.Print());
    return parts.Print();
  }
  static protocol::CsblkPayload Payload(const std::string& csblk) {
    const auto parts = protocol::SdJwt::Parse(csblk).value();
    return protocol::CsblkPayload::Parse(
               protocol::ParseJws(parts.jws, protocol::kTypCsblk, protocol::KeyName::kX5t)
                   ->payload)
        .value();
  }
  std::string Paid() {
    const std::string payment_id = buyer.Pay(Sell()).value().value->payload.payment_id;
    EXPECT_EQ(seller.client().Inbox(std::chrono::seconds(0))->size(), 1u);
    return payment_id;
  }
  // The buyer's, which the gateway passes on; its ID.
  std::string Claimed(const std::string& payment_id) {
    const auto answer = buyer.client().Claim(payment_id, "Nothing has come.").value();
    EXPECT_TRUE(answer.value);
    return answer.value->claim_id;
  }
  // The body in a file of evidence.
  static std::string Kept(Person& person, const std::string& name) {
    auto o = protocol::JsonObject::Parse(person.platter.at(name)).value();
    return o.TakeString("body");
  }
  void Decide(Person& person, const std::string& claim, const std::string& payment_id,
              ClaimDecision decision) {
    const protocol::RefundDecisionPayload payload{.iss = gateway.id(),
                                                  .sub = person.id(),
                                                  .iat = base::ToNumericDate(clock.Now()),
                                                  .claim = claim,
                                                  .payment_id = payment_id,
                                                  .decision = decision,
                                                  .grounds = ClaimGrounds::kOperator,
                                                  .reason = "So it is"};
    gateway.PutInMailbox(
        person.id(),
        protocol::PrintSingle("refund_decision", gateway.SignAsGateway(
                                                     protocol::kTypRefundDecision,
                                                     payload.Print())));
  }
  void Refunded(const std::string& refund_id, const std::string& payment_id) {
    const protocol::RefundResultPayload payload{.iss = gateway.id(),
                                                .sub = seller.id(),
                                                .iat = base::ToNumericDate(clock.Now()),
                                                .result = protocol::PaymentResult::kCompleted,
                                                .refund_id = refund_id,
                                                .payment_id = payment_id,
                                                .amount = Price("120.00"),
                                                .refunded_total = Price("120.00")};
    gateway.PutInMailbox(
        seller.id(),
        protocol::PrintSingle("receipt", gateway.SignAsGateway(protocol::kTypRefundReceipt,
                                                               payload.Print())));
  }
  static InboxMessage Next(Person& person) {
    const auto inbox = person.client().Inbox(std::chrono::seconds(0)).value();
    EXPECT_EQ(inbox.size(), 1u);
    return inbox.empty() ? InboxMessage{} : inbox.front();
  }
};

TEST_F(Promises, AreShownToTheBuyerAsTheSellerSignedThem) {
  const auto view = buyer.client().Inspect(Sell());
  ASSERT_TRUE(view) << view.error().ToString();
  ASSERT_TRUE(view->undertaking);
  EXPECT_EQ(view->undertaking->terms, Promise().terms);
  EXPECT_EQ(view->undertaking->deliver_by, Promise().deliver_by);
  EXPECT_EQ(view->undertaking_id.size(), 43u);
  EXPECT_FALSE(buyer.client().Inspect(seller.Sell())->undertaking);
}

TEST_F(Promises, ThatAreAnothersOrOfAnotherSaleAreNotBelieved) {
  const std::string csblk = Sell(), other = Sell();
  const auto why = [&](const std::string& undertaking) {
    const auto view = buyer.client().Inspect(Certified(csblk, undertaking));
    return view ? ErrorCode::kInternal : view.error().code;
  };
  EXPECT_EQ(why(Payload(csblk).undertaking), ErrorCode::kInternal) << "the honest one passes";
  EXPECT_EQ(why(Payload(other).undertaking), ErrorCode::kBlockMismatch);

  // Made by somebody whom the operator certified, in the seller's name.
  const auto mallory =
      gateway.Issue(protocol::Role::kParticipantSignature, protocol::NewNonce(),
                    std::string(32, 'b'));
  const auto promise = protocol::ParseJws(Payload(csblk).undertaking, protocol::kTypUndertaking,
                                          protocol::KeyName::kX5c);
  const auto by = [&](const doubles::Credential& who) {
    return protocol::SignJws(**who.key.AsSigner(), protocol::kTypUndertaking,
                             {.name = protocol::KeyName::kX5c, .x5c = {who.certificate.der()}},
                             promise->payload)
        .value();
  };
  EXPECT_EQ(why(by(mallory)), ErrorCode::kCertificateInvalid);
  // By somebody with the seller's name and the right to encrypt alone.
  EXPECT_EQ(why(by(gateway.Issue(protocol::Role::kGatewaySignature, seller.id()))),
            ErrorCode::kCertificateInvalid);
  std::string changed = Payload(csblk).undertaking;
  char& letter = changed[changed.rfind('.') + 5];
  letter = letter == 'A' ? 'B' : 'A';
  EXPECT_EQ(why(changed), ErrorCode::kSignatureInvalid);
}

TEST_F(Promises, ThatTheGatewayDropsOrSwapsAreNoSaleOfTheSellers) {
  gateway.on_csblk = [](protocol::CsblkPayload& payload) { payload.undertaking.clear(); };
  const auto dropped = seller.client().Sell("Bicycle", Price("120.00"), "", Promise());
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().code, ErrorCode::kBlockMismatch);
}

TEST_F(Promises, WhoseTimesCannotBeAreNotSigned) {
  const size_t asked = gateway.posts.size();
  auto promise = Promise();
  promise.deliver_by = base::ToNumericDate(clock.Now());
  EXPECT_EQ(seller.client().Sell("B", Price("1.00"), "", promise).error().code,
            ErrorCode::kInvalidArgument);
  promise = Promise();
  promise.claim_until -= 1;
  EXPECT_EQ(seller.client().Sell("B", Price("1.00"), "", promise).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(gateway.posts.size(), asked);
}

TEST_F(Promises, AClaimIsKeptWithTheGatewaysWordAndALostAnswerCostsNothing) {
  const std::string paid = Paid();
  int lost = 5;
  gateway.after = [&](const std::string& path) -> std::optional<base::Result<HttpAnswer>> {
    if (path != "/v1/refund-claims" || lost-- <= 0) return std::nullopt;
    return Fail(ErrorCode::kTimeout, "lost");
  };
  const auto first = buyer.client().Claim(paid, "Nothing has come.");
  ASSERT_FALSE(first);
  EXPECT_EQ(buyer.OpenMessages(), 1u);
  ASSERT_TRUE(buyer.Start()) << "another run of the program";
  const auto again = buyer.client().Claim(paid, "Still nothing.");
  ASSERT_TRUE(again && again->value);
  EXPECT_EQ(again->value->text, "Nothing has come.") << "the first is the one that was sent again";
  const auto posts = gateway.PostsTo("/v1/refund-claims");
  for (const auto& post : posts) EXPECT_EQ(post.body, posts.front().body);
  EXPECT_EQ(buyer.OpenMessages(), 0u);
  const auto claims = buyer.client().Claims();
  ASSERT_EQ(claims->size(), 1u);
  ASSERT_TRUE(claims->front()) << claims->front().error().ToString();
  EXPECT_EQ(claims->front()->payment_id, paid);
}

TEST_F(Promises, AClaimReachesTheSellerAndDecisionAndRefundAreBelievedInTheirOrder) {
  const std::string paid = Paid(), claim = Claimed(paid);
  auto message = Next(seller);
  ASSERT_TRUE(message.claim) << message.set_aside;
  EXPECT_EQ(message.claim->claim_id, claim);
  EXPECT_EQ(message.claim->from, buyer.id());
  EXPECT_EQ(message.claim->text, "Nothing has come.");

  const std::string refund_id = protocol::ClaimRefundId(claim, 2);
  Refunded(refund_id, paid);
  EXPECT_NE(Next(seller).set_aside, "") << "a refund that nobody ordered or decided";
  Decide(seller, claim, paid, ClaimDecision::kRefund);
  message = Next(seller);
  ASSERT_TRUE(message.claim) << message.set_aside;
  EXPECT_EQ(message.claim->text, "So it is");
  Refunded(refund_id, paid);
  message = Next(seller);
  ASSERT_TRUE(message.refund) << message.set_aside;
  Refunded(protocol::ClaimRefundId(paid, 1), paid);
  EXPECT_NE(Next(seller).set_aside, "") << "of another claim";
  Decide(seller, claim, paid, ClaimDecision::kReject);
  EXPECT_NE(Next(seller).set_aside, "") << "the opposite of what was decided";
  const auto claims = seller.client().Claims().value();
  for (const auto& record : claims) {
    EXPECT_TRUE(record) << record.error().ToString();
  }
  const auto refunds = seller.client().Refunds().value();
  for (const auto& record : refunds) {
    EXPECT_TRUE(record) << record.error().ToString();
  }
}

TEST_F(Promises, ClaimsAndDecisionsThatAreNotOnesOwnAreSetAside) {
  const std::string paid = Paid(), claim = Claimed(paid);
  EXPECT_TRUE(Next(seller).claim);
  Decide(buyer, protocol::ClaimRefundId("x", 1), paid, ClaimDecision::kReject);
  EXPECT_NE(Next(buyer).set_aside, "") << "a decision on a claim that was not made from here";
  const auto body = protocol::ParseSingle(Kept(buyer, "claims/" + claim + ".json"), "claim");
  gateway.PutInMailbox(buyer.id(), protocol::PrintSingle("refund_claim", *body));
  EXPECT_NE(Next(buyer).set_aside, "") << "a claim on a payment that was made, not received";
  EXPECT_TRUE(buyer.client().Claims()->size() == 1);
}

}  // namespace
}  // namespace paygate::participant
