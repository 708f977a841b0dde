// A rehearsal is the whole ceremony, and nothing real is in it; the minute says what was done.
#include <gmock/gmock.h>

#include "tests/tools/ceremony_fixture.h"

namespace paygate::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

struct CeremonyRehearsal : CeremonyFixture {
  // Without SOFTHSM2_CONF's token, as on a desk where the real one is not plugged in.
  Said Rehearse(const std::string& text, const std::string& options = "") const {
    Write(dir + "/ceremony.toml", text);
    return Run("export SOFTHSM2_CONF=/nowhere TMPDIR=" + dir + "; " + kProgram + " rehearse " +
               options + " " + dir + "/ceremony.toml");
  }
  std::string Existing(const std::string& file, const std::string& token,
                       const std::string& label) const {
    return "[[existing]]\ncertificate = \"" + dir + "/pki/" + file + "\"\n" +
           (token.empty() ? "" : "token = \"" + token + "\"\nlabel = \"" + label + "\"\n");
  }
};

TEST_F(CeremonyRehearsal, OfEverythingTouchesNoTokenAndLeavesNothingBehind) {
  const auto before = Everything("/");
  const Said said = Rehearse(Complete());
  EXPECT_EQ(said.status, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("Step 15 of 15: Sign the transcript as witness, bob"));
  EXPECT_THAT(said.text, HasSubstr("good  witness 'bob' signed"));
  EXPECT_THAT(said.text, Not(HasSubstr("BAD")));
  EXPECT_EQ(Everything("/"), before);
  EXPECT_EQ(Hold(Complete()).status, 0) << "and then the real one";
}

TEST_F(CeremonyRehearsal, OfRotationRenewalAndDestructionHasStandInsForWhatExists) {
  ASSERT_EQ(Hold(Complete()).status, 0);
  const std::string pki = dir + "/pki/";
  const std::string rotation =
      Head("rotation", "next") + GatewayId() + Tokens({"gateway"}) + Existing("root.pem", "", "") +
      Existing("issuing-ca.pem", "gateway", "issuing-ca") +
      Key("gateway-signature-2", "gateway", "sign", "replaces = \"gateway-signature\"\n") +
      CertificateOf("gateway-signature-2.pem", "gateway-signature", "gateway-signature-2",
                    pki + "issuing-ca.pem", 365, "replaces = \"" + pki +
                    "gateway-signature.pem\"\n") + People();
  const std::string renewal =
      Head("renewal", "next") + GatewayId() + Tokens() + Existing("root.pem", "root", "root") +
      Key("issuing-ca-2", "gateway", "sign", "replaces = \"issuing-ca\"\n") +
      CertificateOf("issuing-ca-2.pem", "issuing-ca", "issuing-ca-2", pki + "root.pem", 365) +
      Crl(pki + "root.pem") + "[[crl.revoked]]\ncertificate = \"" + pki + "issuing-ca.pem\"\n" +
      People();
  const std::string destruction =
      Head("destruction", "next") + Tokens({"gateway"}) + "[[destroy]]\ntoken = \"gateway\"\n" +
      "label = \"gateway-signature\"\ncertificate = \"" + pki + "gateway-signature.pem\"\n" +
      People();
  const std::string keys = Objects("paygate", "privkey");
  for (const std::string& text : {rotation, renewal, destruction}) {
    const Said said = Rehearse(text);
    EXPECT_EQ(said.status, 0) << said.text;
    EXPECT_FALSE(fs::exists(dir + "/next"));
    EXPECT_EQ(Objects("paygate", "privkey"), keys);
  }
  // What would fail in the hour fails at the desk.
  const Said rootless = Rehearse(Replace(rotation, Existing("root.pem", "", ""), ""));
  EXPECT_NE(rootless.status, 0);
  EXPECT_THAT(rootless.text, HasSubstr("add that root"));
}

TEST_F(CeremonyRehearsal, OfABackupAndItsRestorationNeedsNobodysPassphrase) {
  const auto custodian = [&](const std::string& who) {
    return "[[backup.custodian]]\nname = \"" + who + "\"\n";
  };
  const std::string root =
      Head("root", "pki") + Tokens({"root", "spare"}) +
      Key("root", "root", "sign", "backup = true\n") +
      CertificateOf("root.pem", "root", "root", "", 7300) + Crl() +
      "[backup]\nthreshold = 2\nrestore_token = \"spare\"\n" + custodian("carol") +
      custodian("dave") + People();
  const Said said = Rehearse(root);
  EXPECT_EQ(said.status, 0) << said.text;
  EXPECT_THAT(said.text, HasSubstr("good  backup of root: restored into a second token"));

  std::string held = root;
  for (const std::string who : {"carol", "dave"}) {
    Write(dir + "/" + who, "the share of " + who);
    fs::permissions(dir + "/" + who, fs::perms::owner_read | fs::perms::owner_write);
    held = Replace(held, custodian(who),
                   custodian(who) + "passphrase_file = \"" + dir + "/" + who + "\"\n");
  }
  ASSERT_EQ(Hold(held).status, 0);
  const std::string share = dir + "/pki/backup-root-";
  const Said restored = Rehearse(
      Head("restore", "back") + Tokens({"gateway"}) + "[[restore]]\nlabel = \"root\"\n" +
      "token = \"gateway\"\nwrapped_key = \"" + dir + "/pki/backup-root.json\"\nshares = [\"" +
      share + "1.txt\", \"" + share + "2.txt\"]\n" + People());
  EXPECT_EQ(restored.status, 0) << restored.text;
  EXPECT_EQ(Count(Objects("paygate", "privkey"), "Private Key Object"), 0);
}

TEST_F(CeremonyRehearsal, KeepsADirectoryThatWasAskedForAndTakesNoFullOne) {
  const Said said = Rehearse(RootAlone(), "--dir " + dir + "/look");
  ASSERT_EQ(said.status, 0) << said.text;
  EXPECT_EQ(Run(kProgram + " verify " + dir + "/look/output").status, 0);
  const auto before = Everything("/look");
  EXPECT_EQ(Rehearse(RootAlone(), "--dir " + dir + "/look").status, 1);
  EXPECT_EQ(Everything("/look"), before);
}

TEST_F(CeremonyRehearsal, TheMinuteSaysEveryStepAndIsHeldAgainstTheTranscript) {
  const std::string text = Replace(RootAlone(), "ceremony = \"root\"",
                                   "ceremony = \"root\"\ntitle = \"Keys of <Pay & Co>\"");
  ASSERT_EQ(Hold(text, "", "yes\nno\n").status, 1);
  ASSERT_EQ(Hold(text, "--yes", "", "resume").status, 0);
  const std::string minute = Read(dir + "/pki/minute.html");
  for (const char* words :
       {"Keys of &lt;Pay &amp; Co&gt;", "Generate key &#39;root&#39;", "<td>yes</td>", "resumed",
        "root.pem</td>", "signed the transcript", "paygate-root"}) {
    EXPECT_THAT(minute, HasSubstr(words));
  }
  EXPECT_EQ(Run(kProgram + " minute " + dir + "/pki/transcript.jsonl").text, minute);
  EXPECT_THAT(Verify().text, HasSubstr("good  minute.html says what the transcript says"));
  Write(dir + "/pki/minute.html", Replace(minute, "<td>yes</td>", "<td>yes, all agreed</td>"));
  EXPECT_EQ(Verify().status, 1);
  EXPECT_THAT(Verify().text, HasSubstr("BAD  minute.html"));
  fs::remove(dir + "/pki/minute.html");
  EXPECT_EQ(Verify().status, 0);
}

}  // namespace
}  // namespace paygate::tools
