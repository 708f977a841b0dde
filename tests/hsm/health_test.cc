// A token process whose token fails: it latches, says so by hanging up, and is back by itself.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>

#include "base/encoding.h"
#include "hsm/token/client.h"
#include "tests/doubles/eventually.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using doubles::Eventually;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Health : public testing::Test {
 protected:
  Health() {
    scratch_.Generate("gateway-signature", KeyType::kP256, KeyUsage::kSign);
    scratch_.Generate("gateway-encryption", KeyType::kP256, KeyUsage::kDecrypt);
  }
  void Start() {
    process_ = std::make_unique<doubles::TokenProcess>(
        scratch_, scratch_.directory() + "/s",
        std::vector<std::string>{"gateway-signature:jws", "gateway-encryption:decrypt"},
        std::vector<std::string>{}, doubles::FaultyModule());
  }
  void Connect() {
    auto client = TokenClient::Open({.sockets = {process_->socket()}});
    ASSERT_TRUE(client) << client.error().message;
    client_ = std::move(*client);
    signer_ = *client_->SignerFor("gateway-signature");
  }
  base::Result<std::string> Sign() {
    return signer_->Sign({StatementKind::kJws, statement_});
  }

  doubles::ScratchToken scratch_;
  doubles::FaultScript faults_{scratch_.directory() + "/faults"};
  const std::string statement_ =
      base::Base64UrlEncode(R"({"alg":"ES256","typ":"p2p-receipt+jws"})") + "." +
      base::Base64UrlEncode("{}");
  std::unique_ptr<doubles::TokenProcess> process_;
  std::unique_ptr<TokenClient> client_;
  std::unique_ptr<Signer> signer_;
};

TEST_F(Health, ATokenThatIsAwayIsSaidToAllNotHammeredAndFoundAgain) {
  Start();
  Connect();
  ASSERT_TRUE(Sign());
  for (const char* script : {"vanish", "C_Sign spoil", "C_SignInit CKR_DEVICE_ERROR"}) {
    SCOPED_TRACE(script);
    faults_.Set(script);
    EXPECT_EQ(Sign().error().code, ErrorCode::kTokenUnavailable);
    EXPECT_TRUE(Eventually([&] { return !client_->Healthy(); }));
    const uint64_t before = faults_.Calls("C_SignInit") + faults_.Calls("C_OpenSession");
    const auto begin = steady_clock::now();
    const auto end = begin + milliseconds(600);
    for (int refused = 0; refused < 200 || steady_clock::now() < end; ++refused)
      ASSERT_FALSE(Sign());
    const uint64_t calls = faults_.Calls("C_SignInit") + faults_.Calls("C_OpenSession") - before;
    const auto looks = static_cast<uint64_t>((steady_clock::now() - begin) / milliseconds(250)) + 1;
    EXPECT_LE(calls, 10 * looks);
    faults_.Clear();
    EXPECT_TRUE(Eventually([&] { return client_->Healthy(); }));
    EXPECT_TRUE(Sign());
  }
}

TEST_F(Health, AModuleThatHangsAtTheStartEndsItsProcess) {
  for (const char* script : {"C_Sign hang", "C_Login hang", "C_Initialize hang"}) {
    SCOPED_TRACE(script);
    faults_.Set(script);
    Start();
    const int status = process_->Wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
  }
}

TEST_F(Health, AModuleThatHangsInTheProcessesOwnCheckEndsItsProcess) {
  Start();
  Connect();
  faults_.Set("C_SignInit CKR_DEVICE_ERROR\nC_GetSessionInfo hang");
  EXPECT_FALSE(Sign());  // and now it looks for itself
  const int status = process_->Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
}

}  // namespace
}  // namespace paygate::hsm::token
