// paygate-ceremony as an operator runs it, each test with SoftHSM tokens of its own.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/doubles/places.h"

namespace paygate::tools {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = doubles::Program("paygate-ceremony");
constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kCertificates[] = {"root.pem", "issuing-ca.pem", "gateway-signature.pem",
                                         "gateway-encryption.pem", "tls.pem"};

struct Said {
  int status;
  std::string text;  // both streams
};

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

struct Ceremony : testing::Test {
  Ceremony() {
    std::string pattern = testing::TempDir() + "/ceremony-XXXXXX";
    dir = ::mkdtemp(pattern.data());
    EXPECT_EQ(Run(kProgram + " scratch-tokens --dir " + dir + "/token").status, 0);
  }
  ~Ceremony() override { fs::remove_all(dir); }

  Said Run(const std::string& command) const {
    const std::string line = "export SOFTHSM2_CONF=" + dir + "/token/softhsm2.conf; { " + command +
                             "; } 2>&1 </dev/null";
    Said said{-1, ""};
    FILE* out = ::popen(line.c_str(), "r");
    std::array<char, 4096> some;
    while (size_t n = ::fread(some.data(), 1, some.size(), out)) said.text.append(some.data(), n);
    const int status = ::pclose(out);
    if (WIFEXITED(status)) said.status = WEXITSTATUS(status);
    return said;
  }

  std::string Text() const {
    return "output_directory = \"" + dir + "/pki\"\npublic_url = \"https://pay.example\"\n" +
           "[token]\nmodule = \"" + kModule + "\"\n" +
           "[token.root]\nuri = \"pkcs11:token=paygate-root\"\npin_file = \"" + dir +
           "/token/paygate-root.pin\"\n" +
           "[token.gateway]\nuri = \"pkcs11:token=paygate\"\npin_file = \"" + dir +
           "/token/paygate.pin\"\n[tls]\ndns_names = [\"pay.example\"]\n";
  }
  Said Hold(const std::string& text, const std::string& options = "") const {
    std::ofstream(dir + "/ceremony.toml") << text;
    return Run(kProgram + " run " + options + " " + dir + "/ceremony.toml");
  }
  // Every file below `part` with its bytes: what a refusal must leave alone.
  std::map<std::string, std::string> Everything(const std::string& part) const {
    std::map<std::string, std::string> files;
    if (!fs::exists(dir + part)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(dir + part)) {
      if (entry.is_regular_file()) files[entry.path()] = Read(entry.path());
    }
    return files;
  }
  std::string Objects(const std::string& label, const std::string& type) const {
    // By slot: pkcs11-tool takes the first token whose label only begins as --token-label says.
    const std::string tool = "pkcs11-tool --module " + std::string(kModule);
    std::string slot = Run(tool + " --list-slots | awk '/^Slot/ { slot = $2 } " +
                           "/token label/ && $NF == \"" + label + "\" { print slot }'")
                           .text;
    if (!slot.empty()) slot.pop_back();
    const Said said = Run(tool + " --slot-index " + slot + " --login --pin $(cat " + dir +
                          "/token/" + label + ".pin) --list-objects --type " + type);
    EXPECT_EQ(said.status, 0) << said.text;
    return said.text;
  }

  std::string dir;
};

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

TEST_F(Ceremony, OpensslAcceptsEachCertificateStrictly) {
  ASSERT_EQ(Hold(Text()).status, 0);
  for (const char* certificate : kCertificates) {
    const Said said = Run("cd " + dir +
                          "/pki && openssl verify -x509_strict -CAfile root.pem -untrusted "
                          "issuing-ca.pem " +
                          certificate);
    EXPECT_EQ(said.status, 0) << certificate << ": " << said.text;
  }
}

TEST_F(Ceremony, EveryKeyInATokenIsSensitiveAndWasNeverExtractable) {
  ASSERT_EQ(Hold(Text()).status, 0);
  const std::map<std::string, std::vector<std::string>> labels = {
      {"paygate-root", {"root"}},
      {"paygate", {"issuing-ca", "gateway-signature", "gateway-encryption", "storage-wrapping"}}};
  for (const auto& [token, keys] : labels) {
    const std::string objects = Objects(token, "privkey");
    for (const std::string& key : keys) {
      EXPECT_EQ(Count(objects, " " + key + "\n"), 1) << key << ": " << objects;
    }
    EXPECT_EQ(Count(objects, "Private Key Object"), static_cast<int>(keys.size())) << objects;
    EXPECT_EQ(Count(objects, "sensitive, always sensitive, never extractable, local"),
              static_cast<int>(keys.size()))
        << objects;
  }
}

TEST_F(Ceremony, TheFrontsKeyIsItsOwnersAlone) {
  ASSERT_EQ(Hold(Text()).status, 0);
  struct stat key;
  ASSERT_EQ(::stat((dir + "/pki/tls.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 07777, 0600u);
  const auto both = Run("cd " + dir +
                        "/pki && openssl pkey -in tls.key -pubout > a && "
                        "openssl x509 -in tls.pem -noout -pubkey > b && cmp a b");
  EXPECT_EQ(both.status, 0) << both.text;
}

TEST_F(Ceremony, JsonNamesTheGatewayAndEverythingMade) {
  const Said said = Hold(Text(), "--json");
  ASSERT_EQ(said.status, 0) << said.text;
  const auto made = nlohmann::json::parse(said.text, nullptr, false);
  ASSERT_FALSE(made.is_discarded()) << said.text;
  EXPECT_EQ(made["gateway_id"].get<std::string>() + "\n", Read(dir + "/pki/gateway-id"));
  EXPECT_EQ(made["made"].size(), 10u) << said.text;  // five keys in tokens, five certificates
  for (const auto& each : made["made"]) EXPECT_EQ(each["sha256"].get<std::string>().size(), 43u);
}

TEST_F(Ceremony, AnExistingFileStopsItBeforeAnythingIsMade) {
  const char* files[] = {
      "root.pem", "issuing-ca.pem", "gateway-signature.pem", "gateway-encryption.pem", "tls.pem",
      "tls.key",  "gateway-id"};
  for (const std::string file : files) {
    fs::create_directory(dir + "/pki");
    fs::permissions(dir + "/pki", fs::perms::owner_all);
    std::ofstream(dir + "/pki/" + file) << "mine";
    const auto before = Everything("/");
    const Said said = Hold(Text());
    EXPECT_EQ(said.status, 1);
    EXPECT_NE(said.text.find("/pki/" + file + " exists"), std::string::npos) << said.text;
    auto after = Everything("/");
    after.erase(dir + "/ceremony.toml");
    auto expected = before;
    expected.erase(dir + "/ceremony.toml");
    EXPECT_EQ(after, expected) << file;
    fs::remove_all(dir + "/pki");
  }
}

TEST_F(Ceremony, AnExistingLabelStopsItBeforeAnythingIsMade) {
  ASSERT_EQ(Hold(Text()).status, 0);
  const auto pki = Everything("/pki");
  const std::string keys = Objects("paygate", "privkey"), root = Objects("paygate-root", "privkey");
  std::string elsewhere = Text();
  elsewhere.replace(elsewhere.find("/pki\""), 5, "/other\"");
  const Said said = Hold(elsewhere);
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.text.find("already has a key labelled 'root'"), std::string::npos) << said.text;
  EXPECT_EQ(Everything("/pki"), pki);
  EXPECT_TRUE(Everything("/other").empty());
  EXPECT_EQ(Objects("paygate", "privkey"), keys);
  EXPECT_EQ(Objects("paygate-root", "privkey"), root);
}

TEST_F(Ceremony, AWrongFileIsRefusedWithTheNameOfItsKey) {
  const std::string text = Text();
  const auto without = [&](const std::string& line) {
    std::string less = text;
    const size_t at = less.find(line);
    return less.erase(at, less.find('\n', at) - at);
  };
  const std::pair<std::string, const char*> wrong[] = {
      {without("output_directory"), "output_directory is missing"},
      {without("module"), "token.module is missing"},
      {without("uri = \"pkcs11:token=paygate-root\""), "token.root.uri is missing"},
      {text + "ip_adresses = []\n", "tls.ip_adresses is no key of a ceremony"},
      {text + "[keys]\nroot = \"P-255\"\n", "keys.root"},
      {text + "[validity_days]\ntls = 0\n", "validity_days.tls must be a whole number of days"},
      {text + "[validity_days]\ngateway = \"long\"\n", "validity_days.gateway"},
      {"gateway_id = \"short\"\n" + text, "gateway_id"},
      {"gateway_id = 7\n" + text, "gateway_id must be a text"},
      {text + "=\n", "line "},
  };
  const auto tokens = Everything("/token");
  for (const auto& [file, sentence] : wrong) {
    const Said said = Hold(file);
    EXPECT_EQ(said.status, 3) << sentence << ": " << said.text;
    EXPECT_NE(said.text.find(sentence), std::string::npos) << sentence << ": " << said.text;
    EXPECT_FALSE(fs::exists(dir + "/pki")) << sentence;
  }
  EXPECT_EQ(Everything("/token"), tokens);
  EXPECT_NE(Run(kProgram + " run " + dir + "/none.toml").status, 0);
}

TEST_F(Ceremony, ScratchTokensAreNotMadeOverOthers) {
  const auto before = Everything("/token");
  const Said said = Run(kProgram + " scratch-tokens --dir " + dir + "/token");
  EXPECT_EQ(said.status, 1) << said.text;
  EXPECT_EQ(Everything("/token"), before);
}

}  // namespace
}  // namespace paygate::tools
