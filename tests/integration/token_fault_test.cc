// The whole gateway under load while its token fails, seen from outside: it says token-unavailable
// before any bank is called, does not hammer the token, is back by itself, and no payment is lost,
// doubled or left without its receipt.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <set>
#include <thread>

#include "tests/doubles/fault_script.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kShoppers = 3;
constexpr int64_t kPrice = 100;  // "1.00"

// A seller and a buyer who trade for as long as they may. Honest: message 3 is resent, the same
// bytes, until there is a final receipt or the gateway says that it was never taken.
class Shopper {
 public:
  Shopper(const ScratchGateway& gateway, const Customer& sells, const Customer& pays)
      : seller(gateway, sells), buyer(gateway, pays) {
    seller.Register();
    buyer.Register();
  }
  void Start() {
    stop_ = false;
    thread_ = std::jthread([this] {
      while (!stop_) Trade();
    });
  }
  void Finish() {  // with the payment in hand, however long it takes
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  RawParticipant seller, buyer;
  std::atomic<int> receipts = 0, unavailable = 0;
  std::set<std::string> other_answers;  // what else the gateway said; after Finish
  std::set<std::string> payment_ids;

 private:
  // Runs the step until it does not throw; false: stopped before.
  template <typename Step>
  bool Again(Step step) {
    while (!stop_) {
      try {
        step();
        return true;
      } catch (const std::runtime_error& e) {
        Note(e.what());
      }
    }
    return false;
  }
  void Note(const std::string& what) {
    if (what.find("token-unavailable") != what.npos) {
      ++unavailable;
    } else {
      other_answers.insert(what);
    }
    std::this_thread::sleep_for(milliseconds(20));  // a client that waits a little
  }

  void Trade() {
    std::optional<protocol::SdJwt> csblk;
    std::string authorisation, handshake;
    if (!Again([&] { csblk = seller.Sell("A cup", "1.00"); })) return;
    if (!Again([&] {
          const auto bblk = buyer.NewBblk(*csblk);
          const auto challenge = buyer.AskBuyer(bblk);
          authorisation = buyer.Authorisation(bblk, challenge, csblk->jws);
          handshake = challenge.handshake;
        })) {
      return;
    }
    // From here on it is not stopped: the payment may have been taken.
    const auto limit = steady_clock::now() + std::chrono::seconds(60);
    while (steady_clock::now() < limit) {
      try {
        const Said said = buyer.SendAuthorisation(authorisation, handshake, csblk->disclosure);
        if (said.status == 201) {
          const auto receipt = buyer.ReceiptIn(said);
          if (receipt.result != protocol::PaymentResult::kCompleted) other_answers.insert("failed");
          if (!payment_ids.insert(receipt.payment_id).second) other_answers.insert("twice");
          ++receipts;
          return;
        }
        if (said.code == "handshake-expired") return;  // never taken
        if (said.status != 202) Note(said.code);
      } catch (const std::runtime_error& e) {
        Note(e.what());
      }
    }
    other_answers.insert("no receipt within a minute");
  }

  std::atomic<bool> stop_ = false;
  std::jthread thread_;
};

// Asks for a challenge again and again: what a newcomer is told.
class Newcomer {
 public:
  Newcomer(const ScratchGateway& gateway, const Customer& customer) : who_(gateway, customer) {
    who_.Register();
    thread_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        Ask();
        std::this_thread::sleep_for(milliseconds(10));
      }
    });
  }
  std::atomic<int> served = 0, unavailable = 0, other = 0;

 private:
  void Ask() {
    try {
      who_.AskSeller(who_.NewSblk("A cup", "1.00"));
      ++served;
    } catch (const std::runtime_error& e) {
      const bool said = std::string(e.what()).find("token-unavailable") != std::string::npos;
      ++(said ? unavailable : other);
    }
  }
  RawParticipant who_;
  std::jthread thread_;
};

class TokenFault : public testing::Test {
 protected:
  TokenFault() : TokenFault({}) {}
  explicit TokenFault(std::vector<std::string> token) {
    setenv("PAYGATE_PKCS11_MODULE", doubles::FaultyModule().c_str(), 1);
    gateway = std::make_unique<ScratchGateway>(
        ScratchGateway::Options{.token = std::move(token)});
    unsetenv("PAYGATE_PKCS11_MODULE");
    faults = std::make_unique<doubles::FaultScript>(gateway->directory() + "/token/faults");
    const auto customers = gateway->Customers();
    for (size_t i = 0; i < kShoppers; ++i) {
      shoppers.push_back(
          std::make_unique<Shopper>(*gateway, customers[2 * i], customers[2 * i + 1]));
    }
    newcomer = std::make_unique<Newcomer>(*gateway, customers[2 * kShoppers]);
    money = gateway->TotalMoney();
  }

  int Receipts() const {
    int sum = 0;
    for (const auto& shopper : shoppers) sum += shopper->receipts;
    return sum;
  }
  int Unavailable() const {
    int sum = newcomer->unavailable;
    for (const auto& shopper : shoppers) sum += shopper->unavailable;
    return sum;
  }
  void Load() {
    for (auto& shopper : shoppers) shopper->Start();
  }
  // True once so many more payments are through.
  bool Trades(int more) const {
    const int goal = Receipts() + more;
    return Eventually([&] { return Receipts() >= goal; });
  }
  // The module's calls that reach for the token.
  uint64_t TokenCalls() const {
    uint64_t sum = 0;
    for (const char* call : {"C_OpenSession", "C_Login", "C_SignInit", "C_DeriveKey"}) {
      sum += faults->Calls(call);
    }
    return sum;
  }

  // Every payment with a receipt moved its money once; nothing else did; each seller was told.
  void ExpectAllIsRight() {
    for (auto& shopper : shoppers) shopper->Finish();
    for (auto& shopper : shoppers) {
      RawParticipant& seller = shopper->seller;
      EXPECT_EQ(shopper->payment_ids.size(), static_cast<size_t>(shopper->receipts));
      EXPECT_EQ(gateway->BalanceOf(seller.customer.iban),
                seller.customer.balance + kPrice * shopper->receipts);
      EXPECT_EQ(gateway->BalanceOf(shopper->buyer.customer.iban),
                shopper->buyer.customer.balance - kPrice * shopper->receipts);
      EXPECT_EQ(Confirmed(seller), shopper->payment_ids);
      for (const std::string& answer : shopper->other_answers) {
        ADD_FAILURE() << "the gateway also said: " << answer;
      }
    }
    EXPECT_EQ(gateway->TotalMoney(), money);
    EXPECT_TRUE(gateway->LedgerIsRight());
  }
  static std::set<std::string> Confirmed(RawParticipant& seller) {
    std::set<std::string> ids;
    for (int64_t after = 0;;) {
      const Said said = seller.SendMailbox(after, 0);
      const auto body = Must(protocol::MailboxBody::Parse(said.payload));
      for (const auto& message : body.messages) {
        const auto single = Must(protocol::ParseSingle(seller.Open(message.jwe)));
        const auto payload = Must(protocol::PaymentResultPayload::Parse(
            seller.Verified(single.jws, protocol::kTypPaymentConfirmation)));
        EXPECT_TRUE(ids.insert(payload.payment_id).second) << "told twice";
        after = message.cursor;
      }
      if (body.messages.empty()) return ids;
    }
  }

  // The gateway under load meets the fault, says so, keeps its hands off token and bank, and is
  // back once the fault is over. Prints how long that took: two seconds at most where the machine
  // is not busy with other tests, four where a process had to be killed.
  void Outage(const std::string& script) {
    SCOPED_TRACE(script);
    ASSERT_TRUE(Trades(5));
    faults->Set(script);
    const int before = newcomer->unavailable;
    ASSERT_TRUE(Eventually([&] { return newcomer->unavailable >= before + 3; }));
    ASSERT_TRUE(Eventually([&] { return NothingMoves(milliseconds(300)); }))
        << "payments are still made";
    const auto looked = steady_clock::now();
    const uint64_t calls = TokenCalls();
    const int asked = newcomer->unavailable, served = newcomer->served;
    EXPECT_TRUE(NothingMoves(milliseconds(1000)));
    EXPECT_TRUE(Eventually([&] { return newcomer->unavailable > asked + 10; }));
    EXPECT_EQ(newcomer->served, served);
    // Two processes, each four looks a second, each of a few calls; not one for each question. On a
    // busy machine the programs that say what moves make more than a second of it.
    const auto watched =
        std::chrono::duration_cast<milliseconds>(steady_clock::now() - looked).count();
    EXPECT_LE((TokenCalls() - calls) * 1000, 100u * static_cast<uint64_t>(watched))
        << "the token is hammered";
    faults->Clear();
    const auto cleared = steady_clock::now();
    const int receipts = Receipts();
    const auto since = [&] {
      return std::chrono::duration_cast<milliseconds>(steady_clock::now() - cleared);
    };
    EXPECT_TRUE(Eventually([&] { return newcomer->served > served; }));
    const auto took = since();
    EXPECT_TRUE(Eventually([&] { return Receipts() > receipts; }));
    std::cout << "back after " << took.count() << " ms, a payment done after " << since().count()
              << " ms: " << script << std::endl;
    EXPECT_TRUE(Trades(5));
  }
  bool NothingMoves(milliseconds time) const {
    const auto balances = [&] {
      std::vector<int64_t> all;
      for (const Customer& customer : gateway->Customers()) all.push_back(customer.balance);
      return all;
    };
    const auto first = balances();
    const auto end = steady_clock::now() + time;
    std::this_thread::sleep_until(end);  // that nothing happens is seen by waiting
    return balances() == first;
  }

  std::unique_ptr<ScratchGateway> gateway;
  std::unique_ptr<doubles::FaultScript> faults;
  std::vector<std::unique_ptr<Shopper>> shoppers;
  std::unique_ptr<Newcomer> newcomer;
  int64_t money = 0;
};

TEST_F(TokenFault, OfAMomentIsSeenByNobody) {
  Load();
  for (const char* value : {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_REMOVED",
                            "CKR_TOKEN_NOT_PRESENT", "CKR_DEVICE_ERROR", "CKR_USER_NOT_LOGGED_IN",
                            "CKR_GENERAL_ERROR"}) {
    for (const char* call : {"C_SignInit", "C_Sign", "C_DeriveKey"}) {
      SCOPED_TRACE(std::string(call) + " " + value);
      faults->Set(std::string(call) + " " + value + " times 1");
      // The payments that were past their last call may end before the fault is met.
      ASSERT_TRUE(Eventually([&] { return faults->Hits() == 1; }));
      ASSERT_TRUE(Trades(2));
      EXPECT_EQ(faults->Hits(), 1u);
    }
  }
  ExpectAllIsRight();
  EXPECT_EQ(Unavailable(), 0);
}

TEST_F(TokenFault, ThatLastsIsSaidAndOverOnceTheTokenReturns) {
  Load();
  for (const char* script :
       {"vanish", "C_SignInit,C_DeriveKey CKR_SESSION_HANDLE_INVALID",
        "C_SignInit,C_DeriveKey CKR_DEVICE_REMOVED", "C_Sign,C_DeriveKey CKR_DEVICE_ERROR",
        "C_OpenSession CKR_TOKEN_NOT_PRESENT\nC_SignInit,C_DeriveKey CKR_TOKEN_NOT_PRESENT",
        "C_OpenSession CKR_SESSION_COUNT\nC_SignInit,C_DeriveKey CKR_SESSION_HANDLE_INVALID",
        "C_SignInit,C_DeriveKey CKR_USER_NOT_LOGGED_IN",
        "C_Login CKR_USER_ALREADY_LOGGED_IN\nC_SignInit,C_DeriveKey CKR_USER_NOT_LOGGED_IN"}) {
    Outage(script);
  }
  ExpectAllIsRight();
}

TEST_F(TokenFault, ThatGivesWrongSignaturesLetsNoneOut) {
  Load();
  Outage("C_Sign spoil");
  ExpectAllIsRight();  // and every participant verified all that it was given
}

TEST_F(TokenFault, ThatHangsHasTheProcessKilledAndReplaced) {
  Load();
  ASSERT_TRUE(Trades(5));
  // One call hangs: one process is killed, the other serves, and nobody sees it.
  faults->Set("C_Sign hang times 1");
  ASSERT_TRUE(Eventually([&] {
    return gateway->Log().find("token.killed") != std::string::npos;
  }));
  ASSERT_TRUE(Trades(5));
  EXPECT_EQ(Unavailable(), 0);
  Outage("C_Sign,C_DeriveKey hang");
  Outage("C_Sign,C_DeriveKey stall");
  ExpectAllIsRight();
}

TEST_F(TokenFault, ThatCrashesTheModuleIsSurvived) {
  Load();
  ASSERT_TRUE(Trades(5));
  faults->Set("C_Sign crash times 1");
  ASSERT_TRUE(Trades(10));
  EXPECT_EQ(faults->Hits(), 1u);
  EXPECT_EQ(Unavailable(), 0);
  Outage("C_Sign,C_DeriveKey crash");
  ExpectAllIsRight();
}

struct LeakyToken : TokenFault {
  LeakyToken() : TokenFault({"memory_limit_mib = 64"}) {}
};

TEST_F(LeakyToken, HasItsProcessesReplacedAndNobodySeesIt) {
  Load();
  faults->Set("C_Sign leak 4000000");
  ASSERT_TRUE(Eventually([&] {
    return gateway->Log().find("token.retired") != std::string::npos;
  }, std::chrono::seconds(60)));
  ASSERT_TRUE(Trades(20));
  ExpectAllIsRight();
  EXPECT_EQ(Unavailable(), 0);
}

TEST_F(TokenFault, OfSessionsThatAreLostWhenIdleIsSeenByNobody) {
  faults->Set("idle 1000");
  for (int round = 0; round < 2; ++round) {
    Load();
    ASSERT_TRUE(Trades(3));
    for (auto& shopper : shoppers) shopper->Finish();
    std::this_thread::sleep_for(milliseconds(1500));  // idle
  }
  Load();
  ASSERT_TRUE(Trades(3));
  ExpectAllIsRight();
  EXPECT_EQ(Unavailable(), 0);
}

TEST_F(TokenFault, OfAPinThatIsRefusedIsTriedOnceHoweverOftenProcessesAreStarted) {
  Load();
  ASSERT_TRUE(Trades(5));
  const uint64_t before = faults->Calls("C_Login");
  // The token comes back with another PIN.
  faults->Set("C_Login CKR_PIN_INCORRECT\nC_SignInit,C_DeriveKey CKR_DEVICE_REMOVED");
  ASSERT_TRUE(Eventually([&] { return newcomer->unavailable >= 3; }));
  for (int round = 0; round < 3; ++round) {  // as an operator would
    if (gateway->PidOf("paygate-token") != 0) gateway->Kill("paygate-token", SIGKILL);
    ASSERT_TRUE(NothingMoves(milliseconds(500)));
  }
  EXPECT_EQ(faults->Calls("C_Login"), before + 1);
  EXPECT_NE(gateway->Log().find("is not tried again"), std::string::npos);
  // The operator writes the right PIN; the token is right again.
  faults->Clear();
  RunProgram({"/usr/bin/touch", gateway->directory() + "/token/paygate.pin"});
  ASSERT_TRUE(Trades(5));
  ExpectAllIsRight();
}

}  // namespace
}  // namespace paygate::integration
