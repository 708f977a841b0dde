// The bank as registration authority, against the running gateway: what it ends and whom it enrols.
#include <fstream>
#include <sstream>

#include "tests/doubles/places.h"
#include "tests/integration/lifecycle.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else

// Replaces text in the accounts file before the bank reads it; `account` counts from 0.
void EditAccount(const std::string& directory, int account, const std::string& more) {
  const std::string path = directory + "/bank/accounts.toml";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::string all = text.str();
  size_t at = 0;
  for (int i = 0; i <= account; ++i) at = all.find("[[account]]", at) + 11;
  std::ofstream(path) << all.insert(at, "\n" + more);
}

struct BankOrders : Lifecycle {
  BankOrders()
      : Lifecycle({.engine = {"certificate_lifetime_s = 8640000", "notices_interval_s = 1"}}) {}
  void Order(std::vector<std::string> words) {
    words.insert(words.begin(), {doubles::Program("paygate-embedded-bank"), "--config",
                                 gateway.directory() + "/bank/bank.toml"});
    RunProgram(words);
  }
  static std::string AnswerTo(RawParticipant& who) { return who.SendMailbox(0, 0).code; }
};

TEST_F(BankOrders, RevokeAParticipantWhoLostEverything) {
  const auto sold = mallory->Sell("Silver", "5.00");
  Order({"revoke", mallory->customer.iban});
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*mallory) == "certificate-revoked"; }));
  EXPECT_EQ(buyer->Pay(sold).code, "certificate-revoked");
  EXPECT_THROW(mallory->Sell("Silver", "5.00"), std::runtime_error);
  EXPECT_TRUE(PaymentWorks());
  EXPECT_EQ(gateway.Log().find(" alarm "), std::string::npos);
  // Once, whatever crashes: after a new start there is nothing left to take.
  for (const char* program : {"engine_with_clock", "paygate-bank"}) gateway.Kill(program, SIGKILL);
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*buyer).empty(); }));
  Order({"revoke", buyer->customer.iban, "--reason", "superseded"});  // taken after the first
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*buyer) == "certificate-revoked"; }));
  const std::string log = gateway.Log(), line = "participant.revoked_by_bank id=" + mallory->id;
  EXPECT_EQ(log.find(line, log.find(line) + 1), log.npos) << "taken twice";
}

TEST_F(BankOrders, CloseAnAccountAndItsCertificatesWithIt) {
  Turn(std::chrono::days(11));
  const auto sold = seller->Sell("A lamp", "2.00");
  Order({"close-account", mallory->customer.iban});
  ASSERT_TRUE(Eventually([&] { return AnswerTo(*mallory) == "certificate-revoked"; }));
  EXPECT_EQ(Renew(*mallory).code, "certificate-revoked");
  RawParticipant again(gateway, mallory->customer);
  again.clock_offset = mallory->clock_offset;
  EXPECT_EQ(again.SendRegistration(again.NewRegistration()).code, "enrolment-refused");
  EXPECT_EQ(buyer->Pay(sold).status, 201);
}

TEST_F(BankOrders, ThatNameNobodyAreRefusedByTheTool) {
  EXPECT_THROW(Order({"revoke", "GB82WEST12345698765432"}), std::runtime_error);
  EXPECT_THROW(Order({"revoke", gateway.Customers().at(3).iban}), std::runtime_error);
  EXPECT_THROW(Order({"revoke", mallory->customer.iban, "--reason", "x"}), std::runtime_error);
  EXPECT_TRUE(PaymentWorks());
}

struct Enrolment : Lifecycle {
  Enrolment()
      : Lifecycle({.prepare = [](const std::string& directory) {
          EditAccount(directory, 3, "enrolment_expires = 2020-01-01T00:00:00Z");
          EditAccount(directory, 4, "enrolment_expires = 2120-01-01T00:00:00+01:00");
        }}) {}
  std::string TryWith(int customer, const std::string& code) {
    Customer who = gateway.Customers().at(customer);
    who.enrolment_code = code;
    RawParticipant applicant(gateway, who);
    return applicant.SendRegistration(applicant.NewRegistration()).code;
  }
};

TEST_F(Enrolment, ACodeEnrolsNobodyAfterItsEnd) {
  const auto customers = gateway.Customers();
  EXPECT_EQ(TryWith(3, customers[3].enrolment_code), "enrolment-refused");
  EXPECT_EQ(TryWith(4, customers[4].enrolment_code), "") << "its end is far";
}

TEST_F(Enrolment, FiveWrongCodesForAnAccountEndTheTrying) {
  const auto customers = gateway.Customers();
  const std::string right = customers[5].enrolment_code;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(TryWith(5, "wrong code " + std::to_string(i)), "enrolment-refused");
  }
  EXPECT_EQ(TryWith(5, right), "enrolment-refused") << "the sixth try";
  EXPECT_EQ(TryWith(6, customers[6].enrolment_code), "") << "counted by account";
}

TEST_F(Enrolment, FourWrongCodesDoNot) {
  const std::string right = gateway.Customers()[5].enrolment_code;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(TryWith(5, "wrong code " + std::to_string(i)), "enrolment-refused");
  }
  EXPECT_EQ(TryWith(5, right), "");
}

TEST_F(Enrolment, ACodeIsOfUseOnceAndForItsAccountOnly) {
  const auto customers = gateway.Customers();
  EXPECT_EQ(TryWith(5, customers[6].enrolment_code), "enrolment-refused");
  EXPECT_EQ(TryWith(5, customers[5].enrolment_code), "");
  EXPECT_EQ(TryWith(5, customers[5].enrolment_code), "enrolment-refused");
}

}  // namespace
}  // namespace paygate::integration
