// Every algorithm that the gateway's keys serve, in a real token, proved against OpenSSL; and every
// kind of key that must not be served.

#include <gtest/gtest.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include "base/crypto.h"
#include "base/file.h"
#include "hsm/pkcs11/token.h"
#include "hsm/proof.h"
#include "hsm/statement.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::hsm {
namespace {

using base::ErrorCode;
using doubles::ScratchToken;

class SigningKeys : public testing::TestWithParam<KeyType> {};

TEST_P(SigningKeys, SignWhatOpenSslVerifies) {
  ScratchToken scratch;
  auto admin = pkcs11::OpenKeyAdmin(scratch.location());
  ASSERT_TRUE(admin) << admin.error().message;
  auto key = (*admin)->Generate("key", GetParam(), KeyUsage::kSign);
  ASSERT_TRUE(key) << key.error().message;
  auto signer = (*admin)->SignerFor("key");
  ASSERT_TRUE(signer) << signer.error().message;
  std::string statement = MakeSelfTest();
  auto signature = (*signer)->Sign({StatementKind::kSelfTest, statement});
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_TRUE(VerifySignature((*signer)->algorithm(), key->public_key_der, statement, *signature));
  statement.back() ^= 1;
  EXPECT_FALSE(VerifySignature((*signer)->algorithm(), key->public_key_der, statement, *signature));
  auto decrypter = (*admin)->DecrypterFor("key");
  ASSERT_FALSE(decrypter);
  EXPECT_EQ(decrypter.error().code, ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Keys, SigningKeys,
                         testing::Values(KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519));

class DecryptionKeys : public testing::TestWithParam<KeyType> {};

// A key for decryption in this token unwraps what OpenSSL wraps, and answers all else alike.
void UnwrapsWhatOpenSslWrapsAndNothingElse(const pkcs11::TokenLocation& token, KeyType type) {
  auto admin = pkcs11::OpenKeyAdmin(token);
  ASSERT_TRUE(admin) << admin.error().message;
  auto key = (*admin)->Generate("key", type, KeyUsage::kDecrypt);
  ASSERT_TRUE(key) << key.error().message;
  auto decrypter = (*admin)->DecrypterFor("key");
  ASSERT_TRUE(decrypter);
  KeyManagement algorithm = (*decrypter)->algorithm();
  auto fresh = WrapFreshKey(algorithm, key->public_key_der);
  ASSERT_TRUE(fresh);
  auto unwrapped = (*decrypter)->Unwrap({algorithm, fresh->wrapped});
  ASSERT_TRUE(unwrapped) << unwrapped.error().message;
  EXPECT_TRUE(*unwrapped == fresh->key);

  std::string flipped = fresh->wrapped, shortened = fresh->wrapped, longer = fresh->wrapped + "x";
  flipped[40] ^= 1;
  shortened.pop_back();
  const std::string all_ones(fresh->wrapped.size(), '\xff'), zero(fresh->wrapped.size(), '\0');
  std::string infinity(1, '\0');
  for (const std::string& bad :
       {flipped, shortened, longer, all_ones, zero, infinity, std::string()}) {
    auto result = (*decrypter)->Unwrap({algorithm, bad});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().ToString(), "decryption-failed: not decrypted");
  }
  EXPECT_EQ((*decrypter)->Unwrap({static_cast<KeyManagement>(9), fresh->wrapped}).error().code,
            ErrorCode::kDecryptionFailed);
  EXPECT_FALSE((*admin)->SignerFor("key"));
}

TEST_P(DecryptionKeys, UnwrapWhatOpenSslWrapsAndNothingElse) {
  ScratchToken scratch;
  UnwrapsWhatOpenSslWrapsAndNothingElse(scratch.location(), GetParam());
}

TEST(RsaDecryptionKey, ServesInATokenThatHasOaepWithSha256AndNoBareRsa) {
  ScratchToken scratch;
  doubles::FaultScript faults(scratch.directory() + "/faults");
  faults.Set("oaep-only");
  auto token = scratch.location();
  token.module_path = doubles::FaultyModule();
  UnwrapsWhatOpenSslWrapsAndNothingElse(token, KeyType::kRsa2048);
}

TEST(RsaDecryptionKey, IsRefusedWhereTheTokenHasNeither) {
  ScratchToken scratch;
  doubles::FaultScript faults(scratch.directory() + "/faults");
  faults.Set("C_GetMechanismInfo CKR_MECHANISM_INVALID");  // SoftHSM's own OAEP is SHA-1's
  auto token = scratch.location();
  token.module_path = doubles::FaultyModule();
  auto admin = pkcs11::OpenKeyAdmin(token);
  ASSERT_TRUE(admin) << admin.error().message;
  auto key = (*admin)->Generate("key", KeyType::kRsa2048, KeyUsage::kDecrypt);
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message.find("lacks the mechanism"), std::string::npos)
      << key.error().message;
}

INSTANTIATE_TEST_SUITE_P(Keys, DecryptionKeys, testing::Values(KeyType::kP256, KeyType::kRsa2048));

TEST(KeyAdmin, NeverOverwritesAKey) {
  ScratchToken scratch;
  auto admin = pkcs11::OpenKeyAdmin(scratch.location());
  ASSERT_TRUE(admin);
  auto first = (*admin)->Generate("root", KeyType::kP256, KeyUsage::kSign);
  ASSERT_TRUE(first);
  auto second = (*admin)->Generate("root", KeyType::kP256, KeyUsage::kSign);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  auto keys = (*admin)->List();
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ(keys->front().public_key_der, first->public_key_der);
}

TEST(KeyAdmin, OpensTwoTokensOfOneModuleInOneProcess) {
  ScratchToken scratch("paygate-root");
  ASSERT_TRUE(pkcs11::InitialiseToken(doubles::kSoftHsmModule, "paygate",
                                      base::SecretBytes::CopyOf("security officer"),
                                      base::SecretBytes::CopyOf(scratch.pin())));
  auto gateway = scratch.location();
  gateway.token_uri = "pkcs11:token=paygate";
  auto first = pkcs11::OpenKeyAdmin(scratch.location());
  auto second = pkcs11::OpenKeyAdmin(gateway);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE((*first)->Generate("root", KeyType::kP256, KeyUsage::kSign));
  first->reset();  // the other is not closed with it
  EXPECT_TRUE((*second)->Generate("gateway", KeyType::kP256, KeyUsage::kSign));
  EXPECT_EQ((*second)->List()->size(), 1u);
}

TEST(KeyAdmin, MakesNoDecryptionKeyOfATypeThatOnlySigns) {
  ScratchToken scratch;
  auto admin = pkcs11::OpenKeyAdmin(scratch.location());
  ASSERT_TRUE(admin);
  EXPECT_FALSE((*admin)->Generate("key", KeyType::kEd25519, KeyUsage::kDecrypt));
  EXPECT_TRUE((*admin)->List()->empty());
}

TEST(KeyAdmin, DoesNotInitialiseATokenTwice) {
  ScratchToken scratch("paygate");
  auto again = pkcs11::InitialiseToken(doubles::kSoftHsmModule, "paygate",
                                       base::SecretBytes::CopyOf("1234"),
                                       base::SecretBytes::CopyOf("1234"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

// Keys that somebody else made, with the attributes that the case wants.
class ForeignKeys : public testing::Test {
 protected:
  void SetUp() override {
    module_ = p11_kit_module_load(doubles::kSoftHsmModule, P11_KIT_MODULE_UNMANAGED);
    ASSERT_EQ(p11_kit_module_initialize(module_), CKR_OK);
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    ASSERT_EQ(module_->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; ++i) {
      CK_TOKEN_INFO info;
      module_->C_GetTokenInfo(slots[i], &info);
      if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
      ASSERT_EQ(module_->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                       nullptr, &session_),
                CKR_OK);
    }
    std::string pin = scratch_.pin();
    ASSERT_EQ(module_->C_Login(session_, CKU_USER, reinterpret_cast<unsigned char*>(pin.data()),
                               pin.size()),
              CKR_OK);
  }
  void TearDown() override {
    p11_kit_module_finalize(module_);
    p11_kit_module_release(module_);
  }

  // A P-256 signing key, with further attributes of the private one.
  void Make(const std::string& label, std::vector<std::pair<CK_ATTRIBUTE_TYPE, bool>> wanted) {
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    unsigned char curve[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    void* name = const_cast<char*>(label.data());
    std::vector<CK_ATTRIBUTE> open = {{CKA_TOKEN, &yes, 1},
                                      {CKA_LABEL, name, label.size()},
                                      {CKA_EC_PARAMS, curve, sizeof curve}};
    std::vector<CK_ATTRIBUTE> secret = {{CKA_TOKEN, &yes, 1},
                                        {CKA_LABEL, name, label.size()}};
    std::map<CK_ATTRIBUTE_TYPE, bool> values = {{CKA_PRIVATE, true},   {CKA_SENSITIVE, true},
                                                {CKA_EXTRACTABLE, false}, {CKA_SIGN, true},
                                                {CKA_DERIVE, false},   {CKA_DECRYPT, false},
                                                {CKA_UNWRAP, false},   {CKA_SIGN_RECOVER, false}};
    for (auto [type, value] : wanted) values[type] = value;
    for (auto [type, value] : values) secret.push_back({type, value ? &yes : &no, 1});
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE a, b;
    ASSERT_EQ(module_->C_GenerateKeyPair(session_, &mechanism, open.data(), open.size(),
                                         secret.data(), secret.size(), &a, &b),
              CKR_OK);
  }

  // What the token process says when it is started with this key.
  void ExpectRefused(const std::string& key, const std::string& sentence) {
    auto location = scratch_.location();
    auto ran = doubles::RunProgram(
        {doubles::Program("paygate-token"), "--module", location.module_path, "--token-uri",
         location.token_uri, "--pin-file", location.pin_file, "--socket",
         scratch_.directory() + "/socket", "--key", key});
    EXPECT_EQ(ran.exit_code, 3) << ran.output;
    EXPECT_NE(ran.output.find(sentence), std::string::npos) << ran.output;
  }

  ScratchToken scratch_;
  CK_FUNCTION_LIST* module_ = nullptr;
  CK_SESSION_HANDLE session_ = 0;
};

TEST_F(ForeignKeys, ThatAreExtractableStopTheStart) {
  Make("key", {{CKA_EXTRACTABLE, true}});
  ExpectRefused("key:jws", "key 'key' is extractable (CKA_EXTRACTABLE is true)");
}

TEST_F(ForeignKeys, ThatAreNotSensitiveStopTheStart) {
  Make("key", {{CKA_SENSITIVE, false}});
  ExpectRefused("key:jws", "key 'key' is not sensitive (CKA_SENSITIVE is false)");
}

TEST_F(ForeignKeys, ThatWereOnceExtractableStopTheStart) {
  Make("key", {{CKA_EXTRACTABLE, true}, {CKA_SENSITIVE, true}});
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted{CKA_CLASS, &kind, sizeof kind};
  CK_OBJECT_HANDLE key;
  CK_ULONG count;
  ASSERT_EQ(module_->C_FindObjectsInit(session_, &wanted, 1), CKR_OK);
  ASSERT_EQ(module_->C_FindObjects(session_, &key, 1, &count), CKR_OK);
  module_->C_FindObjectsFinal(session_);
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE closed{CKA_EXTRACTABLE, &no, 1};
  ASSERT_EQ(module_->C_SetAttributeValue(session_, key, &closed, 1), CKR_OK);
  ExpectRefused("key:jws", "key 'key' was once extractable (CKA_NEVER_EXTRACTABLE is false)");
}

TEST_F(ForeignKeys, ThatNeedNoPinStopTheStart) {
  Make("key", {{CKA_PRIVATE, false}});
  ExpectRefused("key:jws", "key 'key' can be used without a PIN");
}

TEST_F(ForeignKeys, WithSeveralUsagesStopTheStart) {
  Make("key", {{CKA_DERIVE, true}});
  ExpectRefused("key:jws", "key 'key' must have exactly one usage");
}

TEST_F(ForeignKeys, OfTheSameLabelStopTheStart) {
  Make("key", {});
  Make("key", {});
  ExpectRefused("key:jws", "the token has two private keys of this label");
}

TEST_F(ForeignKeys, ThatAreMissingOrForTheOtherUsageStopTheStart) {
  Make("key", {});
  ExpectRefused("other:jws", "the token has no private key of this label");
  ExpectRefused("key:decrypt", "is made to sign, the configuration wants the other");
  ExpectRefused("key:certificates", "'certificates' is no kind of statement");
}

TEST_F(ForeignKeys, ThatWereImportedStopTheStart) {
  // Imported into SoftHSM by its own tool, which is how a key gets in from outside.
  std::string pem = scratch_.directory() + "/key.pem";
  ASSERT_EQ(doubles::RunProgram({"/usr/bin/openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                                 "ec_paramgen_curve:P-256", "-out", pem})
                .exit_code,
            0);
  auto ran = doubles::RunProgram({"/usr/bin/softhsm2-util", "--import", pem, "--token", "paygate",
                                  "--label", "key", "--id", "01", "--pin", scratch_.pin()});
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  ExpectRefused("key:jws", "key 'key' ");
}

TEST(Token, IsNeverNamedBySlotOrWithAPin) {
  ScratchToken scratch;
  auto location = scratch.location();
  for (std::string uri :
       {"pkcs11:token=paygate?pin-value=1234", "pkcs11:token=paygate?pin-source=file:/x",
        "pkcs11:slot-id=0", "pkcs11:token=paygate;slot-id=1", "pkcs11:",
        "pkcs11:token=paygate;object=key", "pkcs11:slot-description=x;token=paygate", "paygate"}) {
    location.token_uri = uri;
    auto token = pkcs11::Token::Open(location, 1);
    ASSERT_FALSE(token) << uri;
    EXPECT_EQ(token.error().code, ErrorCode::kInvalidArgument) << token.error().message;
    EXPECT_EQ(token.error().message.find("1234"), std::string::npos);
  }
  location.token_uri = "pkcs11:token=elsewhere";
  EXPECT_EQ(pkcs11::Token::Open(location, 1).error().code, ErrorCode::kTokenUnavailable);
  location = scratch.location();
  location.module_path = "/nonexistent.so";
  EXPECT_EQ(pkcs11::Token::Open(location, 1).error().code, ErrorCode::kTokenUnavailable);
}

TEST(Token, RefusesAPinFileThatOthersCanReadAndAWrongPin) {
  ScratchToken scratch;
  auto location = scratch.location();
  location.pin_file = scratch.directory() + "/wrong";
  ASSERT_TRUE(base::WriteNewFile(location.pin_file, "not the pin"));
  EXPECT_EQ(pkcs11::Token::Open(location, 1).error().code, ErrorCode::kPermissionDenied);
  chmod((scratch.directory() + "/pin").c_str(), 0644);
  EXPECT_EQ(pkcs11::Token::Open(scratch.location(), 1).error().code, ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace paygate::hsm
