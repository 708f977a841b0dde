// What `verify` finds, from the artefacts and from the transcript alone.
#include <nlohmann/json.hpp>

#include "tests/tools/ceremony_fixture.h"
#include "tools/ceremony/verify.h"

namespace paygate::tools {
namespace {

struct CeremonyVerify : CeremonyFixture {
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    std::stringstream in(Read(dir + "/pki/transcript.jsonl"));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
};

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

bool IsGood(const std::string& transcript) {
  return ceremony::VerifyTranscript(transcript, nullptr).good();
}

TEST_F(CeremonyVerify, FindsEveryChangeDeletionAndReorderingInTheTranscript) {
  ASSERT_EQ(Hold(RootAlone()).status, 0);
  const std::vector<std::string> lines = Lines();
  ASSERT_GT(lines.size(), 12u);
  ASSERT_TRUE(IsGood(Join(lines)));
  for (size_t i = 0; i < lines.size(); ++i) {
    auto deleted = lines, doubled = lines, swapped = lines;
    deleted.erase(deleted.begin() + static_cast<long>(i));
    EXPECT_FALSE(IsGood(Join(deleted))) << "deleted " << i;
    doubled.insert(doubled.begin() + static_cast<long>(i), lines[i]);
    EXPECT_FALSE(IsGood(Join(doubled))) << "doubled " << i;
    if (i > 0) {
      std::swap(swapped[i], swapped[i - 1]);
      EXPECT_FALSE(IsGood(Join(swapped))) << "swapped " << i;
    }
    EXPECT_FALSE(IsGood(Join({lines.begin(), lines.begin() + static_cast<long>(i)})))
        << "cut at " << i;
    for (size_t at = 0; at < lines[i].size(); at += 7) {
      auto changed = lines;
      changed[i][at] ^= 1;
      EXPECT_FALSE(IsGood(Join(changed))) << "line " << i << ", octet " << at;
    }
  }
}

// Whoever can write the files can also chain and sign anew: only the reviewed file tells.
TEST_F(CeremonyVerify, ATranscriptSignedByOtherPeopleIsFoundByTheReviewedFile) {
  ASSERT_EQ(Hold(RootAlone()).status, 0);
  const std::string verify = kProgram + " verify transcript " + dir + "/pki/transcript.jsonl";
  std::filesystem::copy(dir + "/ceremony.toml", dir + "/reviewed.toml");
  EXPECT_EQ(Run(verify + " --ceremony " + dir + "/reviewed.toml").status, 0);
  const Said alone = Run(verify);
  EXPECT_EQ(alone.status, 0);
  EXPECT_NE(alone.text.find("note  who was to sign is taken from the transcript"),
            std::string::npos)
      << alone.text;
  std::string forged = RootAlone();
  forged = Replace(forged, "name = \"bob\"", "name = \"eve\"");
  Write(dir + "/reviewed.toml", forged);
  const Said said = Run(verify + " --ceremony " + dir + "/reviewed.toml");
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.text.find("held by another file"), std::string::npos) << said.text;
  EXPECT_NE(said.text.find("BAD  witness 'eve': has not signed"), std::string::npos) << said.text;
}

TEST_F(CeremonyVerify, FindsEveryChangedFileAndEveryFileThatWasAdded) {
  ASSERT_EQ(Hold(Complete()).status, 0);
  ASSERT_EQ(Verify().status, 0) << Verify().text;
  for (const char* file : {"root.pem", "issuing-ca.pem", "gateway-signature.pem", "tls.pem",
                           "root.crl", "gateway-id", "ceremony.toml"}) {
    const std::string path = dir + "/pki/" + file, before = Read(path);
    std::string changed = before;
    changed[changed.size() / 2] ^= 1;
    Write(path, changed);
    const Said said = Verify();
    EXPECT_EQ(said.status, 1) << file;
    EXPECT_NE(said.text.find("BAD  " + std::string(file)), std::string::npos) << said.text;
    Write(path, before);
  }
  Write(dir + "/pki/another.pem", "");
  EXPECT_NE(Verify().text.find("BAD  another.pem was not there"), std::string::npos);
  std::filesystem::remove(dir + "/pki/another.pem");
  // The front's key belongs on the front, and may be there already.
  std::filesystem::rename(dir + "/pki/tls.key", dir + "/moved");
  EXPECT_EQ(Verify().status, 0);
  EXPECT_NE(Verify().text.find("note  tls.key is not here"), std::string::npos);
}

TEST_F(CeremonyVerify, AWitnessMaySignWithAKeyInAToken) {
  const std::string token = "--token-uri pkcs11:token=spare --pin-file " + dir + "/token/spare.pin";
  const Said made = Run(kProgram + " signatory --label carol " + token);
  ASSERT_EQ(made.status, 0) << made.text;
  const std::string witness =
      "[[witness]]\nname = \"carol\"\ntoken = \"spare\"\nlabel = \"carol\"\n";
  const std::string text =
      Replace(RootAlone(), Tokens({"root"}), Tokens({"root", "spare"}));
  const Said wrong = Hold(text + witness + public_keys.at("bob"));
  EXPECT_EQ(wrong.status, 3) << wrong.text;
  const Said another = Hold(Replace(text, Signatory("[[witness]]", "bob"), "") + witness +
                            public_keys.at("bob"));
  EXPECT_EQ(another.status, 3) << another.text;
  EXPECT_NE(another.text.find("witness 'carol': key 'carol' in token 'spare' is another key"),
            std::string::npos)
      << another.text;
  EXPECT_TRUE(Everything("/pki").empty()) << "found before anything is made";
  ASSERT_EQ(Hold(text + witness + made.text).status, 0);
  const Said verified = Verify();
  EXPECT_EQ(verified.status, 0) << verified.text;
  EXPECT_NE(verified.text.find("good  witness 'carol' signed"), std::string::npos);
  EXPECT_EQ(Run(kProgram + " signatory --label carol " + token).status, 1) << "never over another";
  EXPECT_EQ(Run(kProgram + " signatory").status, 2);
}

TEST_F(CeremonyVerify, NeedsNoToken) {
  ASSERT_EQ(Hold(Complete()).status, 0);
  std::filesystem::remove_all(dir + "/token/tokens");
  EXPECT_EQ(Verify().status, 0) << Verify().text;
}

TEST_F(CeremonyVerify, TheTranscriptHoldsWhatAnAuditorAsksFor) {
  ASSERT_EQ(Hold(Complete()).status, 0);
  std::map<std::string, nlohmann::json> last;
  for (const std::string& line : Lines()) {
    const auto record = nlohmann::json::parse(line);
    last[record["event"]] = record;
    if (record["event"] == "done" && record["step"] == "key root") last["key"] = record;
  }
  EXPECT_EQ(last["opened"]["tool_sha256"].get<std::string>().size(), 43u);
  EXPECT_EQ(last["opened"]["file_sha256"].get<std::string>().size(), 43u);
  EXPECT_EQ(last["token"]["module"], kModule);
  EXPECT_EQ(last["token"]["module_sha256"].get<std::string>().size(), 43u);
  EXPECT_EQ(last["token"]["serial"].get<std::string>().size(), 16u);
  EXPECT_EQ(last["token"]["firmware_version"], "2.6");
  EXPECT_EQ(last["key"]["attributes"]["CKA_SENSITIVE"], true);
  EXPECT_EQ(last["key"]["attributes"]["CKA_EXTRACTABLE"], false);
  EXPECT_EQ(last["begun"]["answer"], "--yes");
  EXPECT_GT(last["linted"]["rules"].size(), 13u);
}

}  // namespace
}  // namespace paygate::tools
