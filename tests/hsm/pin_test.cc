// A PIN that the token refuses is tried once: by all processes together, and after any restart.

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/file.h"
#include "hsm/pkcs11/token.h"
#include "hsm/proof.h"
#include "tests/doubles/eventually.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::hsm {
namespace {

using base::ErrorCode;
using doubles::RunProgram;

class Pin : public testing::Test {
 protected:
  Pin() {
    location_.module_path = doubles::FaultyModule();
    location_.pin_file = scratch_.directory() + "/pin-of-the-test";
    key_ = scratch_.Generate("key", KeyType::kP256, KeyUsage::kSign);
  }
  void Write(const std::string& pin) {
    std::ofstream(location_.pin_file) << pin;
    chmod(location_.pin_file.c_str(), 0600);
  }
  base::Result<std::unique_ptr<pkcs11::Token>> Open() { return pkcs11::Token::Open(location_, 1); }
  doubles::Ran RunTokenProcess(int number, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {doubles::Program("paygate-token"), "--module",
                                      location_.module_path, "--token-uri", location_.token_uri,
                                      "--pin-file", location_.pin_file, "--key", "key:jws",
                                      "--socket",
                                      scratch_.directory() + "/s" + std::to_string(number)};
    words.insert(words.end(), more.begin(), more.end());
    return RunProgram(words);
  }

  doubles::ScratchToken scratch_;
  pkcs11::TokenLocation location_ = scratch_.location();
  doubles::FaultScript faults_{scratch_.directory() + "/faults"};
  KeyInfo key_;
};

TEST_F(Pin, ThatIsWrongIsTriedOnceUntilTheFileIsWritten) {
  Write("not the pin");
  for (int i = 0; i < 3; ++i) {
    auto token = Open();
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, ErrorCode::kPermissionDenied);
    EXPECT_NE(token.error().message.find("tried once"), std::string::npos);
  }
  EXPECT_EQ(faults_.Calls("C_Login"), 1u);
  Write("not it either");
  EXPECT_FALSE(Open());
  EXPECT_FALSE(Open());
  EXPECT_EQ(faults_.Calls("C_Login"), 2u);
  Write(scratch_.pin());
  EXPECT_TRUE(Open());
  EXPECT_EQ(faults_.Calls("C_Login"), 3u);
}

TEST_F(Pin, ThatIsWrongIsTriedOnceByProcessesThatStartTogetherAndAgain) {
  Write("not the pin");
  for (int round = 0; round < 2; ++round) {
    std::vector<std::jthread> processes;
    for (int i = 0; i < 4; ++i) {
      processes.emplace_back([&, i] {
        const auto ran = RunTokenProcess(i);
        EXPECT_EQ(ran.exit_code, 3) << ran.output;
        EXPECT_NE(ran.output.find("is not tried again"), std::string::npos) << ran.output;
      });
    }
  }
  EXPECT_EQ(faults_.Calls("C_Login"), 1u);
}

TEST_F(Pin, ThatWasChangedInTheTokenIsTriedOnceByARunningProcess) {
  Write(scratch_.pin());
  auto token = Open();
  ASSERT_TRUE(token);
  auto signer = *(*token)->SignerFor("key");
  const uint64_t before = faults_.Calls("C_Login");
  // The token was away, and comes back with another PIN.
  faults_.Set("C_Login CKR_PIN_INCORRECT\nC_SignInit CKR_DEVICE_REMOVED times 1");
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1300);
  while (std::chrono::steady_clock::now() < end) {
    EXPECT_EQ(ProveSigner(*signer, key_.public_key_der).error().code, ErrorCode::kTokenUnavailable);
  }
  EXPECT_EQ(faults_.Calls("C_Login"), before + 1);
  faults_.Clear();
  Write(scratch_.pin());  // the operator mends it: no restart is needed
  EXPECT_TRUE(doubles::Eventually(
      [&] { return ProveSigner(*signer, key_.public_key_der).has_value(); }));
  EXPECT_TRUE(ProveSigner(*signer, key_.public_key_der));
}

TEST_F(Pin, ThatIsLockedOrExpiredIsNotTriedAgain) {
  for (const char* value : {"CKR_PIN_LOCKED", "CKR_PIN_EXPIRED", "CKR_PIN_INVALID"}) {
    Write(scratch_.pin());
    faults_.Set(std::string("C_Login ") + value);
    EXPECT_FALSE(Open());
    EXPECT_FALSE(Open());
    EXPECT_EQ(faults_.Hits(), 1u) << value;
  }
}

TEST_F(Pin, ThatTheTokenSaysItHasNotGotIsTriedAgain) {
  Write(scratch_.pin());
  faults_.Set("C_Login CKR_USER_PIN_NOT_INITIALIZED times 1");
  EXPECT_TRUE(Open() || Open()) << "it was taken for refused";
  EXPECT_EQ(faults_.Calls("C_Login"), 2u);
}

TEST_F(Pin, IsNotTriedWhereARefusalCouldNotBeRemembered) {
  Write("not the pin");
  const std::string record = scratch_.directory() + "/nowhere/record";
  const auto ran = RunTokenProcess(0, {"--pin-record", record});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_NE(ran.output.find("cannot write " + record), std::string::npos) << ran.output;
  EXPECT_EQ(faults_.Calls("C_Login"), 0u);
}

TEST_F(Pin, IsNowhereInTheRecord) {
  Write("not the pin");
  EXPECT_FALSE(Open());
  const auto record = base::ReadFile(location_.pin_file + ".refused");
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->starts_with("refused "));
  EXPECT_EQ(record->find("not the pin"), record->npos);
}

}  // namespace
}  // namespace paygate::hsm
