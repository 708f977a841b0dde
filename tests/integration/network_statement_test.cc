// What the banks state and order, against the running gateway on the financial network: each
// difference is named, and each order ends certificates.
#include <future>

#include "bank/adapters/iso20022/correspondent.h"
#include "bank/adapters/iso20022/order.h"
#include "base/crypto.h"
#include "tests/integration/network_payment.h"

namespace paygate::integration {
namespace {

using nlohmann::json;

struct NetworkStatement : NetworkPayment {
  // Differences are left behind on purpose; each test says which.
  void TearDown() override { EXPECT_TRUE(network.LedgerIsRight()); }

  json Report(const std::string& arguments = "") {
    const auto ran = gateway.Reconcile(arguments);
    const json report = json::parse(ran.out, nullptr, false);
    EXPECT_TRUE(report.is_object()) << ran.out;
    EXPECT_EQ(ran.code, report.value("count", 0) == 0 ? 0 : 1) << ran.out;
    return report;
  }
  // The first difference, once there is one.
  json Difference() {
    json report;
    EXPECT_TRUE(Eventually([&] {
      report = Report();
      return report["count"] > 0;
    }, kLong));
    if (report["count"] != 1) ADD_FAILURE() << report;
    return report["count"] > 0 ? report["differences"][0] : json::object();
  }
  void Fault(const std::string& fault) {
    network.AddRule("{\"times\":1,\"fault\":\"" + fault + "\"}");
  }
  bool AlarmIsInTheLog(const std::string& difference) {
    return gateway.Log().find("reconciliation.difference difference=" + difference) !=
           std::string::npos;
  }
  static std::string AnswerTo(RawParticipant& who) { return who.SendMailbox(0, 0).code; }
};

TEST_F(NetworkStatement, AgreesAfterPaymentsAndRefundsAlsoWhenItIsReadWholeAgain) {
  const auto paid = PayToTheEnd("a book");
  EXPECT_EQ(PayToTheEnd("a pen").result, PaymentResult::kCompleted);
  Fault("reject");
  EXPECT_EQ(PayToTheEnd("a house").result, PaymentResult::kFailed);
  const Said back = seller->Refund(paid.payment_id, "0.40");
  ASSERT_EQ(back.status, 201) << back.code;
  const json first = Report();
  EXPECT_EQ(first["count"], 0);
  EXPECT_EQ(first["bookings_read"], 3);
  EXPECT_EQ(Report()["bookings_read"], 0) << "each is read once";
  const json whole = Report("--since 2020-01-01");
  EXPECT_EQ(whole["count"], 0) << whole;
  EXPECT_EQ(whole["bookings_read"], 3);
  for (const char* process : {"engine_with_clock", "paygate-bank"}) gateway.Kill(process, SIGKILL);
  EXPECT_EQ(gateway.Differences(), "");
}

TEST_F(NetworkStatement, NamesABookingThatTheBankLeavesOut) {
  Fault("left-out");
  const auto paid = PayToTheEnd("a book");
  EXPECT_EQ(paid.result, PaymentResult::kCompleted);
  const json found = Difference();
  EXPECT_EQ(found["difference"], "not-listed");
  EXPECT_EQ(found["id"], paid.payment_id);
  EXPECT_EQ(found["bank_reference"], paid.bank_reference);
  EXPECT_TRUE(AlarmIsInTheLog("not-listed"));
}

TEST_F(NetworkStatement, NamesAnotherAmountThanWasPaid) {
  Fault("amount-differs");
  const auto paid = PayToTheEnd("a book");
  const json found = Difference();
  EXPECT_EQ(found["difference"], "amount-differs");
  EXPECT_EQ(found["id"], paid.payment_id);
  EXPECT_EQ(found["amount"], "1.00 GBP");
  EXPECT_EQ(found["booked_amount"], "1.01 GBP");
  EXPECT_EQ(Report("--since 2100-01-01")["count"], 0) << "it is older";
  EXPECT_EQ(Report()["count"], 1) << "and it stands";
}

TEST_F(NetworkStatement, NamesAnotherReferenceThanTheBankGave) {
  Fault("reference-differs");
  const auto paid = PayToTheEnd("a book");
  const json found = Difference();
  EXPECT_EQ(found["difference"], "reference-differs");
  EXPECT_EQ(found["bank_reference"], paid.bank_reference);
  EXPECT_NE(found["booked_reference"], paid.bank_reference);
}

TEST_F(NetworkStatement, NamesWhatTheBankCalledRejectedAndBooked) {
  Fault("lie");
  const auto failed = PayToTheEnd("a book");
  EXPECT_EQ(failed.result, PaymentResult::kFailed);
  EXPECT_EQ(network.TruthOf(failed.payment_id), "completed");
  const json found = Difference();
  EXPECT_EQ(found["difference"], "failed-here");
  EXPECT_EQ(found["id"], failed.payment_id);
  EXPECT_NE(found["clue"].get<std::string>().find("give the money back"), std::string::npos);
}

TEST_F(NetworkStatement, NamesAnOrderThatWasNeverMadeHere) {
  namespace iso = bank::iso20022;
  auto banks = Must(iso::Correspondent::Open(
      Must(iso::ParseConfig(network.AdapterConfig())),
      {.unix_time = [] { return base::ToNumericDate(base::SystemClock().Now()); },
       .log = [](auto, const std::string&) {}}));
  const int64_t now = base::ToNumericDate(base::SystemClock().Now());
  const std::string id = base::Sha256Base64Url("an order of another gateway under this name");
  const auto prepared = Must(iso::ParsePrepared(
      Must(iso::PrepareTransfer(banks->config(), {.payment_id = id,
                                                  .debtor = buyer->customer.iban,
                                                  .creditor = seller->customer.iban,
                                                  .amount = 100,
                                                  .currency = "GBP",
                                                  .fraction_digits = 2,
                                                  .remittance = "nothing",
                                                  .deadline = now + 60,
                                                  .created = now}))));
  std::promise<iso::TransferEnd> end;
  ASSERT_TRUE(banks->Submit(prepared, [&](iso::TransferEnd e) { end.set_value(std::move(e)); }));
  ASSERT_EQ(end.get_future().get().judgement.outcome, iso::Outcome::kCompleted);
  const json found = Difference();
  EXPECT_EQ(found["difference"], "unknown-here");
  EXPECT_EQ(found["id"], id);
  EXPECT_EQ(found["here"], "none");
}

TEST_F(NetworkStatement, OfAnOpenPaymentHasTheBankAskedAtOnce) {
  Fault("answer-lost");
  network.AddRule(R"({"fault":"lost","message":"pacs.028"})");  // no status is answered
  const Said said = buyer->Pay(seller->Sell("a book", "1.00"));
  ASSERT_EQ(said.status, 202) << said.code;
  const auto pending = buyer->ReceiptIn(said);
  EXPECT_EQ(network.TruthOf(pending.payment_id), "completed");
  const json report = Report();
  EXPECT_EQ(report["count"], 0) << report;
  EXPECT_EQ(report["waiting"], 1) << report;
  network.ClearRules();
  EXPECT_EQ(FollowedToTheEnd(pending).result, PaymentResult::kCompleted);
  EXPECT_EQ(gateway.Differences(), "");
}

TEST_F(NetworkStatement, WithoutItsBanksSaysThatItCouldNotBeDone) {
  network.Kill();
  EXPECT_EQ(gateway.Reconcile().code, 5);
  EXPECT_EQ(gateway.Reconcile("--since yesterday").code, 2);
  network.Start();
  EXPECT_EQ(gateway.Differences(), "");
}

TEST_F(NetworkStatement, AnOrderOfTheBankRevokesAndAClosedAccountEndsItsCertificates) {
  const auto sold = seller->Sell("a lamp", "1.00");
  const auto order = [&](const RawParticipant& who, const std::string& what) {
    network.Ask("POST", "/accounts/" + who.customer.iban + "/" + what);
  };
  order(*seller, "revoke?reason=keyCompromise");
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*seller) == "certificate-revoked"; }, kLong));
  EXPECT_EQ(buyer->Pay(sold).code, "certificate-revoked") << "an unpaid sale ends with it";
  // While nobody who could hear it is there.
  gateway.Kill("engine_with_clock", SIGKILL);
  order(*buyer, "close");
  network.Kill();
  network.Start();
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*buyer) == "certificate-revoked"; }, kLong));
  const std::string log = gateway.Log();
  for (const RawParticipant* each : {seller.get(), buyer.get()}) {
    const std::string line = "participant.revoked_by_bank id=" + each->id;
    const size_t first = log.find(line);
    ASSERT_NE(first, log.npos);
    EXPECT_EQ(log.find(line, first + 1), log.npos) << "taken twice";
  }
  EXPECT_NE(log.find("why=\"account closed\""), log.npos);
}

}  // namespace
}  // namespace paygate::integration
