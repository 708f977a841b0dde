// A token in this process behind a module that fails: what is mended unseen, what is said, and that
// nothing wrong ever comes out.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "hsm/pkcs11/token.h"
#include "hsm/proof.h"
#include "hsm/statement.h"
#include "tests/doubles/eventually.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/fault_state.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::hsm {
namespace {

using base::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

#define X(name) #name,
constexpr auto kReturnValues = std::to_array<const char*>({PAYGATE_CKR(X)});
#undef X

class FaultyToken : public testing::Test {
 protected:
  FaultyToken() {
    location_.module_path = doubles::FaultyModule();
    sign_ = scratch_.Generate("sign", KeyType::kP256, KeyUsage::kSign);
    decrypt_ = scratch_.Generate("decrypt", KeyType::kP256, KeyUsage::kDecrypt);
  }
  void Open(size_t sessions = 1) {
    auto token = pkcs11::Token::Open(location_, sessions);
    ASSERT_TRUE(token) << token.error().message;
    token_ = std::move(*token);
    signer_ = *token_->SignerFor("sign");
    decrypter_ = *token_->DecrypterFor("decrypt");
  }
  base::Status Sign() { return ProveSigner(*signer_, sign_.public_key_der); }
  base::Status Decrypt() { return ProveDecrypter(*decrypter_, decrypt_.public_key_der); }

  doubles::ScratchToken scratch_;
  pkcs11::TokenLocation location_ = scratch_.location();
  doubles::FaultScript faults_{scratch_.directory() + "/faults"};
  KeyInfo sign_, decrypt_;
  std::unique_ptr<pkcs11::Token> token_;
  std::unique_ptr<Signer> signer_;
  std::unique_ptr<Decrypter> decrypter_;
};

// ---- Faults of a moment ----

class FaultOfAMoment : public FaultyToken, public testing::WithParamInterface<const char*> {};

TEST_P(FaultOfAMoment, IsMendedAndNobodySeesIt) {
  for (const char* value : {"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED",
                            "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_DEVICE_ERROR",
                            "CKR_DEVICE_MEMORY", "CKR_USER_NOT_LOGGED_IN",
                            "CKR_KEY_HANDLE_INVALID", "CKR_GENERAL_ERROR",
                            "CKR_CRYPTOKI_NOT_INITIALIZED", "0x80000001"}) {
    SCOPED_TRACE(value);
    faults_.Clear();
    Open();
    faults_.Set(std::string(GetParam()) + " " + value + " times 1");
    const bool signs = std::string_view(GetParam()).starts_with("C_Sign");
    const auto done = signs ? Sign() : Decrypt();
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(faults_.Hits(), 1u);
    EXPECT_TRUE(Sign());
    EXPECT_TRUE(Decrypt());
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, FaultOfAMoment,
                         testing::Values("C_SignInit", "C_Sign", "C_DeriveKey",
                                         "C_GetAttributeValue", "C_DestroyObject"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(FaultyToken, ThatSaysThatItIsLoggedInAlreadyIsTaken) {
  faults_.Set("C_Login late CKR_USER_ALREADY_LOGGED_IN");
  Open();
  EXPECT_TRUE(Sign());
  EXPECT_EQ(faults_.Hits(), 1u);
}

TEST_F(FaultyToken, ThatSaysThatItIsLoggedInAndIsNotIsUnavailable) {
  faults_.Set("C_Login CKR_USER_ALREADY_LOGGED_IN");
  EXPECT_EQ(pkcs11::Token::Open(location_, 1).error().code, ErrorCode::kTokenUnavailable);
}

TEST_F(FaultyToken, ThatWasLoggedOutByAnotherIsLoggedInAgain) {
  Open();
  const uint64_t logins = faults_.Calls("C_Login");
  faults_.Set("C_SignInit CKR_USER_NOT_LOGGED_IN times 1");
  EXPECT_TRUE(Sign());
  EXPECT_EQ(faults_.Calls("C_Login"), logins + 1);
}

// ---- Sessions ----

TEST_F(FaultyToken, OfFourSessionsServesManyThreads) {
  faults_.Set("sessions 4\nmanufacturer Acme");
  Open(8);
  EXPECT_EQ(faults_.Calls("C_OpenSession"), 5u) << "an anchor, three for use, and one refusal";
  std::atomic<int> failed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) failed += !Sign() || !Decrypt();
    });
  }
  threads.clear();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(faults_.Calls("C_OpenSession"), 5u) << "no further session is asked for";
}

TEST_F(FaultyToken, WithoutASecondSessionSaysWhatToDo) {
  faults_.Set("sessions 1");
  auto token = pkcs11::Token::Open(location_, 4);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, ErrorCode::kTokenUnavailable);
  EXPECT_NE(token.error().message.find("lower `sessions`"), std::string::npos)
      << token.error().message;
}

TEST_F(FaultyToken, ThatDropsIdleSessionsIsReconnectedUnseen) {
  Open();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Sign());
    EXPECT_TRUE(Decrypt());
    faults_.Set("drop");
  }
  EXPECT_TRUE(Sign());
  EXPECT_EQ(faults_.Calls("C_Initialize"), 3u) << "the sessions were not lost";
}

TEST_F(FaultyToken, ThatDropsIdleSessionsDropsNoneThatAreKeptAlive) {
  faults_.Set("idle 2000\nmanufacturer Acme");
  Open(4);
  const uint64_t opened = faults_.Calls("C_OpenSession");
  const auto end = steady_clock::now() + milliseconds(2500);
  while (steady_clock::now() < end) {
    ASSERT_TRUE(token_->KeepAlive());
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_TRUE(Sign());
  EXPECT_EQ(faults_.Calls("C_OpenSession"), opened);
}

// ---- A token that is away ----

TEST_F(FaultyToken, ThatVanishedIsSaidToBeUnavailableNotHammeredAndFoundAgain) {
  Open();
  faults_.Set("vanish");
  const auto begin = steady_clock::now();
  const uint64_t looked = faults_.Calls("C_GetSlotList");
  uint64_t refused = 0;
  for (; steady_clock::now() < begin + milliseconds(700); ++refused) {
    EXPECT_EQ(Sign().error().code, ErrorCode::kTokenUnavailable);
    EXPECT_EQ(Decrypt().error().code, ErrorCode::kTokenUnavailable);
  }
  const uint64_t looks = faults_.Calls("C_GetSlotList") - looked;
  const auto half_seconds =
      static_cast<uint64_t>((steady_clock::now() - begin) / milliseconds(500));
  EXPECT_LE(looks, (half_seconds + 2) * 2) << "one look each half second";
  EXPECT_GT(2u * refused, looks) << "the others were refused without one";
  faults_.Clear();
  EXPECT_TRUE(doubles::Eventually([&] { return Sign().has_value(); }));
  EXPECT_TRUE(Sign());
  EXPECT_TRUE(Decrypt());
}

// SoftHSM's directory gone: sessions open, the login works, nothing signs.
TEST_F(FaultyToken, WhoseSessionsOpenButDoNotSignIsUnavailable) {
  Open();
  faults_.Set("C_SignInit,C_DeriveKey CKR_KEY_HANDLE_INVALID");
  EXPECT_EQ(Sign().error().code, ErrorCode::kTokenUnavailable);
  EXPECT_EQ(Decrypt().error().code, ErrorCode::kTokenUnavailable);
}

// ---- Wrong results ----

TEST_F(FaultyToken, ThatSignsWronglyOnceIsAskedAgain) {
  Open();
  faults_.Set("C_Sign spoil times 1");
  EXPECT_TRUE(Sign());
  EXPECT_EQ(faults_.Hits(), 1u);
}

TEST_F(FaultyToken, ThatSignsWronglyGivesNoSignatureOut) {
  for (KeyType type : {KeyType::kRsa2048, KeyType::kEd25519}) {
    scratch_.Generate(std::string(Name(type)), type, KeyUsage::kSign);
  }
  Open();
  const std::string statement = MakeSelfTest();
  for (const char* label : {"sign", "RSA-2048", "Ed25519"}) {
    auto signer = *token_->SignerFor(label);
    faults_.Set("C_Sign spoil");
    auto signature = signer->Sign({StatementKind::kSelfTest, statement});
    ASSERT_FALSE(signature) << label;
    EXPECT_EQ(signature.error().code, ErrorCode::kTokenUnavailable);
    EXPECT_GE(faults_.Hits(), 1u);
    faults_.Clear();
    EXPECT_TRUE(signer->Sign({StatementKind::kSelfTest, statement}));
  }
}

TEST_F(FaultyToken, ThatRefusesAStrangersBytesIsNotTakenForBroken) {
  scratch_.Generate("rsa", KeyType::kRsa2048, KeyUsage::kDecrypt);
  Open();
  const uint64_t initialised = faults_.Calls("C_Initialize");
  faults_.Set("C_DeriveKey CKR_MECHANISM_PARAM_INVALID\nC_Decrypt CKR_ENCRYPTED_DATA_INVALID");
  const auto point = *WrapFreshKey(KeyManagement::kEcdhEs, decrypt_.public_key_der);
  EXPECT_EQ(decrypter_->Unwrap({KeyManagement::kEcdhEs, point.wrapped}).error().code,
            ErrorCode::kDecryptionFailed);
  auto rsa = *token_->DecrypterFor("rsa");
  const std::string bytes(256, '\1');
  EXPECT_EQ(rsa->Unwrap({KeyManagement::kRsaOaep256, bytes}).error().code,
            ErrorCode::kDecryptionFailed);
  EXPECT_EQ(faults_.Calls("C_Initialize"), initialised);
}

// ---- Every value on every call ----

TEST_F(FaultyToken, ThatFailsInAnyWayWhileItIsOpenedIsOpenedTheNextTime) {
  constexpr auto kCalls = std::to_array<const char*>(
      {"C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login",
       "C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue", "C_CopyObject"});
  size_t turn = 0;
  for (const char* value : kReturnValues) {
    const std::string rule = std::string(kCalls[turn++ % kCalls.size()]) + " " + value + " times 1";
    SCOPED_TRACE(rule);
    faults_.Set(rule);
    if (auto token = pkcs11::Token::Open(location_, 1)) {
      if (auto key = (*token)->ProvenKey("sign")) {
        EXPECT_EQ(key->public_key_der, sign_.public_key_der);
      }
    }
    faults_.Clear();
    unlink((location_.pin_file + ".refused").c_str());
    Open();
    EXPECT_TRUE(Sign());
    token_.reset();
  }
}

TEST_F(FaultyToken, ThatFailsInAnyWaySignsRightlyOrSaysThatItDoesNot) {
  size_t turn = 0;
  for (const char* value : kReturnValues) {
    const char* how = std::array{"C_SignInit ", "C_Sign ", "C_Sign late "}[turn++ % 3];
    SCOPED_TRACE(std::string(how) + value);
    faults_.Clear();
    Open();
    faults_.Set(std::string(how) + value + " times 1");
    const auto proof = Sign();  // kInvalidArgument: it gave a signature, and a wrong one
    EXPECT_TRUE(proof || proof.error().code != ErrorCode::kInvalidArgument);
    EXPECT_EQ(faults_.Hits(), 1u);
  }
}

// ---- What a token says of itself, and whether it keeps to it ----

TEST_F(FaultyToken, ThatGivesAKeyOutByWrappingItIsRefused) {
  Open();
  token_.reset();
  faults_.Set("C_WrapKey 0x0");  // it says that it did
  auto token = pkcs11::Token::Open(location_, 1);
  ASSERT_TRUE(token);
  auto key = (*token)->ProvenKey("sign");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(key.error().message.find("gave it out by CKM_AES_KEY_WRAP_PAD"), std::string::npos)
      << key.error().message;
}

TEST_F(FaultyToken, WithBarePublicPointsServesToo) {
  scratch_.Generate("edwards", KeyType::kEd25519, KeyUsage::kSign);
  faults_.Set("bare-points");
  Open();
  EXPECT_TRUE(token_->ProvenKey("sign"));
  EXPECT_TRUE(token_->ProvenKey("edwards"));
}

}  // namespace
}  // namespace paygate::hsm
