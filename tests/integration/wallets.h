// A running gateway and people who use it through the wallet, as they would.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "protocol/json.h"
#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {

struct Wallets : testing::Test {
  struct Ran : doubles::ShellRan {
    bool Has(const std::string& text) const { return out.find(text) != std::string::npos; }
    // A member, a string, of the last line of JSON.
    std::string operator[](const std::string& name) const {
      const size_t at = out.rfind("\"" + name + "\":\"");
      if (at == out.npos) return "";
      const size_t begin = at + name.size() + 4;
      return out.substr(begin, out.find('"', begin) - begin);
    }
  };

  Wallets() : Wallets(ScratchGateway::Options()) {}
  explicit Wallets(ScratchGateway::Options options) : gateway(std::move(options)) {
    Must(base::WriteNewFile(File("root.pem"), gateway.RootPem()));
    Must(base::WriteNewFile(File("pass"), "correct horse\n"));
  }
  void TearDown() override {
    EXPECT_TRUE(gateway.LedgerIsRight());
    EXPECT_EQ(gateway.Differences(), "");
  }

  std::string File(const std::string& name) const { return gateway.directory() + "/" + name; }
  Ran Run(const std::string& who, const std::string& arguments) {
    return {doubles::Shell(doubles::Program("paygate-wallet") + " --dir " + File("w-" + who) +
                           " --passphrase-file " + File("pass") + " " + arguments +
                           " </dev/null")};
  }
  // The gateway's customer number `n`, registered as `who`.
  void Register(const std::string& who, size_t n) {
    const Customer customer = gateway.Customers().at(n);
    Must(base::WriteNewFile(File("code-" + who), customer.enrolment_code + "\n"));
    const Ran ran = Run(who, "--gateway " + gateway.url() + " --root " + File("root.pem") +
                                 " register --code-file " + File("code-" + who) + " --iban " +
                                 customer.iban);
    ASSERT_EQ(ran.code, 0) << ran.out;
  }
  int64_t BalanceOf(size_t n) const { return gateway.BalanceOf(gateway.Customers().at(n).iban); }

  ScratchGateway gateway;
};

}  // namespace paygate::integration
