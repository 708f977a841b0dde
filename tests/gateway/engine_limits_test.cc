// What strangers, participants and banks may do to the engine, and where it stops them.
#include <thread>

#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

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
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk), other = buyer->AskBuyer(bblk);
  const auto send = [&](const auto& with) {
    return buyer->SendAuthorisation(buyer->Authorisation(bblk, with, csblk.jws), with.handshake,
                                    csblk.disclosure);
  };
  std::mutex gate;
  std::unique_lock closed(gate);
  std::atomic<int> inside = 0, answered = 0;
  bank.while_preparing = [&] {
    ++inside;
    std::lock_guard wait(gate);
  };
  std::vector<std::thread> senders;
  const auto begin = [&](const auto& with) {
    const int before = inside;
    senders.emplace_back([&] {
      send(with);
      ++answered;
    });
    EXPECT_TRUE(Eventually([&] { return inside > before; }));
  };
  begin(challenge);  // the lane of answers
  for (int i = 0; i < 4; ++i) begin(challenge);  // the strangers'; the last is a burst's first
  clock.Advance(std::chrono::seconds(1));  // longer than a burst, shorter than a calm
  EXPECT_EQ(send(challenge).code, "rate-limited");
  begin(other);  // a new handshake: the lane of answers
  closed.unlock();
  EXPECT_TRUE(Eventually([&] {
    bank.Answer(Outcome::kCompleted);
    return answered == 6;
  }));
  for (std::thread& sender : senders) sender.join();
}

TEST_F(EngineTest, NobodysAnswersKeepOutEverybodyElses) {
  config.engine.in_progress = 4;  // of these a participant may have one in the lane of answers
  RestartEngine();
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto first = buyer->AskBuyer(bblk), second = buyer->AskBuyer(bblk);
  const auto send = [&](const auto& with) {
    return buyer->SendAuthorisation(buyer->Authorisation(bblk, with, csblk.jws), with.handshake,
                                    csblk.disclosure);
  };
  std::mutex gate;
  std::unique_lock closed(gate);
  std::atomic<bool> inside = false;
  bank.while_preparing = [&] {
    inside = true;
    std::lock_guard wait(gate);
  };
  std::thread sender([&] { EXPECT_EQ(send(first).status, 201); });
  EXPECT_TRUE(Eventually([&] { return inside.load(); }));
  EXPECT_EQ(send(second).code, "rate-limited") << "before any private-key operation";
  seller->Sell("Another thing", "5.00");  // somebody else's answer
  closed.unlock();
  EXPECT_TRUE(Eventually([&] { return bank.Answer(Outcome::kCompleted); }));
  sender.join();
  EXPECT_EQ(send(second).code, "already-paid") << "the handshake was not used up by the refusal";
}

TEST_F(EngineTest, PastItsLimitTheEngineRefusesWhatIsNewBeforeAKeyIsUsedAndServesAnswers) {
  config.engine.in_progress = 8;
  config.engine.workers = 8;
  RestartEngine();
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto sblk = seller->NewSblk("Another thing", "5.00");
  const auto begun = seller->AskSeller(sblk);
  const auto answer = buyer->AskBuyer(bblk), second = buyer->AskBuyer(bblk);
  std::mutex gate;
  std::unique_lock closed(gate);
  std::atomic<int> inside = 0, answered = 0;
  bank.while_preparing = [&] {
    ++inside;
    std::lock_guard wait(gate);
  };
  std::vector<std::thread> senders;
  const auto occupy = [&](const auto& with) {
    const int before = inside;
    senders.emplace_back([&, with] {
      buyer->SendAuthorisation(buyer->Authorisation(bblk, with, csblk.jws), with.handshake,
                               csblk.disclosure);
      ++answered;
    });
    ASSERT_TRUE(Eventually([&] { return inside > before; }));
  };
  for (const auto& with : {answer, second, answer, second}) occupy(with);  // both lanes, two each
  const int signed_before = signatures;
  EngineTransport stranger(*engine);
  const auto taken_up = Must(stranger.Post("/v1/seller-blocks/challenge", "not even a JWE"));
  EXPECT_EQ(taken_up.status, 400) << "a burst is no overload";
  clock.Advance(std::chrono::seconds(1));  // longer than a burst, shorter than a calm
  const auto refused = Must(stranger.Post("/v1/seller-blocks/challenge", "not even a JWE"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_GT(refused.retry_after_s, 0);
  EXPECT_EQ(signatures, signed_before);
  EXPECT_EQ(seller->SendConfirmation(seller->Confirmation(sblk, begun), begun.handshake).status,
            201)
      << "an answer to a challenge that was given before";
  closed.unlock();
  EXPECT_TRUE(Eventually([&] {
    bank.Answer(Outcome::kCompleted);
    return answered == 4;
  }));
  for (std::thread& sender : senders) sender.join();
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
