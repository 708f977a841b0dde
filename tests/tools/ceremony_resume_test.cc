// Ceremonies that stop on the way, by an answer or by a crash, and go on.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/tools/ceremony_fixture.h"

namespace paygate::tools {
namespace {

struct CeremonyResume : CeremonyFixture {
  std::string Transcript() const { return Read(dir + "/pki/transcript.jsonl"); }
  std::string Answers(int yes) const {
    std::string answers;
    for (int i = 0; i < yes; ++i) answers += "yes\n";
    return answers;
  }
};

std::string WithoutLastLine(std::string text) {
  text.pop_back();
  return text.substr(0, text.rfind('\n') + 1);
}

TEST_F(CeremonyResume, AnyAnswerButYesStopsItAndResumeGoesOnAtTheSameStep) {
  for (const std::string answer : {"no\n", "", "y\n", " yes\n"}) {
    const Said stopped = Hold(RootAlone(), "", Answers(1) + answer);
    EXPECT_EQ(stopped.status, 1) << stopped.text;
    EXPECT_NE(stopped.text.find("stopped before step 2"), std::string::npos) << stopped.text;
    EXPECT_FALSE(std::filesystem::exists(dir + "/pki/root.pem"));
    const Said again = Hold(RootAlone(), "", Answers(9), "resume");
    EXPECT_EQ(again.status, 0) << again.text;
    EXPECT_EQ(again.text.find("Step 1 "), std::string::npos) << again.text;
    EXPECT_EQ(Verify().status, 0) << Verify().text;
    std::filesystem::remove_all(dir + "/pki");
    ASSERT_EQ(Run("pkcs11-tool --module " + kModule + " --token-label paygate-root --login --pin " +
                  "$(cat " + dir + "/token/paygate-root.pin) --delete-object --type privkey " +
                  "--label root && pkcs11-tool --module " + kModule +
                  " --token-label paygate-root --login --pin $(cat " + dir +
                  "/token/paygate-root.pin) --delete-object --type pubkey --label root")
                  .status,
              0);
  }
}

// What was made and not yet recorded when the power failed: the last line, or part of it, is gone.
TEST_F(CeremonyResume, ACrashBetweenMakingAThingAndRecordingItLosesNothingAndDoublesNothing) {
  const int steps = 15;
  std::string input = Answers(1) + "no\n";
  ASSERT_EQ(Hold(Complete(), "", input).status, 1);
  for (int done = 1; done < steps; ++done) {
    std::string transcript = Transcript();
    if (done % 2 == 0) transcript.resize(transcript.size() - 5);
    Write(dir + "/pki/transcript.jsonl",
          done % 2 == 0 ? transcript : WithoutLastLine(transcript));
    const Said again = Hold(Complete(), "", Answers(2) + "no\n", "resume");
    ASSERT_EQ(again.status, done + 1 < steps ? 1 : 0) << done << ": " << again.text;
  }
  EXPECT_EQ(Verify().status, 0) << Verify().text;
  EXPECT_EQ(Count(Objects("paygate", "privkey"), "Private Key Object"), 4);
  EXPECT_GE(Count(Transcript(), "\"adopted\":true"), 10);
}

TEST_F(CeremonyResume, AKeyThatThisCeremonyDidNotMakeIsNotTakenForItsOwn) {
  ASSERT_EQ(Hold(RootAlone(), "", Answers(1) + "no\n").status, 1);
  // Begun, but with another CKA_ID than the key has: as if someone else had made it meanwhile.
  const std::string transcript = Transcript();
  std::string other = WithoutLastLine(transcript);  // without `done`
  other = WithoutLastLine(other);                   // without `begun`
  Write(dir + "/pki/transcript.jsonl", other);
  const Said said = Hold(RootAlone(), "--yes", "", "resume");
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.text.find("already has a key labelled 'root'"), std::string::npos) << said.text;
}

TEST_F(CeremonyResume, AnotherFileDoesNotGoOnWithIt) {
  ASSERT_EQ(Hold(RootAlone(), "", Answers(1)).status, 1);
  const auto before = Everything("/pki");
  const Said said = Hold(RootAlone() + "# changed\n", "--yes", "", "resume");
  EXPECT_EQ(said.status, 3) << said.text;
  EXPECT_NE(said.text.find("is not the file"), std::string::npos) << said.text;
  EXPECT_EQ(Everything("/pki"), before);
}

TEST_F(CeremonyResume, AChangedTranscriptDoesNotGoOn) {
  ASSERT_EQ(Hold(RootAlone(), "", Answers(1)).status, 1);
  Write(dir + "/pki/transcript.jsonl", Replace(Transcript(), "\"answer\":\"yes\"",
                                               "\"answer\":\"YES\""));
  const auto before = Everything("/pki");
  const Said said = Hold(RootAlone(), "--yes", "", "resume");
  EXPECT_EQ(said.status, 1) << said.text;
  EXPECT_NE(said.text.find("one of the two was changed"), std::string::npos) << said.text;
  EXPECT_EQ(Everything("/pki"), before);
}

TEST_F(CeremonyResume, AWrongPassphraseStopsBeforeTheSignatureAndTheRightOneCompletesIt) {
  std::filesystem::permissions(dir + "/bob.passphrase", std::filesystem::perms::owner_all);
  Write(dir + "/bob.passphrase", "another passphrase");
  const Said stopped = Hold(RootAlone());
  EXPECT_EQ(stopped.status, 1) << stopped.text;
  EXPECT_EQ(Verify().status, 1);
  EXPECT_NE(Verify().text.find("BAD  witness 'bob': has not signed"), std::string::npos)
      << Verify().text;
  Write(dir + "/bob.passphrase", "the passphrase of bob");
  EXPECT_EQ(Hold(RootAlone(), "--yes", "", "resume").status, 0);
  EXPECT_EQ(Verify().status, 0) << Verify().text;
}

TEST_F(CeremonyResume, AKeyOfSomebodyElseDoesNotSignForAWitness) {
  const std::string text =
      Replace(RootAlone(), dir + "/bob.pem\"\npassphrase_file = \"" + dir + "/bob.",
              dir + "/ada.pem\"\npassphrase_file = \"" + dir + "/ada.");
  const Said said = Hold(text);
  EXPECT_EQ(said.status, 3) << said.text;
  EXPECT_NE(said.text.find("is not the one whose public_key"), std::string::npos) << said.text;
}

}  // namespace
}  // namespace paygate::tools
