#include <atomic>
#include <barrier>
#include <thread>

#include "base/crypto.h"
#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using base::ErrorCode;

class CsblkRegisterTest : public StoreTest {};

TEST_F(CsblkRegisterTest, GivesTheRecordAsFirstIssuedToTheSameConfirmation) {
  const CsblkRecord first = MakeCsblk("sale");
  ASSERT_TRUE(store_->csblks().Issue(first));
  Reopen();
  CsblkRecord second = MakeCsblk("sale again");
  second.confirmation_digest = first.confirmation_digest;
  EXPECT_EQ(store_->csblks().Issue(second).value().csblk_id, "sale");
  EXPECT_FALSE(store_->csblks().Find("sale again").value());

  const CsblkRecord r =
      store_->csblks().FindByConfirmation(first.confirmation_digest).value().value();
  EXPECT_EQ(r.csblk_id, first.csblk_id);
  EXPECT_EQ(r.confirmation_digest, first.confirmation_digest);
  EXPECT_EQ(r.seller_id, first.seller_id);
  EXPECT_EQ(r.nonce, first.nonce);
  EXPECT_EQ(r.jws, first.jws);
  EXPECT_EQ(r.reply_certificate, first.reply_certificate);
  EXPECT_EQ(r.issued_at, first.issued_at);
  EXPECT_EQ(r.expires_at, first.expires_at);
  EXPECT_FALSE(store_->csblks().FindByConfirmation("unknown").value());
}

TEST_F(CsblkRegisterTest, RefusesASecondSaleUnderOneNonce) {
  Issue("sale");
  CsblkRecord second = MakeCsblk("other");
  second.nonce = "nonce of sale";
  EXPECT_EQ(CodeOf(store_->csblks().Issue(second)), ErrorCode::kDuplicateSale);
  second.seller_id = "another seller";
  EXPECT_TRUE(store_->csblks().Issue(second));
}

TEST_F(CsblkRegisterTest, IssuesNothingForARefusedConfirmation) {
  ASSERT_TRUE(store_->refusals().Record("confirmation of sale", "jws", At(0)));
  EXPECT_EQ(CodeOf(store_->csblks().Issue(MakeCsblk("sale"))), ErrorCode::kAlreadyExists);
  EXPECT_FALSE(store_->csblks().Find("sale").value());
}

TEST_F(CsblkRegisterTest, RefusesIdentifiersThatAreEmptyOrTooLong) {
  CsblkRecord r = MakeCsblk("sale");
  r.nonce = "";
  EXPECT_EQ(CodeOf(store_->csblks().Issue(r)), ErrorCode::kMalformed);
  r.nonce = std::string(129, 'n');
  EXPECT_EQ(CodeOf(store_->csblks().Issue(r)), ErrorCode::kMalformed);
}

TEST_F(CsblkRegisterTest, LetsOnlyTheSellerCancelAndOnlyWhatIsPayable) {
  Issue("sale");
  EXPECT_EQ(CodeOf(store_->csblks().Cancel("unknown", "seller", At(9))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->csblks().Cancel("sale", "another", At(9))), ErrorCode::kNotYours);
  const Intent intent = Recorded(MakeIntent("payment", "sale"));
  EXPECT_EQ(CodeOf(store_->csblks().Cancel("sale", "seller", At(9))), ErrorCode::kInFlight);
  ASSERT_TRUE(Settle(Completed(intent)));
  EXPECT_EQ(CodeOf(store_->csblks().Cancel("sale", "seller", At(9))), ErrorCode::kAlreadyPaid);
  Issue("unsold");
  EXPECT_TRUE(store_->csblks().Cancel("unsold", "seller", At(9)));
  EXPECT_TRUE(store_->csblks().Cancel("unsold", "seller", At(9)));
  EXPECT_EQ(StateOf("unsold"), CsblkState::kCancelled);
}

TEST_F(CsblkRegisterTest, CancellationAndPaymentExcludeEachOther) {
  for (int i = 0; i < 50; ++i) {
    const std::string sale = "sale " + std::to_string(i);
    Issue(sale);
    bool cancelled = false, recorded = false;
    std::barrier start(2);
    {
      std::jthread a([&] {
        start.arrive_and_wait();
        cancelled = store_->csblks().Cancel(sale, "seller", At(9)).has_value();
      });
      std::jthread b([&] {
        start.arrive_and_wait();
        recorded = Record(MakeIntent("payment of " + sale, sale)) == RecordVerdict::kRecorded;
      });
    }
    ASSERT_NE(cancelled, recorded);
  }
}

Registration MakeRegistration(const std::string& digest, const std::string& id) {
  return {digest, id, "Cert_V of " + digest, "Cert_P of " + digest, "jws of " + digest, At(7)};
}

class RegistrationsTest : public StoreTest {};

TEST_F(RegistrationsTest, FixTheIdBeforeTheBankHearsOfIt) {
  EXPECT_EQ(store_->registrations().Begin("request", "first", At(0)).value(), "first");
  Reopen();
  EXPECT_EQ(store_->registrations().Begin("request", "second", At(0)).value(), "first");
  EXPECT_FALSE(store_->registrations().Find("request").value());
  EXPECT_EQ(CodeOf(store_->registrations().Complete(MakeRegistration("request", "second"))),
            ErrorCode::kInvalidArgument);
}

TEST_F(RegistrationsTest, TheFirstCompletedOneStands) {
  ASSERT_TRUE(store_->registrations().Begin("request", "id", At(0)));
  const Registration first = MakeRegistration("request", "id");
  ASSERT_TRUE(store_->registrations().Complete(first));
  Reopen();
  Registration second = first;
  second.registered_jws = "another";
  second.signature_certificate = "another";
  EXPECT_EQ(store_->registrations().Complete(second).value().registered_jws, "jws of request");
  const Registration found = store_->registrations().Find("request").value().value();
  EXPECT_EQ(found.request_digest, first.request_digest);
  EXPECT_EQ(found.participant_id, first.participant_id);
  EXPECT_EQ(found.signature_certificate, first.signature_certificate);
  EXPECT_EQ(found.encryption_certificate, first.encryption_certificate);
  EXPECT_EQ(found.registered_jws, first.registered_jws);
  EXPECT_EQ(found.registered_at, first.registered_at);
  EXPECT_EQ(store_->registrations().Begin("request", "other", At(0)).value(), "id");
  EXPECT_EQ(CodeOf(store_->refusals().Record("request", "jws", At(0))), ErrorCode::kAlreadyExists);
}

TEST_F(RegistrationsTest, ThatTheBankRefusedStayRefused) {
  ASSERT_TRUE(store_->registrations().Begin("request", "id", At(0)));
  ASSERT_TRUE(store_->refusals().Record("request", "refusal", At(0)));
  EXPECT_EQ(CodeOf(store_->registrations().Begin("request", "id", At(0))),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(store_->registrations().Complete(MakeRegistration("request", "id"))),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(store_->refusals().Find("request").value(), "refusal");
}

TEST_F(RegistrationsTest, BegunAndNeverCompletedAreForgottenInStepsAndCompletedOnesAreNot) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store_->registrations().Begin("begun " + std::to_string(i), "id", At(i)));
  }
  ASSERT_TRUE(store_->registrations().Begin("completed", "mine", At(1)));
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("completed", "mine")));
  Reopen();
  EXPECT_EQ(store_->registrations().PurgeBegun(At(4), 3).value(), 3u);
  EXPECT_EQ(store_->registrations().PurgeBegun(At(4), 3).value(), 2u);
  EXPECT_EQ(store_->registrations().PurgeBegun(At(4), 3).value(), 0u);
  EXPECT_FALSE(store_->registrations().Begun("begun 3").value());
  EXPECT_TRUE(store_->registrations().Begun("begun 4").value());
  EXPECT_TRUE(store_->registrations().Find("completed").value());
  ASSERT_TRUE(store_->registrations().Abandon("begun 4"));
  ASSERT_TRUE(store_->registrations().Abandon("completed"));
  ASSERT_TRUE(store_->registrations().Abandon("unknown"));
  EXPECT_FALSE(store_->registrations().Begun("begun 4").value());
  EXPECT_TRUE(store_->registrations().Begun("completed").value());
}

TEST_F(RegistrationsTest, CompletedByManyAtOnceMakeOnePair) {
  constexpr int kThreads = 8;
  ASSERT_TRUE(store_->registrations().Begin("request", "id", At(0)));
  std::barrier start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        Registration r = MakeRegistration("request", "id");
        r.signature_certificate += std::to_string(i);
        start.arrive_and_wait();
        ASSERT_TRUE(store_->registrations().Complete(r));
      });
    }
  }
  EXPECT_EQ(store_->certificates().FindByParticipant("id").value().size(), 1u);
}

TEST_F(RegistrationsTest, RenewTheNewestPairOnlyAndOnce) {
  auto& registrations = store_->registrations();
  ASSERT_TRUE(registrations.Complete(MakeRegistration("r1", "id")));
  const std::string first = base::Sha256Base64Url("Cert_V of r1");
  EXPECT_EQ(CodeOf(registrations.Renew(MakeRegistration("r2", "nobody"), first)),
            ErrorCode::kCertificateInvalid);
  ASSERT_TRUE(registrations.Renew(MakeRegistration("r2", "id"), first));
  Reopen();
  Registration again = MakeRegistration("r2", "id");
  again.registered_jws = "another";
  EXPECT_EQ(store_->registrations().Renew(again, first).value().registered_jws, "jws of r2");
  EXPECT_EQ(CodeOf(store_->registrations().Renew(MakeRegistration("r3", "id"), first)),
            ErrorCode::kCertificateInvalid);
  ASSERT_TRUE(store_->certificates().Revoke("id", RevocationReason::kSuperseded, At(1)));
  EXPECT_EQ(CodeOf(store_->registrations().Renew(MakeRegistration("r3", "id"),
                                                 base::Sha256Base64Url("Cert_P of r2"))),
            ErrorCode::kCertificateRevoked);
  EXPECT_EQ(store_->certificates().FindByParticipant("id").value().size(), 2u);
}

class CertificateRegisterTest : public StoreTest {};

TEST_F(CertificateRegisterTest, RemembersWhichMessageRevokedItsSender) {
  auto& certificates = store_->certificates();
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  ASSERT_TRUE(store_->refusals().Record("refused", "jws", At(0)));
  EXPECT_EQ(CodeOf(certificates.Revoke("id", RevocationReason::kSuperseded, At(1), "refused")),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(certificates.FindByParticipant("id").value()[0].revoked, RevocationReason::kNone);
  ASSERT_TRUE(certificates.Revoke("id", RevocationReason::kSuperseded, At(1), "message"));
  Reopen();
  EXPECT_TRUE(store_->certificates().RevokedBy("message").value());
  EXPECT_FALSE(store_->certificates().RevokedBy("refused").value());
  EXPECT_FALSE(store_->certificates().RevokedBy("unknown").value());
  EXPECT_EQ(CodeOf(store_->refusals().Record("message", "jws", At(2))), ErrorCode::kAlreadyExists);
}

TEST_F(CertificateRegisterTest, HoldsAndReleasesAParticipant) {
  EXPECT_EQ(CodeOf(store_->certificates().Hold("id", "", At(1))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->certificates().Release("id", At(9))), ErrorCode::kNotFound);
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  ASSERT_TRUE(store_->certificates().Hold("id", "first", At(1)));
  ASSERT_TRUE(store_->certificates().Hold("id", "second", At(2)));
  Reopen();
  const auto held = store_->certificates().FindHold("id").value().value();
  EXPECT_EQ(held.note, "second");
  EXPECT_EQ(held.since, At(1));
  EXPECT_TRUE(store_->certificates().FindByParticipant("id").value()[0].held);
  ASSERT_TRUE(store_->certificates().Release("id", At(9)));
  ASSERT_TRUE(store_->certificates().Release("id", At(9)));
  EXPECT_FALSE(store_->certificates().FindHold("id").value());
}

TEST_F(CertificateRegisterTest, CountsEveryChangeOfWhoIsInIt) {
  auto& certificates = store_->certificates();
  auto& registrations = store_->registrations();
  ASSERT_TRUE(registrations.Complete(MakeRegistration("r1", "id")));
  uint64_t last = certificates.Changes();
  const auto changed = [&] { return std::exchange(last, certificates.Changes()) != last; };
  ASSERT_TRUE(registrations.Complete(MakeRegistration("r2", "another")));
  EXPECT_FALSE(changed()) << "nobody who was in it";
  ASSERT_TRUE(registrations.Complete(MakeRegistration("r3", "id")));
  EXPECT_TRUE(changed());
  ASSERT_TRUE(registrations.Renew(MakeRegistration("r4", "id"),
                                  base::Sha256Base64Url("Cert_V of r3")));
  EXPECT_TRUE(changed());
  ASSERT_TRUE(certificates.Hold("id", "note", At(1)));
  EXPECT_TRUE(changed());
  ASSERT_TRUE(certificates.Release("id", At(2)));
  EXPECT_TRUE(changed());
  ASSERT_TRUE(certificates.Revoke("id", RevocationReason::kSuperseded, At(3)));
  EXPECT_TRUE(changed());
  ASSERT_TRUE(store_->bank_notices().Apply(
      "embedded", {"1", "another", RevocationReason::kKeyCompromise}, At(4)));
  EXPECT_TRUE(changed());
}

TEST_F(CertificateRegisterTest, ListsParticipantsPageByPage) {
  for (const char* id : {"bob", "anna", "carl"}) {
    for (const char* request : {"r1 ", "r2 "}) {
      ASSERT_TRUE(
          store_->registrations().Complete(MakeRegistration(std::string(request) + id, id)));
    }
  }
  std::vector<std::string> all;
  std::string after;
  for (;;) {
    const auto page = store_->certificates().ListParticipants(after, 2).value();
    ASSERT_LE(page.size(), 2u);
    if (page.empty()) break;
    all.insert(all.end(), page.begin(), page.end());
    after = page.back();
  }
  EXPECT_THAT(all, testing::ElementsAre("bob", "anna", "carl")) << "by length, then by bytes";
}

TEST_F(CertificateRegisterTest, TakesEachNoticeOfABankOnceWithItsCursor) {
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  EXPECT_EQ(store_->bank_notices().Cursor("embedded").value(), "");
  const BankNotice notice{"7", "id", RevocationReason::kKeyCompromise};
  EXPECT_TRUE(store_->bank_notices().Apply("embedded", notice, At(1)).value());
  EXPECT_FALSE(store_->bank_notices().Apply("embedded", notice, At(2)).value());
  Reopen();
  EXPECT_EQ(store_->bank_notices().Cursor("embedded").value(), "7");
  EXPECT_EQ(store_->bank_notices().Cursor("another").value(), "");
  const auto pair = store_->certificates().FindByParticipant("id").value().at(0);
  EXPECT_EQ(pair.revoked, RevocationReason::kKeyCompromise);
  EXPECT_EQ(pair.revoked_at, At(1));
}

TEST_F(CertificateRegisterTest, RegistersNobodyWhomTheBankRevokedBefore) {
  const BankNotice notice{"1", "id", RevocationReason::kCessationOfOperation};
  EXPECT_TRUE(store_->bank_notices().Apply("embedded", notice, At(1)).value());
  EXPECT_FALSE(store_->bank_notices().Apply("embedded", notice, At(1)).value());
  Reopen();
  ASSERT_TRUE(store_->registrations().Begin("r1", "id", At(0)));
  EXPECT_EQ(CodeOf(store_->registrations().Complete(MakeRegistration("r1", "id"))),
            ErrorCode::kCertificateRevoked);
  EXPECT_TRUE(store_->certificates().FindByParticipant("id").value().empty());
  EXPECT_TRUE(store_->registrations().Complete(MakeRegistration("r2", "another")));
}

TEST_F(CertificateRegisterTest, FindsAPairByEitherFingerprintAndAllPairsNewestFirst) {
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r2", "id")));
  Reopen();
  for (const char* certificate : {"Cert_V of r1", "Cert_P of r1"}) {
    const auto found = store_->certificates()
                           .FindByFingerprint(base::Sha256Base64Url(certificate)).value().value();
    EXPECT_EQ(found.participant_id, "id");
    EXPECT_EQ(found.signature_certificate, "Cert_V of r1");
    EXPECT_EQ(found.encryption_certificate, "Cert_P of r1");
    EXPECT_EQ(found.revoked, RevocationReason::kNone);
  }
  const auto pairs = store_->certificates().FindByParticipant("id").value();
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].signature_certificate, "Cert_V of r2");
  EXPECT_TRUE(store_->certificates().FindByParticipant("i").value().empty());
  EXPECT_TRUE(store_->certificates().FindByParticipant("").value().empty());
  EXPECT_FALSE(store_->certificates().FindByFingerprint("unknown").value());
}

TEST_F(CertificateRegisterTest, NeverGivesARegisteredCertificateToAnotherParticipant) {
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  Registration thief = MakeRegistration("r2", "thief");
  thief.encryption_certificate = "Cert_P of r1";
  EXPECT_EQ(CodeOf(store_->registrations().Complete(thief)), ErrorCode::kAlreadyExists);
  EXPECT_TRUE(store_->certificates().FindByParticipant("thief").value().empty());
}

TEST_F(CertificateRegisterTest, KeepsTheFirstRevocation) {
  auto& certificates = store_->certificates();
  EXPECT_EQ(CodeOf(certificates.Revoke("id", RevocationReason::kKeyCompromise, At(1))),
            ErrorCode::kNotFound);
  ASSERT_TRUE(store_->registrations().Complete(MakeRegistration("r1", "id")));
  EXPECT_EQ(CodeOf(certificates.Revoke("id", RevocationReason::kNone, At(1))),
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(certificates.Revoke("id", RevocationReason::kKeyCompromise, At(1)));
  ASSERT_TRUE(certificates.Revoke("id", RevocationReason::kSuperseded, At(2)));
  Reopen();
  const auto pair = store_->certificates().FindByParticipant("id").value().at(0);
  EXPECT_EQ(pair.revoked, RevocationReason::kKeyCompromise);
  EXPECT_EQ(pair.revoked_at, At(1));
}

}  // namespace
}  // namespace paygate::storage
