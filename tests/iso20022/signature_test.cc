#include "bank/adapters/iso20022/signature.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace paygate::bank::iso20022 {
namespace {

class Iso20022Signature : public ::testing::Test {
 protected:
  Iso20022Signature() {
    std::string pattern = std::filesystem::temp_directory_path() / "paygate-iso-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    MakeKey("a", "EC -pkeyopt ec_paramgen_curve:P-256");
    MakeKey("b", "EC -pkeyopt ec_paramgen_curve:P-256");
  }
  ~Iso20022Signature() override { std::filesystem::remove_all(dir_); }
  void MakeKey(const std::string& name, const std::string& kind) {
    const std::string command = "cd " + dir_ + " && umask 077 && openssl genpkey -algorithm " +
                                kind + " -out " + name + ".key 2>/dev/null && openssl pkey -in " +
                                name + ".key -pubout -out " + name + ".pem";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  std::string dir_;
};

TEST_F(Iso20022Signature, HoldsForTheExactBytesAndTheRightKeyAlone) {
  auto a = SigningKey::Load(dir_ + "/a.key");
  auto a_public = VerifyingKey::Load(dir_ + "/a.pem");
  auto b_public = VerifyingKey::Load(dir_ + "/b.pem");
  ASSERT_TRUE(a && a_public && b_public);
  const std::string bytes = "<BizMsg/>";
  const std::string header = a->Sign(bytes);
  EXPECT_TRUE(a_public->Verify(header, bytes));
  EXPECT_FALSE(a_public->Verify(header, bytes + " "));
  EXPECT_FALSE(b_public->Verify(header, bytes));
  EXPECT_FALSE(a_public->Verify("", bytes));
  for (size_t i = 0; i < header.size(); ++i) {
    std::string changed = header;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(a_public->Verify(changed, bytes)) << i;
    EXPECT_FALSE(a_public->Verify(header.substr(0, i), bytes)) << i;
  }
}

TEST_F(Iso20022Signature, RefusesAKeyOfAnotherKindAndAFileThatOthersRead) {
  MakeKey("rsa", "RSA");
  EXPECT_FALSE(SigningKey::Load(dir_ + "/rsa.key"));
  EXPECT_FALSE(VerifyingKey::Load(dir_ + "/rsa.pem"));
  EXPECT_FALSE(SigningKey::Load(dir_ + "/a.pem"));
  std::filesystem::permissions(dir_ + "/a.key", std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(SigningKey::Load(dir_ + "/a.key").error().code, base::ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace paygate::bank::iso20022
