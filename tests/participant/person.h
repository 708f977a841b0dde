// A person with a wallet in memory, for tests: one platter, and as many lives of the program as the
// test needs.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "base/clock.h"
#include "participant/client.h"
#include "tests/doubles/fake_gateway.h"
#include "tests/doubles/mortal.h"

namespace paygate::participant {

constexpr char kSellerIban[] = "GB33BUKB20201555555555";
constexpr char kBuyerIban[] = "DE89370400440532013000";

inline base::Money Price(const char* amount, const char* currency = "GBP") {
  return *base::Money::Parse(amount, currency);
}

class Person {
 public:
  Person(doubles::FakeGateway& gateway, base::ManualClock& clock)
      : gateway_(gateway), clock_(clock) {}

  // A new run of the program on the same disk; `steps`: when it dies (-1: not).
  base::Status Start(int steps = -1, bool after_the_step = false, bool make_keys = false) {
    client_.reset();
    life_ = {.steps_left = steps, .after_the_step = after_the_step};
    disk_ = std::make_unique<doubles::MortalDisk>(platter, life_);
    transport_ = std::make_unique<doubles::MortalTransport>(gateway_, life_);
    ClientOptions options;
    options.wait = [this](std::chrono::seconds s) { clock_.Advance(s); };
    ASSIGN_OR_RETURN(client_,
                     Client::Open({*disk_, *transport_, clock_, gateway_.root_pem()}, options));
    const auto passphrase = base::SecretBytes::CopyOf("correct horse");
    return make_keys ? client_->MakeKeys(passphrase) : client_->Unlock(passphrase);
  }
  void Register(const char* iban) {
    ASSERT_TRUE(Start(-1, false, true));
    auto answer = client_->Register(iban, "CODE-0123456789abcdef");
    ASSERT_TRUE(answer) << answer.error().ToString();
    ASSERT_TRUE(answer->value) << answer->refusal->code;
  }
  std::string Sell(const char* goods = "Blue bicycle", const char* amount = "120.00") {
    auto answer = client_->Sell(goods, Price(amount), "");
    if (!answer || !answer->value) {
      ADD_FAILURE() << (answer ? answer->refusal->code : answer.error().ToString());
      return "";
    }
    return answer->value->csblk;
  }
  base::Result<Answer<PaymentRecord>> Pay(const std::string& csblk) {
    ASSIGN_OR_RETURN(auto view, client_->Inspect(csblk));
    return client_->Pay(view);
  }
  Client& client() { return *client_; }
  bool dead() const { return life_.dead; }
  const std::string& id() { return client_->identity()->id; }
  size_t OpenMessages() { return client_->journal().Open()->size(); }

  doubles::Platter platter;

 private:
  doubles::FakeGateway& gateway_;
  base::ManualClock& clock_;
  doubles::Life life_;
  std::unique_ptr<doubles::MortalDisk> disk_;
  std::unique_ptr<doubles::MortalTransport> transport_;
  std::unique_ptr<Client> client_;
};

class Market : public testing::Test {
 protected:
  void SetUp() override {
    seller.Register(kSellerIban);
    buyer.Register(kBuyerIban);
  }
  base::ManualClock clock{base::FromNumericDate(1'790'000'000)};
  doubles::FakeGateway gateway{clock};
  Person seller{gateway, clock};
  Person buyer{gateway, clock};
};

}  // namespace paygate::participant
