// A key's backup, m of n: made, tried in a second token, and restored from paper.
#include <gmock/gmock.h>

#include "tests/tools/ceremony_fixture.h"

namespace paygate::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct CeremonyBackup : CeremonyFixture {
  CeremonyBackup() {
    for (const char* who : {"ada", "bob", "carol"}) {
      const std::string file = dir + "/" + who + ".share-passphrase";
      Write(file, std::string("the share of ") + who);
      fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }
  }
  std::string Custodians() const {
    std::string text = "[backup]\nthreshold = 2\nrestore_token = \"spare\"\n";
    for (const std::string who : {"ada", "bob", "carol"}) {
      text += "[[backup.custodian]]\nname = \"" + who + "\"\npassphrase_file = \"" + dir + "/" +
              who + ".share-passphrase\"\n";
    }
    return text;
  }
  // A root whose key has a backup.
  std::string WithBackup(const std::string& more = "", const std::string& output = "pki") const {
    return Head("root", output) + Tokens({"root", "spare"}) +
           Key("root", "root", "sign", "backup = true\n" + more) +
           CertificateOf("root.pem", "root", "root", "", 7300) + Crl() + Custodians() + People();
  }
  std::string Restore(const std::vector<std::string>& shares,
                      const std::vector<std::string>& who, const std::string& output = "back") {
    std::string text = Head("restore", output) + Tokens({"gateway"}) +
                       "[[restore]]\nlabel = \"root\"\ntoken = \"gateway\"\nwrapped_key = \"" +
                       dir + "/pki/backup-root.json\"\n";
    const auto list = [&](const std::string& key, const std::vector<std::string>& items) {
      text += key + " = [";
      for (const std::string& item : items) text += "\"" + dir + "/" + item + "\", ";
      text += "]\n";
    };
    list("shares", shares);
    std::vector<std::string> files;
    for (const std::string& each : who) files.push_back(each + ".share-passphrase");
    list("passphrase_files", files);
    return text + People();
  }
  std::string Share(int number) const {
    return "pki/backup-root-" + std::to_string(number) + ".txt";
  }
};

TEST_F(CeremonyBackup, IsTriedInASecondTokenAndTheKeyIsClosedForGood) {
  const Said held = Hold(WithBackup());
  ASSERT_EQ(held.status, 0) << held.text;
  const std::string original = Objects("paygate-root", "privkey");
  EXPECT_THAT(original, HasSubstr("sensitive, always sensitive, local")) << "no more extractable";
  EXPECT_EQ(Count(original, "extractable"), 0) << original;
  EXPECT_EQ(Count(Objects("spare", "privkey"), "root\n"), 1);
  const Said verified = Verify();
  EXPECT_EQ(verified.status, 0) << verified.text;
  EXPECT_THAT(verified.text, HasSubstr("backup of root: restored into a second token"));
  // The second token's key signs what the first one's public key verifies: outside of our tool.
  Write(dir + "/message", "a message");
  const std::string tool = "pkcs11-tool --module " + kModule;
  const Said signed_there = Run(
      "slot=$(" + tool + " --list-slots | awk '/^Slot/ { s = $2 } /token label/ && $NF == " +
      "\"spare\" { print s }'); cd " + dir + " && openssl dgst -sha256 -binary message > digest " +
      "&& " + tool + " --slot-index $slot --login --pin $(cat token/spare.pin) --sign " +
      "--mechanism ECDSA " +
      "--label root --input-file digest --output-file signature --signature-format openssl && " +
      "openssl x509 -in pki/root.pem -noout -pubkey > root.pub && " +
      "openssl dgst -sha256 -verify root.pub -signature signature message");
  EXPECT_THAT(signed_there.text, HasSubstr("Verified OK"));
}

TEST_F(CeremonyBackup, IsRestoredFromAnyTwoSharesAsTheyAreOnPaper) {
  ASSERT_EQ(Hold(WithBackup()).status, 0);
  const Said held = Hold(Restore({Share(3), Share(1)}, {"carol", "ada"}));
  ASSERT_EQ(held.status, 0) << held.text;
  EXPECT_EQ(Count(Objects("paygate", "privkey"), "root\n"), 1);
  const Said verified = Verify("back");
  EXPECT_EQ(verified.status, 0) << verified.text;
  EXPECT_THAT(verified.text, HasSubstr("key root: restored, proved by use"));
  // It works as an existing CA's key: the next list of the root.
  const Said list =
      Hold(Head("renewal", "next") + GatewayId() + Tokens({"gateway"}) +
           "[[existing]]\ncertificate = \"" + dir + "/pki/root.pem\"\ntoken = \"gateway\"\n" +
           "label = \"root\"\n" + Key("issuing-ca", "gateway", "sign") +
           CertificateOf("issuing-ca.pem", "issuing-ca", "issuing-ca", dir + "/pki/root.pem", 365) +
           Crl(dir + "/pki/root.pem") + People());
  EXPECT_EQ(list.status, 3) << "unless the file says that it is a restored one";
  EXPECT_THAT(list.text, HasSubstr("'root'"));
}

TEST_F(CeremonyBackup, TheQrCodeOfThePrintedPageHoldsTheShare) {
  ASSERT_EQ(Hold(WithBackup()).status, 0);
  const std::string page = Read(dir + "/pki/backup-root-2.html");
  EXPECT_THAT(page, HasSubstr("Custodian  bob"));
  // The page's drawing, as a picture for another program's reader.
  const size_t box = page.find("viewBox=\"0 0 ") + 13;
  const int side = std::stoi(page.substr(box));
  std::vector<std::string> rows(static_cast<size_t>(side), std::string(side, '0'));
  for (size_t at = page.find("d=\"M", box + 40); (at = page.find('M', at)) != std::string::npos;
       ++at) {
    int x = 0, y = 0;
    if (std::sscanf(page.c_str() + at, "M%d %dh1v1h-1z", &x, &y) == 2 && y < side && x < side) {
      rows[static_cast<size_t>(y)][static_cast<size_t>(x)] = '1';
    }
  }
  std::string picture = "P1\n" + std::to_string(side * 4) + " " + std::to_string(side * 4) + "\n";
  for (const std::string& row : rows) {
    for (int i = 0; i < 4; ++i) {
      for (const char c : row) picture += std::string(4, c) + "\n";
    }
  }
  Write(dir + "/code.pbm", picture);
  const Said scanned = Run("zbarimg --quiet --raw " + dir + "/code.pbm 2> " + dir + "/errors");
  ASSERT_EQ(scanned.status, 0) << scanned.text << Read(dir + "/errors");
  Write(dir + "/scanned.txt", scanned.text);
  const Said held = Hold(Restore({"scanned.txt", Share(1)}, {"bob", "ada"}));
  EXPECT_EQ(held.status, 0) << held.text;
}

TEST_F(CeremonyBackup, AWrongShareIsNamedAndNothingIsRestored) {
  ASSERT_EQ(Hold(WithBackup()).status, 0);
  std::string mistyped = Read(dir + "/" + Share(1));
  const size_t word = mistyped.find("\n  3  ") + 6;
  mistyped[word] = mistyped[word] == 'b' ? 'd' : 'b';
  Write(dir + "/mistyped.txt", mistyped);
  const std::pair<std::string, const char*> wrong[] = {
      {Restore({"mistyped.txt", Share(2)}, {"ada", "bob"}), "mistyped.txt: line 3 is mistyped"},
      {Restore({Share(1), Share(2)}, {"ada", "carol"}), "share 2, bob: its passphrase is wrong"},
      {Restore({Share(1), Share(1)}, {"ada", "ada"}), "share 1 is there twice"},
      {Restore({Share(1)}, {"ada"}), "1 shares are too few: 2 restore the key"},
      {Restore({Share(1), "pki/root.pem"}, {"ada", "bob"}), "root.pem: "}};
  for (const auto& [text, sentence] : wrong) {
    const Said said = Hold(text);
    EXPECT_NE(said.status, 0) << sentence;
    EXPECT_THAT(said.text, HasSubstr(sentence));
    EXPECT_EQ(Count(Objects("paygate", "privkey"), "Private Key Object"), 0) << sentence;
    fs::remove_all(dir + "/back");
  }
}

TEST_F(CeremonyBackup, ASubstitutedBackupDoesNotPutAnotherKeyInPlace) {
  ASSERT_EQ(Hold(WithBackup()).status, 0);
  const std::string path = dir + "/pki/backup-root.json", good = Read(path);
  // Another public key: the wrapped key proves that it is not its private half.
  ASSERT_EQ(Hold(Head("root", "other") + Tokens({"gateway"}) + Key("other", "gateway", "sign") +
                 CertificateOf("root.pem", "root", "other", "", 400) + Crl() + People())
                .status,
            0);
  std::string other = Run("openssl x509 -in " + dir + "/other/root.pem -noout -pubkey | openssl " +
                          "pkey -pubin -outform DER | base64 -w0")
                          .text;
  const size_t at = good.find("\"public_key\": \"") + 15;
  std::string forged = good;
  forged.replace(at, good.find('"', at) - at, other);
  Write(path, forged);
  const Said said = Hold(Restore({Share(1), Share(2)}, {"ada", "bob"}));
  EXPECT_NE(said.status, 0) << said.text;
  EXPECT_EQ(Count(Objects("paygate", "privkey"), " root\n"), 0);
  EXPECT_EQ(Verify().status, 1) << "the file is not the one in the transcript";
  Write(path, good);
}

TEST_F(CeremonyBackup, AnInterruptionBeforeTheKeyIsClosedIsMadeGood) {
  // Stopped by a custodian's passphrase that does not open the share: nothing is closed yet.
  const std::string text = WithBackup();
  ASSERT_EQ(Hold(text, "", "yes\nyes\nyes\nno\n").status, 1) << "before the backup";
  EXPECT_EQ(Verify().status, 1);
  Write(dir + "/bob.share-passphrase", "short");
  const Said refused = Hold(text, "--yes", "", "resume");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.text, HasSubstr("the passphrase of bob needs at least 8 characters"));
  Write(dir + "/bob.share-passphrase", "the share of bob");
  ASSERT_EQ(Hold(text, "--yes", "", "resume").status, 0);
  EXPECT_EQ(Verify().status, 0) << Verify().text;
  // After it: the transcript's last lines are lost, files and restored key are there.
  fs::remove(dir + "/pki/minute.html");
  const std::string transcript = Read(dir + "/pki/transcript.jsonl");
  const size_t done = transcript.find("\"event\":\"done\",\"step\":\"backup root\"");
  ASSERT_NE(done, std::string::npos);
  Write(dir + "/pki/transcript.jsonl", transcript.substr(0, transcript.rfind('\n', done) + 1));
  const Said resumed = Hold(text, "--yes", "", "resume");
  EXPECT_EQ(resumed.status, 0) << resumed.text;
  EXPECT_EQ(Verify().status, 0) << Verify().text;
}

TEST_F(CeremonyBackup, IsForRsaAndDecryptionKeysTooAndNeverForEd25519) {
  std::string text = Complete();
  text = Replace(text, Tokens(), Tokens({"root", "gateway", "spare"}) + Custodians());
  text = Replace(text, "label = \"storage-wrapping\"\n",
                 "label = \"storage-wrapping\"\nbackup = true\ntype = \"RSA-2048\"\n");
  const Said held = Hold(text);
  ASSERT_EQ(held.status, 0) << held.text;
  EXPECT_THAT(held.text, HasSubstr("backed_up_keys = [\"storage-wrapping\"]"));
  EXPECT_EQ(Verify().status, 0) << Verify().text;
  const Said refused = Hold(WithBackup("type = \"Ed25519\"\n", "other"));
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.text, HasSubstr("is Ed25519, which tokens do not wrap"));
}

// The gateway's token process takes a key with a backup only if told so, and never an open one.
TEST_F(CeremonyBackup, AKeyThatLeftItsTokenIsServedOnlyIfTheConfigurationSaysSo) {
  const std::string token = doubles::Program("paygate-token") + " --check --module " + kModule +
                            " --token-uri pkcs11:token=paygate-root --pin-file " + dir +
                            "/token/paygate-root.pin --socket " + dir + "/socket --key root:jws";
  ASSERT_EQ(Hold(WithBackup(), "", "yes\nyes\nno\n").status, 1);
  const Said open = Run(token + " --backed-up-key root");
  EXPECT_EQ(open.status, 3) << open.text;
  EXPECT_THAT(open.text, HasSubstr("is extractable (CKA_EXTRACTABLE is true)"));
  ASSERT_EQ(Hold(WithBackup(), "--yes", "", "resume").status, 0);
  const Said unsaid = Run(token);
  EXPECT_EQ(unsaid.status, 3) << unsaid.text;
  EXPECT_THAT(unsaid.text, HasSubstr("was once extractable"));
  const Said said = Run(token + " --backed-up-key root");
  EXPECT_EQ(said.status, 0) << said.text;
}

TEST_F(CeremonyBackup, WithoutTheWordBackupNoKeyCanLeaveAndHalfAPolicyIsRefused) {
  const Said none = Hold(Replace(WithBackup(), "backup = true\n", ""));
  EXPECT_EQ(none.status, 3);
  EXPECT_THAT(none.text, HasSubstr("no key has backup = true"));
  const Said nobody = Hold(Replace(WithBackup(), Custodians(), ""));
  EXPECT_EQ(nobody.status, 3);
  EXPECT_THAT(nobody.text, HasSubstr("[backup] is missing"));
  const Said same = Hold(Replace(WithBackup(), "restore_token = \"spare\"",
                                 "restore_token = \"root\""));
  EXPECT_EQ(same.status, 3);
  EXPECT_THAT(same.text, HasSubstr("must be another token"));
  const Said alone = Hold(Replace(WithBackup(), "threshold = 2", "threshold = 1"));
  EXPECT_EQ(alone.status, 3);
}

}  // namespace
}  // namespace paygate::tools
