// What strangers, participants and banks may do to the engine, and where it stops them.
#include <algorithm>
#include <future>
#include <thread>

#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

// Authorisations for one sale, held in a bank that prepares nothing until it is let go.
class Held {
 public:
  Held(RawParticipant& buyer, ScriptedBank& bank, protocol::SdJwt csblk)
      : buyer_(buyer), bank_(bank), csblk_(std::move(csblk)), bblk_(buyer.NewBblk(csblk_)) {
    bank.while_preparing = [this] {
      ++inside_;
      std::lock_guard wait(gate_);
    };
  }
  RawParticipant::Challenge Ask() { return buyer_.AskBuyer(bblk_); }
  Said Send(const RawParticipant::Challenge& with) {
    return buyer_.SendAuthorisation(buyer_.Authorisation(bblk_, with, csblk_.jws), with.handshake,
                                    csblk_.disclosure);
  }
  // Sends from another thread, until the bank holds it.
  void Begin(const RawParticipant::Challenge& with) {
    const int before = inside_;
    sent_.push_back(std::async(std::launch::async, [this, with] { return Send(with); }));
    ASSERT_TRUE(Eventually([&] { return inside_ > before; }));
  }
  // Lets the bank go on and complete what it is asked; what all that were begun were told.
  std::vector<Said> End() {
    closed_.unlock();
    EXPECT_TRUE(Eventually([&] {
      bank_.Answer(Outcome::kCompleted);
      return std::ranges::all_of(sent_, [](const std::future<Said>& each) {
        return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
      });
    }));
    std::vector<Said> told;
    for (std::future<Said>& each : sent_) told.push_back(each.get());
    return told;
  }

 private:
  RawParticipant& buyer_;
  ScriptedBank& bank_;
  const protocol::SdJwt csblk_;
  const protocol::Bblk bblk_;
  std::atomic<int> inside_ = 0;
  std::mutex gate_;
  std::unique_lock<std::mutex> closed_{gate_};
  std::vector<std::future<Said>> sent_;
};

TEST_F(EngineTest, ABankThatSpeaksGibberishSpoilsNoReceipt) {
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kRejected, "\xff\x01 no UTF-8");
  ASSERT_TRUE(Settles(pending.payment_id));
  const auto messages = buyer->Mailbox();
  ASSERT_EQ(messages.size(), 1u);
  const auto receipt = Must(protocol::PaymentResultPayload::Parse(
      buyer->Verified(messages[0].jws, protocol::kTypReceipt)));
  EXPECT_EQ(receipt.result, PaymentResult::kFailed);
  EXPECT_EQ(receipt.reason, "");
}

TEST_F(EngineTest, AnAuthorisationWhoseHandshakeEndsWhileItWaitsIsNotExecuted) {
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const auto send = [&] {
    return buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  };
  // Its sender grows impatient, sends it again and is told that the time is over: for ever, then.
  Said second;
  bool asked = false;
  bank.while_preparing = [&] {
    if (std::exchange(asked, true)) return;
    clock.Advance(std::chrono::seconds(61));
    second = send();
  };
  const Said first = send();
  EXPECT_EQ(second.code, "handshake-expired");
  EXPECT_EQ(first.code, "handshake-expired");
  EXPECT_EQ(store->payments().OpenCount(), 0u);
  EXPECT_EQ(bank.waiting(), 0u);
}

TEST_F(EngineTest, ARegistrationThatTheBankMayHaveHeardOfIsNeverTooOld) {
  RawParticipant late(std::make_unique<EngineTransport>(*engine), root_pem,
                      {.name = "L", .iban = "GB82WEST12345698765432", .currency = "GBP",
                       .enrolment_code = "0123456789abcdef"});
  const auto registration = late.NewRegistration();
  bank.verification.verdict = bank::Verdict::kNoAnswer;
  EXPECT_EQ(late.SendRegistration(registration).code, "bank-unavailable");
  clock.Advance(std::chrono::minutes(10));
  bank.verification.verdict = bank::Verdict::kVerified;
  EXPECT_EQ(late.SendRegistration(registration).status, 201) << "the code would be lost";
}

TEST_F(EngineTest, ARegistrationOfAnotherTimeIsNotTakenAndNothingIsDecided) {
  RawParticipant early(std::make_unique<EngineTransport>(*engine), root_pem,
                       {.name = "E", .iban = "GB82WEST12345698765432", .currency = "GBP",
                        .enrolment_code = "0123456789abcdef"});
  auto registration = early.NewRegistration();
  registration.iat += 150;
  const Said said = early.SendRegistration(registration);
  EXPECT_EQ(said.code, "clock-skew");
  EXPECT_FALSE(said.is_signed) << "in half a minute it would be in time";
  clock.Advance(std::chrono::seconds(60));
  EXPECT_EQ(early.SendRegistration(registration).status, 201);
}

TEST_F(EngineTest, OnesOldestLongPollIsAnsweredWhenOneOpensTooMany) {
  std::atomic<int> answered = 0;
  std::vector<std::thread> polls;
  for (int i = 0; i < 9; ++i) {
    polls.emplace_back([&] {
      EXPECT_EQ(buyer->SendMailbox(0, 30).status, 200);
      ++answered;
    });
  }
  EXPECT_TRUE(Eventually([&] { return answered == 1; }));
  EXPECT_TRUE(Eventually([&] {
    clock.Advance(std::chrono::seconds(10));
    engine->Tick();
    return answered == 9;
  }));
  for (std::thread& poll : polls) poll.join();
}

TEST_F(EngineTest, TheGatewaysDescriptionIsServedWhileTheTokenIsAway) {
  EngineTransport transport(*engine);
  ASSERT_EQ(Must(transport.Get("/v1/gateway")).status, 200);
  token_away = true;
  clock.Advance(std::chrono::minutes(40));  // past half its life: time to sign it anew
  EXPECT_EQ(Must(transport.Get("/v1/gateway")).status, 200);
  clock.Advance(std::chrono::minutes(40));
  EXPECT_EQ(Must(transport.Get("/v1/gateway")).status, 503) << "but never after its end";
}

TEST_F(EngineTest, AConfirmationWhoseHandshakeEndsWhileTheBankIsAskedLeavesNoCsblk) {
  const auto sblk = seller->NewSblk("A thing", "5.00");
  const auto challenge = seller->AskSeller(sblk);
  const std::string confirmation = seller->Confirmation(sblk, challenge);
  bank.while_verifying = [&] { clock.Advance(std::chrono::seconds(61)); };
  const Said late = seller->SendConfirmation(confirmation, challenge.handshake);
  EXPECT_EQ(late.code, "handshake-expired");
  EXPECT_FALSE(Must(store->csblks().FindByConfirmation(
      Must(protocol::DigestOfCompact(confirmation)))));
  bank.while_verifying = nullptr;
  seller->Sell("A thing", "5.00");  // begins anew
}

TEST_F(EngineTest, AHandshakeOpensTheLaneOfAnswersOnceAndThenItsSourceIsCounted) {
  config.engine.in_progress = 8;  // when crowded a source may have two in the strangers' lane
  config.engine.workers = 16;
  RestartEngine();
  {
    Held burst(*buyer, bank, seller->Sell("A thing", "5.00"));
    const auto challenge = burst.Ask();
    for (int i = 0; i < 6; ++i) burst.Begin(challenge);
    EXPECT_EQ(burst.End().size(), 6u);
  }
  clock.Advance(std::chrono::seconds(1));  // longer than a burst, shorter than a calm
  Held held(*buyer, bank, seller->Sell("A thing", "5.00"));
  const auto challenge = held.Ask(), other = held.Ask();
  held.Begin(challenge);  // the lane of answers
  for (int i = 0; i < 3; ++i) held.Begin(challenge);  // the strangers'; not crowded yet
  EXPECT_EQ(held.Send(challenge).code, "rate-limited");
  held.Begin(other);  // a new handshake: the lane of answers
  EXPECT_EQ(held.End().size(), 5u);
}

TEST_F(EngineTest, NobodysAnswersKeepOutEverybodyElses) {
  config.engine.in_progress = 4;  // of these a participant may have one in the lane of answers
  RestartEngine();
  Held held(*buyer, bank, seller->Sell("A thing", "5.00"));
  const auto first = held.Ask(), second = held.Ask();
  held.Begin(first);
  EXPECT_EQ(held.Send(second).code, "rate-limited") << "before any private-key operation";
  seller->Sell("Another thing", "5.00");  // somebody else's answer
  const auto told = held.End();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].status, 201);
  EXPECT_EQ(held.Send(second).code, "already-paid")
      << "the handshake was not used up by the refusal";
}

TEST_F(EngineTest, PastItsLimitTheEngineRefusesWhatIsNewBeforeAKeyIsUsedAndServesAnswers) {
  config.engine.in_progress = 16;  // of which eight may begin, and two where a queue stands
  config.engine.workers = 8;
  RestartEngine();
  Held held(*buyer, bank, seller->Sell("A thing", "5.00"));
  const auto sblk = seller->NewSblk("Another thing", "5.00");
  const auto begun = seller->AskSeller(sblk);
  const auto answer = held.Ask(), second = held.Ask();
  for (const auto& with : {answer, second, answer, second}) held.Begin(with);  // two in each lane
  const int signed_before = signatures;
  EngineTransport stranger(*engine);
  const auto taken_up = Must(stranger.Post("/v1/seller-blocks/challenge", "not even a JWE"));
  EXPECT_EQ(taken_up.status, 400) << "four at once are no queue that stands";
  clock.Advance(std::chrono::seconds(1));  // and they have not become fewer
  const auto refused = Must(stranger.Post("/v1/seller-blocks/challenge", "not even a JWE"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_GT(refused.retry_after_s, 0);
  EXPECT_EQ(signatures, signed_before);
  EXPECT_EQ(seller->SendConfirmation(seller->Confirmation(sblk, begun), begun.handshake).status,
            201)
      << "an answer to a challenge that was given before";
  EXPECT_EQ(held.End().size(), 4u);
}

TEST_F(EngineTest, WhatStrangersLeaveAndOldRefusalsAreForgotten) {
  RawParticipant stranger(std::make_unique<EngineTransport>(*engine), root_pem,
                          {.name = "S", .iban = "GB82WEST12345698765432", .currency = "GBP",
                           .enrolment_code = "0123456789abcdef"});
  const auto digest_of = [&](const protocol::RegistrationPayload& payload) {
    const std::string jws =
        Must(protocol::SignJws(*stranger.signer, protocol::kTypRegistration, {}, payload.Print()));
    return Must(protocol::DigestOfCompact(jws));
  };
  const auto refused = stranger.NewRegistration(), unanswered = stranger.NewRegistration();
  bank.verification.verdict = bank::Verdict::kRefused;
  EXPECT_EQ(stranger.SendRegistration(refused).code, "enrolment-refused");
  EXPECT_FALSE(Must(store->registrations().Begun(digest_of(refused)))) << "at once";
  bank.verification.verdict = bank::Verdict::kNoAnswer;
  EXPECT_EQ(stranger.SendRegistration(unanswered).code, "bank-unavailable");
  bank.verification.verdict = bank::Verdict::kVerified;

  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string twisted = buyer->Authorisation(bblk, buyer->AskBuyer(bblk), csblk.jws);
  const auto send = [&] {
    return buyer->SendAuthorisation(twisted, challenge.handshake, csblk.disclosure);
  };
  EXPECT_EQ(send().code, "block-mismatch");
  clock.Advance(std::chrono::days(29));
  engine->Tick();
  EXPECT_EQ(send().code, "block-mismatch") << "signed, and final";
  EXPECT_TRUE(Must(store->registrations().Begun(digest_of(unanswered))));
  clock.Advance(std::chrono::days(2));
  engine->Tick();
  EXPECT_EQ(send().code, "handshake-expired") << "forgotten, and never accepted";
  EXPECT_TRUE(Must(store->registrations().Begun(digest_of(unanswered)))) << "a code hangs on it";
  clock.Advance(std::chrono::days(60));
  engine->Tick();
  EXPECT_FALSE(Must(store->registrations().Begun(digest_of(unanswered))));
  EXPECT_EQ(stranger.SendRegistration(unanswered).code, "clock-skew");
}

}  // namespace
}  // namespace paygate::gateway::engine
