// Every way in which a bank can answer, and a token that goes away.
#include "audit/verdict.h"
#include "storage/rocksdb/database.h"
#include "tests/gateway/engine_fixture.h"

namespace paygate::gateway::engine {
namespace {

TEST_F(EngineTest, AnUnknownOutcomeIsAskedAboutNeverSentAgain) {
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kUnknown);
  const auto [call, bytes] = NextCall();
  EXPECT_EQ(call, ScriptedBank::Call::kStatus);
  EXPECT_EQ(bytes, "prepared " + pending.payment_id);
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  EXPECT_TRUE(Completed(pending.payment_id));
}

TEST_F(EngineTest, WhatProvablyNeverLeftIsSentAgainUnchanged) {
  const auto pending = PendingPayment();
  for (Outcome not_taken : {Outcome::kNotSent, Outcome::kBusy}) {
    bank.Answer(not_taken);
    const auto [call, bytes] = NextCall();
    EXPECT_EQ(call, ScriptedBank::Call::kSubmit);
    EXPECT_EQ(bytes, "prepared " + pending.payment_id);
  }
  bank.Answer(Outcome::kCompleted);
  EXPECT_TRUE(Settles(pending.payment_id));
}

TEST_F(EngineTest, WhatTheBankHasNotFoundIsSentAgainOnlyBeforeTheDeadline) {
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kUnknown);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  bank.Answer(Outcome::kNotFound);
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kSubmit);
  bank.Answer(Outcome::kUnknown);
  clock.Advance(std::chrono::minutes(10));  // past the deadline and the skew
  EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
  bank.Answer(Outcome::kNotFound);
  ASSERT_TRUE(Settles(pending.payment_id));
  EXPECT_FALSE(Completed(pending.payment_id)) << "never received, and never will be";
}

TEST_F(EngineTest, NotFoundEndsNothingWhereTheBankCannotSayThatItIsFinal) {
  bank.notfound_is_final = false;
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kUnknown);
  clock.Advance(std::chrono::minutes(10));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(NextCall().first, ScriptedBank::Call::kStatus);
    bank.Answer(Outcome::kNotFound);
  }
  EXPECT_FALSE(Stored(pending.payment_id)->settlement);
  NextCall();
  bank.Answer(Outcome::kCompleted);  // only the bank's word ends it
  EXPECT_TRUE(Settles(pending.payment_id));
}

TEST_F(EngineTest, ABankThatContradictsItselfIsBelievedOnce) {
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  const std::string receipt = Stored(pending.payment_id)->results.receipt;
  RestartEngine();  // asks about nothing: the payment is not open
  clock.Advance(std::chrono::minutes(5));
  engine->Tick();
  EXPECT_EQ(bank.waiting(), 0u);
  EXPECT_EQ(Stored(pending.payment_id)->results.receipt, receipt);
}

TEST_F(EngineTest, AnOpenIntentIsAskedAboutAfterARestartBeforeAnythingIsSent) {
  const auto pending = PendingPayment();
  RestartEngine();
  const auto [call, bytes] = NextCall();
  EXPECT_EQ(call, ScriptedBank::Call::kStatus);
  EXPECT_EQ(bytes, "prepared " + pending.payment_id) << "the bytes that were stored, unsealed";
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  const auto messages = buyer->Mailbox();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].member, "receipt");
}

TEST_F(EngineTest, TheBanksWordIsDurableWhileTheTokenIsAwayAndTheResultsFollow) {
  const auto pending = PendingPayment();
  token_away = true;
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Eventually([&] { return Stored(pending.payment_id)->settlement.has_value(); }));
  EXPECT_EQ(Stored(pending.payment_id)->results.receipt, "");
  RestartEngine();
  token_away = false;
  ASSERT_TRUE(Eventually([&] {
    clock.Advance(std::chrono::seconds(1));
    engine->Tick();
    return !Stored(pending.payment_id)->results.receipt.empty();
  }));
  EXPECT_TRUE(Completed(pending.payment_id));
  EXPECT_EQ(bank.waiting(), 0u) << "the bank has spoken; it is not asked again";
}

TEST_F(EngineTest, AnOpenIntentWhoseRecordIsDamagedKeepsNoOtherFromItsEnd) {
  const auto damaged = PendingPayment(), whole = PendingPayment();
  bank.Forget();
  StopEngine();
  const std::string path = directory + "/store/db";
  std::optional<std::string> record;
  const auto write = [&](std::string_view value) {
    auto database =
        Must(storage::rocksdb::Database::Open(::rocksdb::Env::Default(), path, false));
    using storage::rocksdb::Family;
    if (!record) record = Must(database->Get(Family::kIntents, damaged.payment_id));
    storage::rocksdb::Batch batch(*database);
    batch.Put(Family::kIntents, damaged.payment_id, value);
    Must(database->Write(batch));
  };
  write("no intent");
  StartEngine();
  EXPECT_EQ(NextCall().second, "prepared " + whole.payment_id);
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(whole.payment_id));
  EXPECT_EQ(store->payments().OpenCount(), 1u) << "it is forgotten by nobody";
  // Restored from a copy, it goes on.
  StopEngine();
  write(*record);
  StartEngine();
  EXPECT_EQ(NextCall().second, "prepared " + damaged.payment_id);
  bank.Answer(Outcome::kCompleted);
  EXPECT_TRUE(Settles(damaged.payment_id));
}

TEST_F(EngineTest, WithoutABankNothingIsRecordedAndTheClientIsToldToComeBack) {
  const auto csblk = seller->Sell("A thing", "5.00");
  bank.away = true;
  const Said said = buyer->Pay(csblk);
  EXPECT_EQ(said.status, 503);
  EXPECT_EQ(said.code, "bank-unavailable");
  EXPECT_GT(said.retry_after_s, 0);
  EXPECT_EQ(store->payments().OpenCount(), 0u);
}

TEST_F(EngineTest, WithoutATokenTheClientIsToldToComeBack) {
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  token_away = true;
  try {
    buyer->AskBuyer(bblk);
    FAIL() << "a challenge without a token";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("token-unavailable"), std::string::npos);
  }
}

TEST_F(EngineTest, ASecondAuthorisationWaitsForNothingWhileTheFirstIsOpen) {
  const auto csblk = seller->Sell("A thing", "5.00");
  ASSERT_EQ(Turning([&] { return buyer->Pay(csblk); }).status, 202);
  EXPECT_EQ(buyer->Pay(csblk).code, "in-flight");
  bank.Answer(Outcome::kRejected, "AM04");
  ASSERT_TRUE(Eventually([&] { return store->payments().OpenCount() == 0; }));
  // Failed: payable again, by a new authorisation.
  ASSERT_EQ(Turning([&] { return buyer->Pay(csblk); }).status, 202);
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Eventually([&] { return store->payments().OpenCount() == 0; }));
  EXPECT_EQ(buyer->Pay(csblk).code, "already-paid");
}

TEST_F(EngineTest, AnAnswerThatComesLateStillGivesTheReceiptToWhoAsksAgain) {
  const auto csblk = seller->Sell("A thing", "5.00");
  const auto bblk = buyer->NewBblk(csblk);
  const auto challenge = buyer->AskBuyer(bblk);
  const std::string authorisation = buyer->Authorisation(bblk, challenge, csblk.jws);
  const auto send = [&] {
    return buyer->SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure);
  };
  EXPECT_EQ(Turning(send).status, 202);
  EXPECT_EQ(Turning(send).status, 202);  // the same again waits for the same payment
  EXPECT_EQ(bank.calls().size(), 1u) << "and the bank hears of it once";
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Eventually([&] { return store->payments().OpenCount() == 0; }));
  const Said said = send();
  EXPECT_EQ(said.status, 201);
  EXPECT_EQ(buyer->ReceiptIn(said).result, PaymentResult::kCompleted);
}

TEST_F(EngineTest, WhatTheRegisterSaysOfAParticipantHoldsFromTheNextRequestOn) {
  const auto pays = [&](const protocol::SdJwt& csblk) {
    return Answered([&] { return buyer->Pay(csblk); }, Outcome::kCompleted).status;
  };
  EXPECT_EQ(pays(seller->Sell("A thing", "5.00")), 201);
  const auto csblk = seller->Sell("A thing", "5.00");
  auto& certificates = store->certificates();
  const auto refusal = [&] {  // of the request for a challenge
    try {
      return "HTTP " + std::to_string(buyer->Pay(csblk).status);
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
  };
  Must(certificates.Hold(buyer->id, "", clock.Now()));
  EXPECT_EQ(refusal(), "/v1/payments/challenge: account-refused");
  Must(certificates.Release(buyer->id, clock.Now()));
  Must(certificates.Hold(seller->id, "", clock.Now()));
  EXPECT_EQ(buyer->Pay(csblk).code, "account-refused");
  Must(certificates.Release(seller->id, clock.Now()));
  EXPECT_EQ(pays(csblk), 201);
  const auto last = seller->Sell("A thing", "5.00");
  Must(certificates.Revoke(seller->id, storage::RevocationReason::kKeyCompromise, clock.Now()));
  EXPECT_EQ(buyer->Pay(last).code, "certificate-revoked");
  Must(certificates.Revoke(buyer->id, storage::RevocationReason::kSuperseded, clock.Now()));
  EXPECT_EQ(refusal(), "/v1/payments/challenge: certificate-revoked");
}

TEST_F(EngineTest, EvidenceIsGoodHoweverLongItsSignaturesTake) {
  const auto pending = PendingPayment();
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  const int before = issued;
  while_signing = [&] { clock.Advance(std::chrono::seconds(1)); };
  const std::string file = Must(engine->evidence().Export(pending.payment_id));
  while_signing = nullptr;
  EXPECT_GT(issued, before) << "the issuing CA states what its certificates' status is";
  const auto report = audit::JudgeEvidence(file, Must(Certificate::ParsePem(root_pem)), {});
  for (const auto& check : report.checks) {
    EXPECT_NE(check.outcome, audit::EvidenceCheck::Outcome::kBad) << check.words;
  }
  EXPECT_TRUE(report.valid());
}

TEST_F(EngineTest, AnOldDaysStorageKeyIsDestroyedOnceNoOpenIntentNeedsIt) {
  const auto key_files = [&] {
    size_t count = 0;
    for ([[maybe_unused]] const auto& f :
         std::filesystem::directory_iterator(directory + "/storage-keys")) {
      ++count;
    }
    return count;
  };
  const auto pending = PendingPayment();
  ASSERT_EQ(key_files(), 1u);
  clock.Advance(std::chrono::days(3));
  engine->Tick();
  EXPECT_EQ(key_files(), 1u) << "an open intent still needs it";
  bank.Answer(Outcome::kCompleted);
  ASSERT_TRUE(Settles(pending.payment_id));
  clock.Advance(std::chrono::hours(1));
  engine->Tick();
  EXPECT_EQ(key_files(), 0u);
}

}  // namespace
}  // namespace paygate::gateway::engine
