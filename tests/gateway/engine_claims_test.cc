// Undertakings, claims and what becomes of them (protocol.md section 7), with a bank that says what
// the test tells it and a clock that the test turns.
#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "protocol/jws.h"
#include "tests/gateway/engine_fixture.h"
#include "tests/integration/raw_claims.h"

namespace paygate::gateway::engine {
namespace {

using namespace integration;  // NOLINT: the participants' steps
using std::chrono::hours;
using std::chrono::seconds;
using storage::ClaimState;
using storage::RefundState;

template <typename T>
base::ErrorCode CodeOf(const base::Result<T>& result) {
  return result ? base::ErrorCode::kInternal : result.error().code;
}

struct ClaimTest : EngineTest {
  ClaimTest() { deliver_by = base::ToNumericDate(clock.Now()) + 15 * kOneDay; }
  // Participants keep the gateway's time.
  void SetClocks() {
    const auto offset = clock.Now() - base::SystemClock().Now();
    seller->clock_offset = buyer->clock_offset = offset;
  }
  void Turn(seconds by) {
    clock.Advance(by);
    SetClocks();
  }
  void TurnTo(int64_t time) { Turn(seconds(time - base::ToNumericDate(clock.Now()))); }

  // A completed payment of 5.00 with a promise; its payment_id.
  std::string Paid() {
    SetClocks();
    const auto csblk = SellPromising(*seller, "5.00", deliver_by);
    const Said said = Answered([&] { return buyer->Pay(csblk); }, Outcome::kCompleted);
    EXPECT_EQ(said.status, 201) << said.code;
    return buyer->ReceiptIn(said).payment_id;
  }
  // A claim on it, filed at deliver_by; its ID.
  std::string Claimed(const std::string& payment_id) {
    TurnTo(deliver_by);
    const std::string jws = ClaimJws(*buyer, payment_id);
    const Said said = SendClaim(*buyer, jws);
    EXPECT_EQ(said.status, 200) << said.code;
    return Must(protocol::DigestOfCompact(jws));
  }
  storage::Claim Claim(const std::string& payment_id) {
    return Must(store->claims().Find(payment_id)).value();
  }
  bool Becomes(const std::string& payment_id, ClaimState state) {
    return Eventually([&] {
      engine->Tick();
      clock.Advance(seconds(1));
      return Claim(payment_id).state == state;
    });
  }
  std::vector<std::string> Members(RawParticipant& who) {
    std::vector<std::string> members;
    for (const auto& message : who.Mailbox()) members.push_back(message.member);
    return members;
  }

  int64_t deliver_by = 0;
};

TEST_F(ClaimTest, AnUndertakingIsInsideTheCsblkAsTheSellerSignedIt) {
  SetClocks();
  const auto sblk = seller->NewSblk("A thing", "5.00");
  const std::string promise =
      UndertakingJws(*seller, NewUndertaking(*seller, sblk, deliver_by));
  const Said said = ConfirmWith(*seller, sblk, promise);
  ASSERT_EQ(said.status, 201) << said.code;
  const auto csblk =
      Must(protocol::SdJwt::Parse(Must(protocol::CsblkBody::Parse(said.payload)).csblk));
  const auto payload = Must(
      protocol::CsblkPayload::Parse(seller->Verified(csblk.jws, protocol::kTypCsblk)));
  EXPECT_EQ(payload.undertaking, promise);
  const auto kept = Must(store->csblks().Find(Must(protocol::DigestOfCompact(csblk.jws))));
  EXPECT_EQ(kept->record.jws, csblk.jws);
}

TEST_F(ClaimTest, TheLongestTermsAndGoodsStillFitIntoAPayment) {
  SetClocks();
  const auto sblk = seller->NewSblk(std::string(protocol::kMaxGoodsBytes, '"'), "5.00");
  auto promise = NewUndertaking(*seller, sblk, deliver_by);
  promise.terms = std::string(protocol::kMaxTextBytes, '"');
  const Said said = ConfirmWith(*seller, sblk, UndertakingJws(*seller, promise));
  ASSERT_EQ(said.status, 201) << said.code;
  const auto csblk =
      Must(protocol::SdJwt::Parse(Must(protocol::CsblkBody::Parse(said.payload)).csblk));
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const protocol::PaymentAuthorisationBody body{
      .authorisation = authorisation,
      .buyer_disclosure = buyer->buyer_disclosure,
      .buyer_binding_disclosure = buyer->binding,
      .seller_disclosure = csblk.disclosure};
  // Leaves room for RSA keys and certificates in place of P-256.
  EXPECT_LE(buyer->Seal(body.Print(), {"handshake", challenge.handshake}).size(),
            kMaxRequestBytes - (16u << 10));
  const auto send = [&] {
    return buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  };
  EXPECT_EQ(Answered(send, Outcome::kCompleted).status, 201);
  EXPECT_EQ(seller->Mailbox().back().member, "confirmation");
}

TEST_F(ClaimTest, AnUndertakingThatIsNotOfThisSaleAndSellerIsRefused) {
  SetClocks();
  auto mallory = Participant("DE89370400440532013000");
  using Change = std::function<void(protocol::UndertakingPayload&)>;
  const auto refused = [&](const RawParticipant& signer, const Change& change) {
    const auto sblk = seller->NewSblk("A thing", "5.00");
    auto payload = NewUndertaking(*seller, sblk, deliver_by);
    change(payload);
    const Said said = ConfirmWith(*seller, sblk, UndertakingJws(signer, payload));
    EXPECT_TRUE(said.is_signed);
    return said.code;
  };
  const Change nothing = [](auto&) {};
  EXPECT_EQ(refused(*mallory, nothing), "not-yours") << "signed by somebody else";
  EXPECT_EQ(refused(*seller, [](auto& p) { p.sblk_nonce = protocol::NewNonce(); }),
            "block-mismatch") << "of another sale";
  EXPECT_EQ(refused(*seller, [&](auto& p) { p.iss = mallory->id; }), "block-mismatch");
  EXPECT_EQ(refused(*seller, [&](auto& p) { p.aud = mallory->id; }), "block-mismatch");
  EXPECT_EQ(refused(*seller, [](auto& p) { p.iat -= 300; }), "clock-skew");
  EXPECT_EQ(refused(*seller, [](auto& p) { p.claim_until -= 1; }), "malformed");
  const int64_t exp = base::ToNumericDate(clock.Now() + config.engine.csblk_lifetime_s);
  EXPECT_EQ(refused(*seller, [&](auto& p) { p.deliver_by = exp; }), "malformed")
      << "claims would begin before the offer ends";
  const auto sblk = seller->NewSblk("A thing", "5.00");
  auto jws = UndertakingJws(*seller, NewUndertaking(*seller, sblk, deliver_by));
  char& changed = jws[jws.rfind('.') + 5];
  changed = changed == 'A' ? 'B' : 'A';
  EXPECT_EQ(ConfirmWith(*seller, sblk, jws).code, "signature-invalid");
}

TEST_F(ClaimTest, AClaimIsTakenFromTheBuyerBetweenTheTwoTimesAndOnce) {
  auto mallory = Participant("DE89370400440532013000");
  const std::string paid = Paid(), other = Paid();
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, paid)).code, "claim-closed") << "too early";
  TurnTo(deliver_by - 1);
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, paid)).code, "claim-closed") << "by a second";
  Turn(seconds(1));
  mallory->clock_offset = buyer->clock_offset;
  EXPECT_EQ(SendClaim(*mallory, ClaimJws(*mallory, paid)).code, "not-yours");
  EXPECT_EQ(SendClaim(*seller, ClaimJws(*seller, paid)).code, "not-yours");
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, base::Sha256Base64Url("x"))).code, "not-found");

  const std::string jws = ClaimJws(*buyer, paid);
  const Said said = SendClaim(*buyer, jws);
  ASSERT_EQ(said.status, 200) << said.code;
  const auto done = Must(protocol::DonePayload::Parse(
      buyer->Verified(Must(protocol::ParseSingle(said.payload, "done")), protocol::kTypDone)));
  EXPECT_EQ(done.request, Must(protocol::DigestOfCompact(jws)));
  EXPECT_EQ(done.sub, buyer->id);
  EXPECT_EQ(SendClaim(*buyer, jws).status, 200) << "the same again is acknowledged again";
  EXPECT_THROW(SendClaim(*mallory, jws), std::runtime_error)
      << "whoever replays it cannot read the answer";
  const Said second = SendClaim(*buyer, ClaimJws(*buyer, paid));
  EXPECT_EQ(second.code, "claim-closed");
  EXPECT_TRUE(second.is_signed);
  const auto mail = seller->Mailbox();
  ASSERT_EQ(mail.back().member, "refund_claim");
  EXPECT_EQ(mail.back().jws, jws);
  const auto members = Members(*seller);
  EXPECT_EQ(std::count(members.begin(), members.end(), "refund_claim"), 1);

  TurnTo(deliver_by + 14 * kOneDay + 1);
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, other)).code, "claim-closed") << "too late";
}

TEST_F(ClaimTest, WithoutAnUndertakingOrWithNothingLeftThereIsNothingToClaim) {
  SetClocks();
  const Said bare = Answered([&] { return buyer->Pay(seller->Sell("A thing", "5.00")); },
                             Outcome::kCompleted);
  const std::string paid = Paid();
  const auto csblk = SellPromising(*seller, "5.00", deliver_by);
  const Said failed = Answered([&] { return buyer->Pay(csblk); }, Outcome::kRejected, "AM04");
  ASSERT_EQ(Answered([&] { return seller->Refund(paid, "5.00"); }, Outcome::kCompleted).status,
            201);
  TurnTo(deliver_by);
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, buyer->ReceiptIn(bare).payment_id)).code,
            "claim-closed");
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, paid)).code, "refund-exceeds-payment");
  EXPECT_EQ(SendClaim(*buyer, ClaimJws(*buyer, buyer->ReceiptIn(failed).payment_id)).code,
            "not-found");
}

TEST_F(ClaimTest, UnansweredItIsRefundedAfter72HoursOfWhatIsLeftAndBothAreTold) {
  const std::string paid = Paid();
  ASSERT_EQ(Answered([&] { return seller->Refund(paid, "2.00"); }, Outcome::kCompleted).status,
            201);
  const std::string claim = Claimed(paid);
  const size_t asked = bank.calls().size();
  Turn(storage::kClaimAnswerTime);
  engine->Tick();
  const auto [call, bytes] = NextCall();  // a second later
  EXPECT_GT(Claim(paid).order->at, Claim(paid).answer_by) << "and not a second sooner";
  EXPECT_EQ(call, ScriptedBank::Call::kSubmit);
  const std::string refund_id = protocol::ClaimRefundId(claim, 1);
  EXPECT_EQ(bytes, "return " + refund_id + " of REF1");
  ASSERT_TRUE(bank.Answer(Outcome::kCompleted));
  ASSERT_TRUE(Becomes(paid, ClaimState::kRefunded));
  ASSERT_TRUE(Settles(refund_id));
  EXPECT_EQ(bank.calls().size(), asked + 1);
  EXPECT_EQ(Stored(refund_id)->intent.record().amount.ToString(), "3.00 GBP");

  SetClocks();
  for (RawParticipant* who : {buyer.get(), seller.get()}) {
    const auto decisions = DecisionsFor(*who);
    ASSERT_EQ(decisions.size(), 1u);
    EXPECT_EQ(decisions[0].sub, who->id);
    EXPECT_EQ(decisions[0].claim, claim);
    EXPECT_EQ(decisions[0].payment_id, paid);
    EXPECT_EQ(decisions[0].decision, protocol::ClaimDecision::kRefund);
    EXPECT_EQ(decisions[0].grounds, protocol::ClaimGrounds::kUnanswered);
  }
  const auto to_buyer = buyer->Mailbox(), to_seller = seller->Mailbox();
  ASSERT_EQ(to_buyer.back().member, "refund_confirmation") << "after the decision";
  const auto told = Must(protocol::RefundResultPayload::Parse(
      buyer->Verified(to_buyer.back().jws, protocol::kTypRefundConfirmation)));
  EXPECT_EQ(told.refund_id, refund_id);
  EXPECT_EQ(told.refunded_total->ToString(), "5.00 GBP");
  ASSERT_EQ(to_seller.back().member, "receipt");
  EXPECT_EQ(Must(protocol::RefundResultPayload::Parse(
                     seller->Verified(to_seller.back().jws, protocol::kTypRefundReceipt)))
                .refund_id,
            refund_id);
  EXPECT_EQ(SendAnswer(*seller, AnswerJws(*seller, claim)).code, "claim-closed");
}

TEST_F(ClaimTest, AnsweredInTheLastSecondItIsTheOperatorsToReject) {
  const std::string paid = Paid(), claim = Claimed(paid);
  const size_t asked = bank.calls().size();
  EXPECT_EQ(CodeOf(engine->claims().Decide(claim, false, "early")), base::ErrorCode::kInFlight);
  TurnTo(base::ToNumericDate(Claim(paid).answer_by));
  engine->Tick();
  EXPECT_EQ(SendAnswer(*buyer, AnswerJws(*buyer, claim)).code, "not-yours");
  EXPECT_EQ(SendAnswer(*seller, AnswerJws(*seller, base::Sha256Base64Url("x"))).code, "not-found");
  const std::string jws = AnswerJws(*seller, claim);
  ASSERT_EQ(SendAnswer(*seller, jws).status, 200);
  EXPECT_EQ(SendAnswer(*seller, jws).status, 200) << "the same again";
  EXPECT_EQ(SendAnswer(*seller, AnswerJws(*seller, claim)).code, "claim-closed");
  EXPECT_EQ(Claim(paid).answer, jws);

  ASSERT_TRUE(engine->claims().Decide(paid, false, "It was delivered"));
  const auto again = engine->claims().Decide(claim, false, "It was delivered");
  ASSERT_TRUE(again) << "the same decision changes nothing";
  EXPECT_EQ(again->state, ClaimState::kRejected);
  EXPECT_EQ(CodeOf(engine->claims().Decide(claim, true, "no")), base::ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(engine->claims().Decide("nothing", true, "x")), base::ErrorCode::kNotFound);
  for (RawParticipant* who : {buyer.get(), seller.get()}) {
    const auto decisions = DecisionsFor(*who);
    ASSERT_EQ(decisions.size(), 1u);
    EXPECT_EQ(decisions[0].decision, protocol::ClaimDecision::kReject);
    EXPECT_EQ(decisions[0].grounds, protocol::ClaimGrounds::kOperator);
    EXPECT_EQ(decisions[0].reason, "It was delivered");
  }
  Turn(hours(1000));
  engine->Tick();
  EXPECT_EQ(bank.calls().size(), asked) << "nothing was given back";
  EXPECT_TRUE(Must(store->payments().Refunds(paid)).empty());
}

TEST_F(ClaimTest, TheOperatorsRefundGoesTheWayOfEveryIntent) {
  const std::string paid = Paid(), claim = Claimed(paid);
  ASSERT_EQ(SendAnswer(*seller, AnswerJws(*seller, claim)).status, 200);
  ASSERT_TRUE(engine->claims().Decide(claim, true, "The parcel went elsewhere"));
  ASSERT_TRUE(engine->claims().Decide(claim, true, "The parcel went elsewhere"));
  EXPECT_EQ(NextCall().second, "return " + protocol::ClaimRefundId(claim, 1) + " of REF1");
  bank.Answer(Outcome::kUnknown);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Becomes(paid, ClaimState::kRefunded));
  EXPECT_EQ(Must(store->payments().Refunds(paid)).size(), 1u);
  SetClocks();
  EXPECT_EQ(DecisionsFor(*buyer).at(0).reason, "The parcel went elsewhere");
}

TEST_F(ClaimTest, ACrashBetweenDecisionRefundAndAnswerOfTheBankRefundsOnce) {
  const std::string paid = Paid(), claim = Claimed(paid);
  Turn(storage::kClaimAnswerTime + seconds(1));
  bank.away = true;  // decided, and no further
  ASSERT_TRUE(Becomes(paid, ClaimState::kToRefund));
  RestartEngine();
  EXPECT_EQ(Claim(paid).state, ClaimState::kToRefund);
  bank.away = false;
  const size_t asked = bank.calls().size();
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kSubmit);
  RestartEngine();  // the bank may have it
  EXPECT_EQ(Claim(paid).state, ClaimState::kRefunding);
  const auto [call, bytes] = NextCall();
  EXPECT_EQ(call, ScriptedBank::Call::kStatus);
  EXPECT_EQ(bytes, "return " + protocol::ClaimRefundId(claim, 1) + " of REF1");
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Becomes(paid, ClaimState::kRefunded));
  RestartEngine();
  Turn(hours(100));
  engine->Tick();
  EXPECT_EQ(bank.calls().size(), asked + 2);
  EXPECT_EQ(Must(store->payments().Refunds(paid)).size(), 1u);
  SetClocks();
  EXPECT_EQ(DecisionsFor(*seller).size(), 1u);
}

TEST_F(ClaimTest, ARefundThatTheBankRejectsIsTriedADayLaterUnderAnotherIdThenByTheOperator) {
  const std::string paid = Paid(), claim = Claimed(paid);
  Turn(storage::kClaimAnswerTime + seconds(1));
  std::set<std::string> ids;
  for (uint32_t attempt = 1; attempt <= storage::kMaxClaimRefunds; ++attempt) {
    const auto began = clock.Now();
    ids.insert(NextCall().second);
    bank.Answer(Outcome::kRejected, "AM04");
    ASSERT_TRUE(Settles(protocol::ClaimRefundId(claim, attempt)));
    if (attempt == storage::kMaxClaimRefunds) break;
    EXPECT_EQ(Claim(paid).state, ClaimState::kToRefund);
    EXPECT_GE(Claim(paid).due, began + storage::kClaimRetryInterval);
    Turn(storage::kClaimRetryInterval);
  }
  EXPECT_EQ(ids.size(), storage::kMaxClaimRefunds);
  EXPECT_EQ(Claim(paid).state, ClaimState::kStuck);
  SetClocks();
  EXPECT_EQ(CodeOf(engine->claims().Decide(claim, false, "x")), base::ErrorCode::kAlreadyExists);
  ASSERT_TRUE(engine->claims().Decide(claim, true, "The account has money again"));
  EXPECT_EQ(NextCall().second, "return " +
                                   protocol::ClaimRefundId(claim, storage::kMaxClaimRefunds + 1) +
                                   " of REF1");
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Becomes(paid, ClaimState::kRefunded));
}

TEST_F(ClaimTest, WaitsForATokenOrABankThatIsAwayAndForARefundThatTheSellerMakes) {
  const std::string paid = Paid();
  Claimed(paid);
  Turn(storage::kClaimAnswerTime + seconds(1));
  token_away = true;
  for (int i = 0; i < 3; ++i) {
    Turn(seconds(6));
    engine->Tick();
  }
  token_away = false;
  bank.away = true;
  ASSERT_TRUE(Becomes(paid, ClaimState::kToRefund));
  bank.away = false;
  // If the seller is quicker than the next look, his refund is open then.
  SetClocks();
  Turning([&] { return seller->Refund(paid, "1.00"); });
  ASSERT_TRUE(Eventually([&] {
    clock.Advance(seconds(30));
    engine->Tick();
    while (bank.Answer(Outcome::kCompleted)) {
    }
    return Claim(paid).state == ClaimState::kRefunded;
  }));
  int64_t back = 0;
  for (const auto& refund : Must(store->payments().Refunds(paid))) {
    EXPECT_NE(refund.state, RefundState::kFailed);
    back += refund.amount;
  }
  EXPECT_EQ(back, 500) << "all of it, and no more";
}

TEST_F(ClaimTest, EndsWhenTheSellerRefundsOfHisOwnAccord) {
  const std::string paid = Paid(), claim = Claimed(paid);
  ASSERT_EQ(Answered([&] { return seller->Refund(paid, "5.00"); }, Outcome::kCompleted).status,
            201);
  EXPECT_EQ(Claim(paid).state, ClaimState::kRefunded);
  EXPECT_EQ(SendAnswer(*seller, AnswerJws(*seller, claim)).code, "claim-closed");
  const size_t asked = bank.calls().size();
  Turn(hours(100));
  engine->Tick();
  EXPECT_EQ(bank.calls().size(), asked);
}

}  // namespace
}  // namespace paygate::gateway::engine
