// What a ceremony makes, and what it refuses before it makes anything.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "tests/tools/ceremony_fixture.h"

namespace paygate::tools {
namespace {

namespace fs = std::filesystem;

struct Ceremony : CeremonyFixture {};

constexpr const char* kCertificates[] = {"root.pem", "issuing-ca.pem", "gateway-signature.pem",
                                         "gateway-encryption.pem", "tls.pem"};

TEST_F(Ceremony, OpensslAcceptsEachCertificateStrictlyAndTheRootsRevocationList) {
  const Said held = Hold(Complete());
  ASSERT_EQ(held.status, 0) << held.text;
  for (const char* certificate : kCertificates) {
    const Said said = OpensslVerify(dir + "/pki/" + certificate, dir + "/pki/issuing-ca.pem");
    EXPECT_EQ(said.status, 0) << certificate << ": " << said.text;
  }
  const Said crl = Run("cd " + dir + "/pki && { cat root.pem; openssl crl -inform DER " +
                       "-in root.crl; } > ../both && openssl verify -x509_strict -crl_check " +
                       "-CAfile ../both issuing-ca.pem");
  EXPECT_EQ(crl.status, 0) << crl.text;
}

TEST_F(Ceremony, RsaAndEd25519KeysMakeCertificatesThatOpensslAccepts) {
  std::string text = Complete();
  text = Replace(text, "label = \"root\"\n", "label = \"root\"\ntype = \"RSA-2048\"\n");
  text = Replace(text, "label = \"issuing-ca\"\n", "label = \"issuing-ca\"\ntype = \"Ed25519\"\n");
  text = Replace(text, "label = \"gateway-encryption\"\n",
                 "label = \"gateway-encryption\"\ntype = \"RSA-2048\"\n");
  const Said held = Hold(text);
  ASSERT_EQ(held.status, 0) << held.text;
  for (const char* certificate : kCertificates) {
    const Said said = OpensslVerify(dir + "/pki/" + certificate, dir + "/pki/issuing-ca.pem");
    EXPECT_EQ(said.status, 0) << certificate << ": " << said.text;
  }
  EXPECT_EQ(Run("openssl crl -inform DER -noout -in " + dir + "/pki/root.crl -CAfile " + dir +
                "/pki/root.pem")
                .text,
            "verify OK\n");
  EXPECT_EQ(Verify().status, 0) << Verify().text;
}

TEST_F(Ceremony, EveryKeyInATokenIsSensitiveAndWasNeverExtractable) {
  ASSERT_EQ(Hold(Complete()).status, 0);
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
  ASSERT_EQ(Hold(Complete()).status, 0);
  struct stat key;
  ASSERT_EQ(::stat((dir + "/pki/tls.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 07777, 0600u);
  const auto both = Run("cd " + dir +
                        "/pki && openssl pkey -in tls.key -pubout > ../a && "
                        "openssl x509 -in tls.pem -noout -pubkey > ../b && cmp ../a ../b");
  EXPECT_EQ(both.status, 0) << both.text;
}

TEST_F(Ceremony, JsonNamesTheGatewayAndEverythingMade) {
  const Said said = Hold(Complete(), "--yes --json");
  ASSERT_EQ(said.status, 0) << said.text;
  const auto made = nlohmann::json::parse(said.text, nullptr, false);
  ASSERT_FALSE(made.is_discarded()) << said.text;
  EXPECT_EQ(made["gateway_id"].get<std::string>() + "\n", Read(dir + "/pki/gateway-id"));
  EXPECT_EQ(made["made"].size(), 12u) << said.text;  // six keys, five certificates, one CRL
  for (const auto& each : made["made"]) EXPECT_EQ(each["sha256"].get<std::string>().size(), 43u);
}

TEST_F(Ceremony, AnExistingFileStopsItBeforeAnythingIsMade) {
  for (const std::string file : {"root.pem", "tls.key", "root.crl", "gateway-id", "ceremony.toml",
                                 "transcript.jsonl", "minute.html"}) {
    fs::create_directory(dir + "/pki");
    fs::permissions(dir + "/pki", fs::perms::owner_all);
    Write(dir + "/pki/" + file, "mine");
    const auto before = Everything("/");
    const Said said = Hold(Complete());
    EXPECT_EQ(said.status, 1);
    EXPECT_NE(said.text.find("/pki/" + file + " exists"), std::string::npos) << said.text;
    EXPECT_EQ(Everything("/"), before) << file;
    fs::remove_all(dir + "/pki");
  }
}

TEST_F(Ceremony, AnExistingLabelStopsItBeforeAnythingIsMade) {
  ASSERT_EQ(Hold(Complete()).status, 0);
  const auto before = Everything("/pki");
  const std::string keys = Objects("paygate", "privkey"), root = Objects("paygate-root", "privkey");
  const Said said = Hold(Complete("other"));
  EXPECT_EQ(said.status, 1);
  EXPECT_NE(said.text.find("already has a key labelled 'issuing-ca'"), std::string::npos)
      << said.text;
  EXPECT_EQ(Everything("/pki"), before);
  EXPECT_TRUE(Everything("/other").empty());
  EXPECT_EQ(Objects("paygate", "privkey"), keys);
  EXPECT_EQ(Objects("paygate-root", "privkey"), root);
}

TEST_F(Ceremony, AWrongFileIsRefusedWithTheNameOfItsKey) {
  const std::string text = Complete();
  const auto without = [&](const std::string& line) {
    std::string less = text;
    const size_t at = less.find(line);
    return less.erase(at, less.find('\n', at) - at);
  };
  const std::pair<std::string, const char*> wrong[] = {
      {without("output_directory"), "output_directory is missing"},
      {without("ceremony = "), "ceremony is missing"},
      {Replace(text, "\"complete\"", "\"party\""), "ceremony must be"},
      {without("module"), "token.root.module is missing"},
      {without("uri = \"pkcs11:token=paygate-root\""), "token.root.uri is missing"},
      {text + "nickname = \"B\"\n", "witness[1].nickname is no key of a ceremony"},
      {Replace(text, "label = \"root\"", "label = \"root\"\ntype = \"P-255\""), "key[1].type"},
      {Replace(text, "days = 1095", "days = 0"), "days must be a whole number"},
      {Replace(text, "days = 3650", "days = 9999"), "may not outlive"},
      {"gateway_id = \"short\"\n" + text, "gateway_id"},
      {"gateway_id = 7\n" + text, "gateway_id must be a text"},
      {text + "=\n", "line "},
      {Replace(text, "key = \"root\"", "key = \"rot\""), "there is no [[key]] 'rot'"},
      {Replace(text, "issuer = \"root.pem\"", "issuer = \"tls.pem\""), "issuer 'tls.pem'"},
      {Replace(text, "file = \"tls.pem\"", "file = \"../tls.pem\""), "must be a plain name"},
      {Replace(text, "file = \"tls.pem\"", "file = \"root.pem\""), "comes twice"},
      {Replace(text, "token = \"root\"", "token = \"rot\""), "there is no [token.rot]"},
      {Replace(text, "[operator]", "[[witness]]"), "operator is missing"},
      {Replace(text, "ceremony = \"complete\"", "ceremony = \"root\""), "a root ceremony makes no"},
      {Replace(text, Crl(), ""), "needs a [[crl]]"},
      {Replace(text, "uri = \"pkcs11:", "uri = \"pkcs11:slot-id=0;"), "names a slot"},
      {Replace(text, "uri = \"pkcs11:token=paygate\"",
               "uri = \"pkcs11:token=paygate?pin-value=1\""),
       "holds a PIN"},
  };
  const auto tokens = Everything("/token");
  for (const auto& [file, sentence] : wrong) {
    const Said said = Hold(file);
    EXPECT_EQ(said.status, 3) << sentence << ": " << said.text;
    EXPECT_NE(said.text.find(sentence), std::string::npos) << sentence << ": " << said.text;
    EXPECT_TRUE(Everything("/pki").empty()) << sentence;
  }
  EXPECT_EQ(Everything("/token"), tokens);
  EXPECT_NE(Run(kProgram + " run " + dir + "/none.toml").status, 0);
}

// The root is made in one hour, a gateway under it in another, each with a transcript of its own.
TEST_F(Ceremony, RootAndGatewayAreMadeInTwoCeremonies) {
  ASSERT_EQ(Hold(RootAlone()).status, 0);
  const std::string root = dir + "/pki/root.pem";
  const std::string text =
      Head("gateway", "pki-2") + GatewayId() + Tokens() + "[[existing]]\ncertificate = \"" + root +
      "\"\ntoken = \"root\"\nlabel = \"root\"\n" + Key("issuing-ca", "gateway", "sign") +
      Key("gateway-signature", "gateway", "sign") +
      Key("gateway-encryption", "gateway", "decrypt") +
      Key("storage-wrapping", "gateway", "decrypt") +
      CertificateOf("issuing-ca.pem", "issuing-ca", "issuing-ca", root, 3650) +
      CertificateOf("gateway-signature.pem", "gateway-signature", "gateway-signature",
                    "issuing-ca.pem", 1095) +
      CertificateOf("gateway-encryption.pem", "gateway-encryption", "gateway-encryption",
                    "issuing-ca.pem", 1095) +
      People();
  const Said held = Hold(text);
  ASSERT_EQ(held.status, 0) << held.text;
  for (const char* leaf : {"gateway-signature.pem", "gateway-encryption.pem"}) {
    const Said said = OpensslVerify(dir + "/pki-2/" + leaf, dir + "/pki-2/issuing-ca.pem");
    EXPECT_EQ(said.status, 0) << leaf << ": " << said.text;
  }
  EXPECT_EQ(Verify("pki-2").status, 0) << Verify("pki-2").text;
  EXPECT_EQ(Read(dir + "/pki-2/gateway-id"), Read(dir + "/pki/gateway-id"));
}

// Whatever it is told: there is no way for it to open a connection.
TEST_F(Ceremony, TheProgramAsksTheSystemForNoSocket) {
  const Said symbols = Run("nm --dynamic --undefined-only --without-symbol-versions " + kProgram);
  ASSERT_EQ(symbols.status, 0) << symbols.text;
  EXPECT_NE(symbols.text.find(" U fsync\n"), std::string::npos) << symbols.text;
  for (const char* name : {"socket", "connect", "getaddrinfo", "bind", "sendto"}) {
    EXPECT_EQ(symbols.text.find(" U " + std::string(name) + "\n"), std::string::npos) << name;
  }
}

TEST_F(Ceremony, ScratchTokensAreNotMadeOverOthers) {
  const auto before = Everything("/token");
  const Said said = Run(kProgram + " scratch-tokens --dir " + dir + "/token");
  EXPECT_EQ(said.status, 1) << said.text;
  EXPECT_EQ(Everything("/token"), before);
}

TEST_F(Ceremony, ThePlanSaysEveryStepInWordsAndOpensNothing) {
  const auto before = Everything("/");
  const Said said = Hold(Complete(), "", "", "plan");
  EXPECT_EQ(said.status, 0) << said.text;
  for (const char* words :
       {"1. Generate key 'root' (P-256, to sign and nothing else)", "never extractable, no backup",
        "signed by the key of issuing-ca.pem", "root.crl",
        "14. Sign the transcript as operator, ada", "15. Sign the transcript as witness, bob",
        "signature_key = \"gateway-signature\""}) {
    EXPECT_NE(said.text.find(words), std::string::npos) << words << " in " << said.text;
  }
  EXPECT_EQ(Everything("/"), before);
}

}  // namespace
}  // namespace paygate::tools
