#include "tools/load/customers.h"

#include <gtest/gtest.h>

namespace paygate::load {
namespace {

constexpr char kIban[] = "GB33BUKB20201555555555", kOther[] = "GB82WEST12345698765432";

TEST(Customers, AreReadFromCsvByTheNamesOfItsColumns) {
  const auto rows = ParseCustomers(
      std::string("bank,iban,currency,balance,enrolment_code,name\r\n") + "B," + kIban +
      ",GBP,1000.00,c0de,Ann\r\n\n" + "B," + kOther + ",EUR,5.00,c1de,Bob\n");
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).iban, kIban);
  EXPECT_EQ(rows->at(0).enrolment_code, "c0de");
  EXPECT_EQ(rows->at(1).currency, "EUR");
}

TEST(Customers, AreReadFromWhatTheBankAndTheDemoPrint) {
  const std::string list = std::string(R"([{"name":"Ann","iban":")") + kIban +
                           R"(","currency":"GBP","balance":"1.00","enrolment_code":"c0de",)" +
                           R"("enrolled":false},{"name":"Bob","iban":")" + kOther +
                           R"(","currency":"GBP","enrolment_code":"c1de","enrolled":true}])";
  const auto rows = ParseCustomers(list);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1u) << "who is enrolled has no code to use";
  EXPECT_EQ(rows->at(0).iban, kIban);
  const auto demo = ParseCustomers("{\"url\":\"https://x\",\"customers\":" + list + "}");
  ASSERT_TRUE(demo);
  EXPECT_EQ(demo->size(), 1u);
}

TEST(Customers, AreRefusedWithTheLineThatIsWrong) {
  const auto wrong = ParseCustomers("iban,currency,enrolment_code\n" + std::string(kIban) +
                                    ",GBP,c\nGB00BUKB20201555555555,GBP,c\n");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("line 3"), std::string::npos) << wrong.error().message;
  for (const char* text : {"", "  \n", "iban,currency\nx,y\n", "[1]", "{\"customers\":3}", "[{]",
                           "iban,currency,enrolment_code\nGB33BUKB20201555555555,GBP\n",
                           "iban,currency,enrolment_code\nGB33BUKB20201555555555,XXQ,c\n",
                           "iban,currency,enrolment_code\nGB33BUKB20201555555555,GBP,\xff\n",
                           "iban,currency,enrolment_code\nGB33BUKB20201555555555,GBP,\n"}) {
    EXPECT_FALSE(ParseCustomers(text)) << text;
  }
}

}  // namespace
}  // namespace paygate::load
