#include "base/crypto.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace paygate::base {
namespace {

TEST(Random, GivesTheLengthAskedForAndNeverTheSameTwice) {
  EXPECT_EQ(RandomBytes(0).size(), 0u);
  EXPECT_EQ(RandomBytes(33).size(), 33u);
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
  EXPECT_EQ(RandomSecret(0).size(), 0u);
  EXPECT_FALSE(RandomSecret(32) == RandomSecret(32));
}

TEST(Sha256, AgreesWithTheVectorsOfFips180) {
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Base64Url("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

TEST(Aead, OpensWhatWasSealedUnderTheSameKeyAndContext) {
  const SecretBytes key = RandomSecret(32);
  for (const std::string& text : {std::string(), std::string("x"), std::string(5000, 'p')}) {
    const std::string sealed = AeadSeal(key, text, "context");
    EXPECT_EQ(sealed.size(), 12 + text.size() + 16);
    EXPECT_EQ(*AeadOpen(key, sealed, "context"), text);
  }
}

TEST(Aead, NeverSealsTheSameBytesTwice) {
  const SecretBytes key = RandomSecret(32);
  EXPECT_NE(AeadSeal(key, "text", ""), AeadSeal(key, "text", ""));
}

TEST(Aead, HasOneErrorForEveryCause) {
  const SecretBytes key = RandomSecret(32);
  const std::string sealed = AeadSeal(key, "payment", "context");
  std::vector<Result<std::string>> failures;
  for (size_t i = 0; i < sealed.size(); i++) {
    std::string changed = sealed;
    changed[i] ^= 1;
    failures.push_back(AeadOpen(key, changed, "context"));
    failures.push_back(AeadOpen(key, sealed.substr(0, i), "context"));
  }
  failures.push_back(AeadOpen(key, sealed, "another context"));
  failures.push_back(AeadOpen(RandomSecret(32), sealed, "context"));
  failures.push_back(AeadOpen(RandomSecret(16), sealed, "context"));
  failures.push_back(AeadOpen(key, sealed + "x", "context"));
  for (const auto& failure : failures) {
    ASSERT_FALSE(failure);
    EXPECT_EQ(failure.error().ToString(), failures.front().error().ToString());
    EXPECT_EQ(failure.error().code, ErrorCode::kDecryptionFailed);
  }
}

}  // namespace
}  // namespace paygate::base
