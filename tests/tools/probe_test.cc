// `paygate-ceremony probe` on the software tokens of Debian 12. docs/operations/tokens.md shows
// what it says of each.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::tools {
namespace {

using doubles::Ran;
using doubles::RunProgram;
using nlohmann::json;

const std::string kCeremony = doubles::Program("paygate-ceremony");
constexpr const char* kNss = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";

// What was seen, by what was asked; a finding that speaks against the token begins with "UNFIT ".
std::map<std::string, std::string> Findings(const Ran& ran) {
  std::map<std::string, std::string> findings;
  const auto report = json::parse(ran.output, nullptr, false);
  if (report.is_discarded()) return findings;
  for (const auto& each : report["findings"]) {
    findings[each["what"]] = (each["unfit"].get<bool>() ? "UNFIT " : "") +
                             each["seen"].get<std::string>();
  }
  return findings;
}

TEST(Probe, SeesNothingAgainstSoftHsmAndLeavesNothingBehind) {
  doubles::ScratchToken token;
  token.Generate("of-the-operator", hsm::KeyType::kP256, hsm::KeyUsage::kSign);
  const auto location = token.location();
  const auto ran = RunProgram({kCeremony, "probe", location.token_uri, "--module",
                               location.module_path, "--pin-file", location.pin_file, "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  auto findings = Findings(ran);
  for (const char* works : {"P-256 signs", "RSA-2048 signs", "Ed25519 signs", "P-256 unwraps",
                            "RSA-2048 unwraps", "copies a key into a session"}) {
    EXPECT_TRUE(findings[works].starts_with("yes")) << works << ": " << findings[works];
  }
  EXPECT_TRUE(findings["RSA-OAEP with SHA-256 in the token"].starts_with("no"));
  EXPECT_EQ(findings["a key that is not extractable is wrapped out"], "no");
  const auto keys = hsm::pkcs11::OpenKeyAdmin(location).value()->List();
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ(keys->front().label, "of-the-operator");
}

TEST(Probe, FindsThatNssGivesKeysOutAndThatTheGatewayRefusesThem) {
  if (access(kNss, R_OK) != 0) GTEST_SKIP() << "no " << kNss << ": tools/install-deps";
  std::string directory = (std::filesystem::temp_directory_path() / "paygate-nss-XXXXXX").string();
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string pin = directory + "/pin";
  std::ofstream(pin) << "nss-test-pin";
  std::filesystem::permissions(pin, std::filesystem::perms::owner_read |
                                        std::filesystem::perms::owner_write);
  ASSERT_EQ(RunProgram({"/usr/bin/certutil", "-N", "-d", "sql:" + directory, "-f", pin}).exit_code,
            0);
  const hsm::pkcs11::TokenLocation location{
      .module_path = kNss,
      .token_uri = "pkcs11:token=NSS%20Certificate%20DB",
      .pin_file = pin,
      .init_args = "configdir='sql:" + directory +
                   "' certPrefix='' keyPrefix='' secmod='secmod.db' flags="};
  const auto ran = RunProgram({kCeremony, "probe", location.token_uri, "--module", kNss,
                               "--pin-file", pin, "--init-args", location.init_args, "--json"});
  EXPECT_EQ(ran.exit_code, 4) << ran.output;
  auto findings = Findings(ran);
  EXPECT_TRUE(findings["a key that is not extractable is wrapped out"].starts_with("UNFIT YES, by"))
      << ran.output;
  EXPECT_NE(findings["attributes of a key made in it"].find("CKA_LOCAL is false"),
            std::string::npos);
  {
    auto admin = hsm::pkcs11::OpenKeyAdmin(location);
    ASSERT_TRUE(admin) << admin.error().message;
    auto key = (*admin)->Generate("gateway", hsm::KeyType::kP256, hsm::KeyUsage::kSign);
    ASSERT_FALSE(key);
    EXPECT_NE(key.error().message.find("CKA_LOCAL is false"), std::string::npos);
    EXPECT_TRUE((*admin)->List()->empty()) << "the key stayed";
  }
  std::filesystem::remove_all(directory);
}

TEST(Probe, SaysWhatIsWrongWithItsArguments) {
  EXPECT_EQ(RunProgram({kCeremony, "probe"}).exit_code, 2);
  doubles::ScratchToken token;
  const auto ran = RunProgram({kCeremony, "probe", "pkcs11:token=elsewhere", "--pin-file",
                               token.location().pin_file});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.output.find("no token fits"), std::string::npos) << ran.output;
}

}  // namespace
}  // namespace paygate::tools
