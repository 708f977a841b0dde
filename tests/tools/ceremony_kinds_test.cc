// What comes after the first ceremony: replica, rotation, renewal, and the end of a key.
#include <nlohmann/json.hpp>

#include "tests/tools/ceremony_fixture.h"

namespace paygate::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct CeremonyKinds : CeremonyFixture {
  void SetUp() override { ASSERT_EQ(Hold(Complete()).status, 0); }

  std::string Existing(const std::string& file, const std::string& token = "",
                       const std::string& label = "") const {
    return "[[existing]]\ncertificate = \"" + dir + "/" + file + "\"\n" +
           (token.empty() ? "" : "token = \"" + token + "\"\nlabel = \"" + label + "\"\n");
  }
  std::string Cas() const {
    return Existing("pki/root.pem") + Existing("pki/issuing-ca.pem", "gateway", "issuing-ca");
  }
  std::string IssuingCa() const { return dir + "/pki/issuing-ca.pem"; }
  std::string Replica() const {
    return Head("replica", "pki-2") + GatewayId() + Tokens({"gateway", "spare"}) + Cas() +
           Key("gateway-encryption", "spare", "decrypt") + "[[key]]\nfile = \"tls.key\"\n" +
           CertificateOf("gateway-encryption.pem", "gateway-encryption", "gateway-encryption",
                         IssuingCa(), 365) +
           CertificateOf("tls.pem", "tls", "tls.key", IssuingCa(), 365,
                         "dns_names = [\"two.pay.example\"]\n") +
           People();
  }
  std::string Rotation() const {
    const auto replaces = [&](const std::string& what) {
      return "replaces = \"" + dir + "/pki/" + what + ".pem\"\n";
    };
    return Head("rotation", "pki-2") + GatewayId() + Tokens({"gateway"}) + Cas() +
           Key("gateway-signature-2", "gateway", "sign", "replaces = \"gateway-signature\"\n") +
           Key("gateway-encryption-2", "gateway", "decrypt",
               "replaces = \"gateway-encryption\"\n") +
           "[[key]]\nfile = \"tls-2.key\"\n" +
           CertificateOf("gateway-signature-2.pem", "gateway-signature", "gateway-signature-2",
                         IssuingCa(), 1095, replaces("gateway-signature")) +
           CertificateOf("gateway-encryption-2.pem", "gateway-encryption",
                         "gateway-encryption-2", IssuingCa(), 1095,
                         replaces("gateway-encryption")) +
           CertificateOf("tls-2.pem", "tls", "tls-2.key", IssuingCa(), 365,
                         "dns_names = [\"pay.example\"]\n") +
           People();
  }
  std::string Renewal() const {
    return Head("renewal", "pki-2") + GatewayId() + Tokens() +
           Existing("pki/root.pem", "root", "root") +
           Key("issuing-ca-2", "gateway", "sign", "replaces = \"issuing-ca\"\n") +
           CertificateOf("issuing-ca-2.pem", "issuing-ca", "issuing-ca-2", dir + "/pki/root.pem",
                         3650, "replaces = \"" + IssuingCa() + "\"\n") +
           Crl(dir + "/pki/root.pem") + "[[crl.revoked]]\ncertificate = \"" + IssuingCa() +
           "\"\nreason = \"superseded\"\n" + People();
  }
  std::string Destruction(const std::string& label, const std::string& certificate) const {
    return Head("destruction", "gone") + Tokens({"gateway"}) + "[[destroy]]\ntoken = \"gateway\"" +
           "\nlabel = \"" + label + "\"\ncertificate = \"" + dir + "/" + certificate + "\"\n" +
           People();
  }
  std::string Text(const std::string& certificate) const {
    return Run("openssl x509 -noout -text -in " + dir + "/" + certificate).text;
  }
  std::string SubjectKeyId(const std::string& certificate) const {
    const std::string name = "Subject Key Identifier: \n", text = Text(certificate);
    std::string id;
    for (size_t at = text.find(name) + name.size(); at < text.size() && text[at] != '\n'; ++at) {
      if (text[at] != ':' && text[at] != ' ') id += static_cast<char>(std::tolower(text[at]));
    }
    return id;
  }
};

TEST_F(CeremonyKinds, CertificatesNameTheAddressesThatAGatewayServes) {
  const std::string base = "URI:https://pay.example/v1/";
  for (const std::string leaf : {"gateway-signature.pem", "gateway-encryption.pem"}) {
    const std::string text = Text("pki/" + leaf);
    EXPECT_NE(text.find(base + "crl/" + SubjectKeyId("pki/issuing-ca.pem") + "\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find(base + "ocsp\n"), std::string::npos) << text;
  }
  EXPECT_NE(Text("pki/issuing-ca.pem").find(base + "crl/root\n"), std::string::npos);
}

TEST_F(CeremonyKinds, AReplicaGetsAnEncryptionKeyOfItsOwnUnderTheSameIssuingCa) {
  const Said held = Hold(Replica());
  ASSERT_EQ(held.status, 0) << held.text;
  for (const char* file : {"gateway-encryption.pem", "tls.pem"}) {
    EXPECT_EQ(OpensslVerify(dir + "/pki-2/" + file, IssuingCa()).status, 0) << file;
  }
  EXPECT_EQ(Read(dir + "/pki-2/gateway-id"), Read(dir + "/pki/gateway-id"));
  EXPECT_NE(SubjectKeyId("pki-2/gateway-encryption.pem"),
            SubjectKeyId("pki/gateway-encryption.pem"));
  EXPECT_EQ(Count(Objects("spare", "privkey"), "Private Key Object"), 1);
  EXPECT_EQ(Count(Objects("paygate", "privkey"), "Private Key Object"), 4) << "as before";
  EXPECT_EQ(Verify("pki-2").status, 0) << Verify("pki-2").text;
}

TEST_F(CeremonyKinds, AReplicaOfAnotherGatewayOrWithoutItsRootIsRefused) {
  const Said drawn = Hold(Replace(Replica(), GatewayId(), ""));
  EXPECT_EQ(drawn.status, 3) << drawn.text;
  EXPECT_NE(drawn.text.find("gateway_id is missing"), std::string::npos) << drawn.text;
  const Said rootless = Hold(Replace(Replica(), Existing("pki/root.pem"), ""));
  EXPECT_NE(rootless.status, 0);
  EXPECT_NE(rootless.text.find("add the root"), std::string::npos) << rootless.text;
  EXPECT_FALSE(fs::exists(dir + "/pki-2/gateway-encryption.pem"));
}

TEST_F(CeremonyKinds, ARotationNamesNewAndFormerKeysForTheOverlap) {
  const Said held = Hold(Rotation());
  ASSERT_EQ(held.status, 0) << held.text;
  for (const std::string kind : {"signature", "encryption"}) {
    const std::string name = "gateway-" + kind;
    EXPECT_EQ(OpensslVerify(dir + "/pki-2/" + name + "-2.pem", IssuingCa()).status, 0);
    EXPECT_NE(held.text.find(kind + "_key = [\"" + name + "-2\", \"" + name + "\"]\n"),
              std::string::npos)
        << held.text;
    const std::string both = "[\"" + dir + "/pki-2/" + name + "-2.pem\", \"" + dir + "/pki/" +
                             name + ".pem\"]\n";
    EXPECT_NE(held.text.find("gateway_" + kind + " = " + both), std::string::npos)
        << held.text;
  }
  EXPECT_EQ(Count(Objects("paygate", "privkey"), "Private Key Object"), 6) << "both, for a while";
  EXPECT_EQ(Verify("pki-2").status, 0) << Verify("pki-2").text;
}

TEST_F(CeremonyKinds, ARotationThatDoesNotSayWhatItReplacesIsRefused) {
  const Said said = Hold(Replace(Rotation(), "replaces = \"gateway-signature\"\n", ""));
  EXPECT_EQ(said.status, 3);
  EXPECT_NE(said.text.find("says by replaces what key it takes over from"), std::string::npos)
      << said.text;
  EXPECT_TRUE(Everything("/pki-2").empty());
}

// The key behind the certificate that signs is another one than the file says.
TEST_F(CeremonyKinds, ACaCertificateWithAnotherKeySignsNothing) {
  const Said said = Hold(Replace(Rotation(), "label = \"issuing-ca\"",
                                 "label = \"gateway-signature\""));
  EXPECT_NE(said.status, 0);
  EXPECT_NE(said.text.find("key 'gateway-signature' in token 'gateway' is another key"),
            std::string::npos)
      << said.text;
  EXPECT_TRUE(Everything("/pki-2").empty()) << "found before anything is made";
}

TEST_F(CeremonyKinds, ARenewalMakesTheNextIssuingCaAndTheRootsNextList) {
  const Said held = Hold(Renewal());
  ASSERT_EQ(held.status, 0) << held.text;
  EXPECT_EQ(OpensslVerify(dir + "/pki-2/issuing-ca-2.pem", dir + "/pki/root.pem").status, 0);
  EXPECT_NE(held.text.find("issuing_ca_key = [\"issuing-ca-2\", \"issuing-ca\"]\n"),
            std::string::npos)
      << held.text;
  EXPECT_NE(held.text.find("root_crl = \"" + dir + "/pki-2/root.crl\"\n"), std::string::npos);
  const auto with_list = [&](const std::string& certificate) {
    return Run("cd " + dir + " && { cat pki/root.pem; openssl crl -inform DER " +
               "-in pki-2/root.crl; } > both && openssl verify -x509_strict -crl_check " +
               "-CAfile both " + certificate);
  };
  EXPECT_EQ(with_list("pki-2/issuing-ca-2.pem").status, 0);
  const Said former = with_list("pki/issuing-ca.pem");
  EXPECT_NE(former.text.find("certificate revoked"), std::string::npos) << former.text;
  EXPECT_EQ(Verify("pki-2").status, 0) << Verify("pki-2").text;
}

TEST_F(CeremonyKinds, ACertificateThatTheRootDidNotSignIsNotPutOnItsList) {
  const Said said = Hold(Replace(Renewal(), "[[crl.revoked]]\ncertificate = \"" + IssuingCa(),
                                 "[[crl.revoked]]\ncertificate = \"" + dir +
                                     "/pki/gateway-signature.pem"));
  EXPECT_NE(said.status, 0);
  EXPECT_FALSE(fs::exists(dir + "/pki-2/root.crl"));
}

TEST_F(CeremonyKinds, ADestructionProvesTheKeyUsesItALastTimeAndLeavesNoTrace) {
  ASSERT_EQ(Hold(Rotation()).status, 0);
  const Said held = Hold(Destruction("gateway-signature", "pki/gateway-signature.pem"));
  ASSERT_EQ(held.status, 0) << held.text;
  for (const char* type : {"privkey", "pubkey"}) {
    const std::string left = Objects("paygate", type);
    EXPECT_EQ(Count(left, "gateway-signature\n"), 0) << left;
    EXPECT_EQ(Count(left, "gateway-signature-2\n"), 1) << left;
  }
  const Said verified = Verify("gone");
  EXPECT_EQ(verified.status, 0) << verified.text;
  EXPECT_NE(verified.text.find("key gateway-signature: proved by use, destroyed, and not found"),
            std::string::npos)
      << verified.text;
  json begun, done;
  std::stringstream lines(Read(dir + "/gone/transcript.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const json record = json::parse(line);
    if (record.value("step", "") != "destroy gateway gateway-signature") continue;
    (record["event"] == "begun" ? begun : done) = record;
  }
  EXPECT_EQ(begun["attributes"]["CKA_NEVER_EXTRACTABLE"], true);
  EXPECT_EQ(begun["sha256"], done["sha256"]);
  EXPECT_EQ(done["keys_left"].size(), 5u) << done;
}

TEST_F(CeremonyKinds, TheSameDestructionTwiceIsRefused) {
  const std::string text = Destruction("gateway-signature", "pki/gateway-signature.pem");
  const size_t at = text.find("[[destroy]]"), end = text.find("[operator]");
  const Said said = Hold(text + text.substr(at, end - at));
  EXPECT_EQ(said.status, 3) << said.text;
  EXPECT_NE(said.text.find("is to be done twice"), std::string::npos) << said.text;
}

TEST_F(CeremonyKinds, AnotherKeyOfTheLabelIsNotDestroyed) {
  const std::string before = Objects("paygate", "privkey");
  const Said other = Hold(Destruction("gateway-signature", "pki/issuing-ca.pem"));
  EXPECT_EQ(other.status, 3) << other.text;
  EXPECT_NE(other.text.find("is another key than the one to be destroyed"), std::string::npos);
  EXPECT_EQ(Objects("paygate", "privkey"), before);
  fs::remove_all(dir + "/gone");
  const Said none = Hold(Destruction("gateway-signature-9", "pki/gateway-signature.pem"));
  EXPECT_EQ(none.status, 1) << none.text;
  EXPECT_EQ(Objects("paygate", "privkey"), before);
}

// The power failed after the key was destroyed, before the transcript could say so.
TEST_F(CeremonyKinds, ADestructionThatWasInterruptedIsProvedOnResuming) {
  const std::string text = Destruction("gateway-signature", "pki/gateway-signature.pem");
  ASSERT_EQ(Hold(text, "", "yes\nno\n").status, 1);
  std::string transcript = Read(dir + "/gone/transcript.jsonl");
  transcript.pop_back();
  Write(dir + "/gone/transcript.jsonl", transcript.substr(0, transcript.rfind('\n') + 1));
  const Said resumed = Hold(text, "--yes", "", "resume");
  EXPECT_EQ(resumed.status, 0) << resumed.text;
  EXPECT_EQ(Verify("gone").status, 0) << Verify("gone").text;
}

}  // namespace
}  // namespace paygate::tools
