#include "gateway/config.h"
#include "tests/doubles/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/gateway/scratch.h"

namespace paygate::gateway {
namespace {

using ::testing::HasSubstr;
using testing::Scratch;

// The right configuration with one text in it replaced.
std::string With(const Scratch& scratch, const std::string& from, const std::string& to) {
  std::ifstream in(scratch.Configuration(""));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  return scratch.Write("wrong.toml", text);
}

TEST(Config, ReadsAWholeFileAndKeepsTheDefaultsOfWhatIsNotThere) {
  const Scratch scratch;
  const auto config = LoadConfig(scratch.Configuration("port = 0\nidle_timeout_s = 7"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->front.port, 0);
  EXPECT_EQ(config->front.idle_timeout_s.count(), 7);
  EXPECT_EQ(config->front.header_timeout_s.count(), 10);
  EXPECT_EQ(config->engine.payment_wait_s.count(), 10);
  EXPECT_EQ(config->EngineSocket(), scratch.path() + "/run/engine.sock");
  ASSERT_EQ(config->token.Keys().size(), 4u);
  EXPECT_EQ(config->token.Keys()[0].label, "gateway-signature");
  EXPECT_EQ(config->token.Keys()[0].purpose, "jws,checkpoint");
}

TEST(Config, TakesOneKeyOrAListInOrderOfPreference) {
  const Scratch scratch;
  const auto config = LoadConfig(With(
      scratch, "processes = 2",
      "processes = 2\nsignature_key = [\"new\", \"gateway-signature\"]\nencryption_key = \"e\""));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->token.signature_key, (std::vector<std::string>{"new", "gateway-signature"}));
  EXPECT_EQ(config->token.encryption_key, std::vector<std::string>{"e"});
  ASSERT_EQ(config->token.Keys().size(), 5u);
  EXPECT_EQ(config->token.Keys()[1].label, "gateway-signature");
  EXPECT_EQ(config->token.Keys()[1].purpose, "jws,checkpoint");
}

TEST(Config, BoundsTheMemoryForTheStore) {
  const Scratch scratch;
  const auto with = [&](const char* value) {
    const std::string line = std::string("store_cache_mib = ") + value;
    return LoadConfig(With(scratch, "[engine]", "[engine]\n" + line));
  };
  EXPECT_EQ(with("1024")->engine.store_cache_mib, 1024u);
  EXPECT_FALSE(with("7"));
  EXPECT_FALSE(with("1048577"));
}

TEST(Config, GrantsTheRootsOfBatchesOnlyWhereBatchSignaturesAreOn) {
  const Scratch scratch;
  EXPECT_FALSE(LoadConfig(scratch.Configuration(""))->engine.batch_signatures);
  const auto config = LoadConfig(With(scratch, "[engine]", "[engine]\nbatch_signatures = true"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->engine.batch_signatures);
  EXPECT_EQ(config->token.Keys()[0].purpose, "jws,checkpoint,batch-root");
  EXPECT_EQ(config->token.Keys()[1].purpose, "decrypt");
}

TEST(Config, AReloadMayChangeKeysAndCertificatesAndNothingElse) {
  const Scratch scratch;
  const Config running = *LoadConfig(scratch.Configuration(""));
  Config wanted = running;
  wanted.certificates.gateway_signature.insert(wanted.certificates.gateway_signature.begin(), "/n");
  wanted.token.signature_key = {"new", "gateway-signature"};
  wanted.token.issuing_ca_key = {"another"};
  EXPECT_TRUE(CheckReloadable(running, wanted));
  for (auto change : {+[](Config& c) { c.engine.workers = 1; },
                      +[](Config& c) { c.certificates.root = "/another"; },
                      +[](Config& c) { c.token.storage_key = "another"; },
                      +[](Config& c) { c.front.port = 1; }}) {
    Config changed = wanted;
    change(changed);
    EXPECT_FALSE(CheckReloadable(running, changed));
  }
}

TEST(Config, NamesTheKeyTheLineAndWhatToDo) {
  const struct {
    const char *from, *to, *complaint;
  } kWrong[] = {
      {"gateway_id = \"AAAAAAAAAAAAAAAAAAAAAA\"", "gateway_id = \"me\"",
       "line 1: gateway_id: \"me\" is no ID; use the 22 base64url characters"},
      {"[front]", "[front]\nport = 70000", "line 5: front.port: 70000 is out of range; use 0 to"},
      {"[front]", "[front]\nport = \"443\"", "line 5: front.port: is not a whole number"},
      {"[front]", "[front]\nprot = 443", "line 5: front.prot: is no key of this program; correct"},
      {"[front]", "[front]\nlisten_address = \"localhost\"", "is no IP address; use one such as"},
      {"[front]", "[front]\ntls = \"yes\"", "front.tls: is neither true nor false"},
      {"[front]", "[front]\ntls = false\nlisten_address = \"0.0.0.0\"",
       "line 5: front.tls: plain HTTP is allowed on loopback only; set tls = true"},
      {"[engine]", "[engine]\ncurrencies = [\"GBP\", \"XXZ\"]", "\"XXZ\" is no currency; use ISO"},
      {"[engine]", "[engine]\ncurrencies = \"GBP\"", "engine.currencies: is not a list"},
      {"processes = 2\n[bank]", "processes = 2\nsignature_key = []\n[bank]",
       "token.signature_key: is empty, too long or names one twice; write 1 to 8"},
      {"processes = 2\n[bank]", "processes = 2\nencryption_key = [\"a\", \"a\"]\n[bank]",
       "token.encryption_key: is empty, too long or names one twice"},
      {"processes = 2\n[bank]", "processes = 2\nencryption_key = \"gateway-signature\"\n[bank]",
       "two of the keys have the label \"gateway-signature\""},
      {"public_url = \"https://127.0.0.1:8443\"", "", "engine.public_url: is missing; add it"},
      {"https://127.0.0.1:8443", "ftp://x", "is no base address; use one such as https://"},
      {"pkcs11:token=paygate", "slot 7", "is no PKCS#11 URI (RFC 7512); use one such as pkcs11:"},
      {"pkcs11:token=paygate", "pkcs11:token=paygate?pin-value=1234", "must not hold the PIN"},
      {"pkcs11:token=paygate", "pkcs11:slot-id=7", "slots are renumbered; remove slot-id"},
      {"module = \"/usr", "module = \"usr", "token.module: \"usr/lib/softhsm/libsofthsm2.so\" is "},
      {"[bank]", "[bank]\nretries = 3", "bank.retries: is no key of this program"},
      {"[token]", "[token]\nissuing_ca_key = \"gateway-signature\"",
       "each purpose needs a key of its own"},
      {"[engine]", "log_level = [1\n[engine]", "not TOML"},
      {"[bank]", "[banks]", "banks: is no key of this program"},
      {"[front]", "log_level = \"loud\"\n[front]", "is no level; use debug, info"},
  };
  for (const auto& wrong : kWrong) {
    const Scratch scratch;
    const auto config = LoadConfig(With(scratch, wrong.from, wrong.to));
    ASSERT_FALSE(config) << wrong.to;
    EXPECT_THAT(config.error().message, HasSubstr(wrong.complaint)) << wrong.to;
    EXPECT_THAT(config.error().message, HasSubstr("wrong.toml: ")) << wrong.to;
  }
}

TEST(Config, SaysAllThatIsWrongAtOnce) {
  const Scratch scratch;
  const auto config =
      LoadConfig(scratch.Configuration("port = 70000\nprocesses = 0\nmax_in_flight = 0"));
  ASSERT_FALSE(config);
  EXPECT_EQ(std::ranges::count(config.error().message, '\n'), 2);
}

TEST(Config, DoesNotRepeatAPinThatWasWrittenIntoTheUri) {
  const Scratch scratch;
  const auto config =
      LoadConfig(With(scratch, "pkcs11:token=paygate", "pkcs11:token=p?pin-value=271828"));
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, ::testing::Not(HasSubstr("271828")));
}

TEST(Config, RefusesADirectoryThatOthersCanWrite) {
  const Scratch scratch;
  const std::string state = scratch.path() + "/state";
  mkdir(state.c_str(), 0700);
  chmod(state.c_str(), 0777);
  const auto config = LoadConfig(scratch.Configuration(""));
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message,
              HasSubstr("can be written by others; make it private: chmod"));
}

TEST(Config, RefusesARuntimeDirectoryTooLongForASocketsName) {
  const Scratch scratch;
  const auto config = LoadConfig(With(scratch, "/run\"", "/" + std::string(90, 'r') + "\""));
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("is too long for the name of a socket"));
}

TEST(Config, ChecksThatFilesAreThereAndSecretsPrivate) {
  const Scratch scratch;
  const auto config = LoadConfig(scratch.Configuration(""));
  ASSERT_TRUE(config);
  scratch.Write("pin", "1234", 0644);
  const auto status = CheckFiles(*config);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("front.tls_key: cannot read"));
  EXPECT_THAT(status.error().message, HasSubstr("holds a secret that others can read"));
}

TEST(Config, TheExampleOfItsDocumentationIsRight) {
  std::ifstream in(doubles::Source("docs/operations/configuration.md"));
  const std::string page((std::istreambuf_iterator<char>(in)), {});
  const size_t begin = page.find("```toml\n") + 8;
  const Scratch scratch;
  const auto config =
      LoadConfig(scratch.Write("example.toml", page.substr(begin, page.rfind("```") - begin)));
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Config, ThatIsNotThereIsSaidToBeMissing) {
  const auto config = LoadConfig("/nonexistent/paygate.toml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("/nonexistent/paygate.toml"));
}

}  // namespace
}  // namespace paygate::gateway
