// What later ceremonies make is taken up by a gateway that runs; what they destroy is not missed.
#include <gmock/gmock.h>

#include <sstream>

#include "base/file.h"
#include "tests/doubles/places.h"
#include "tests/doubles/scratch_token.h"
#include "tests/integration/raw_participant.h"
#include "tests/integration/rotation.h"

namespace paygate::integration {
namespace {

using testing::HasSubstr;

struct CeremonyForARunningGateway : testing::Test {
  CeremonyForARunningGateway()
      : dir(gateway.directory()),
        customers(gateway.Customers()),
        rotation(gateway),
        seller(gateway, customers[0]),
        buyer(gateway, customers[1]) {
    seller.Register();
    buyer.Register();
  }

  std::string Head(const std::string& kind, const std::string& output) const {
    return "ceremony = \"" + kind + "\"\noutput_directory = \"" + dir + "/" + output +
           "\"\ngateway_id = \"" + gateway_id + "\"\npublic_url = \"" + gateway.url() + "\"\n" +
           Token("gateway", "paygate") + "[operator]\nname = \"scratch\"\nkey_file = \"" + dir +
           "/token/operator.pem\"\npassphrase_file = \"" + dir + "/token/operator.passphrase\"\n" +
           Must(base::ReadFile(dir + "/token/operator.pub"));
  }
  std::string Token(const std::string& name, const std::string& label) const {
    return "[token." + name + "]\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\nuri = " +
           "\"pkcs11:token=" + label + "\"\npin_file = \"" + dir + "/token/" + label + ".pin\"\n";
  }
  std::string Existing(const std::string& file, const std::string& token = "",
                       const std::string& label = "") const {
    return "[[existing]]\ncertificate = \"" + dir + "/pki/" + file + "\"\n" +
           (token.empty() ? "" : "token = \"" + token + "\"\nlabel = \"" + label + "\"\n");
  }
  // A key and its certificate, which take over from those called `former`.
  std::string Next(const std::string& label, const std::string& former, const std::string& usage,
                   const std::string& issuer) const {
    return "[[key]]\nlabel = \"" + label + "\"\ntoken = \"gateway\"\nusage = \"" + usage +
           "\"\nreplaces = \"" + former + "\"\n[[certificate]]\nfile = \"" + label +
           ".pem\"\nprofile = \"" + former + "\"\nkey = \"" + label + "\"\nissuer = \"" + dir +
           "/pki/" + issuer + "\"\ndays = 365\nreplaces = \"" + dir + "/pki/" + former +
           ".pem\"\n";
  }
  std::string Destroy(const std::string& label) const {
    return "[[destroy]]\ntoken = \"gateway\"\nlabel = \"" + label + "\"\ncertificate = \"" + dir +
           "/pki/" + label + ".pem\"\n";
  }
  // Holds it, and puts the lines that it prints into gateway.toml.
  void Hold(const std::string& text) {
    const std::string file = dir + "/" + std::to_string(held++) + ".toml";
    Must(base::WriteNewFile(file, text));
    std::istringstream lines(
        RunProgram({doubles::Program("paygate-ceremony"), "run", "--yes", file}));
    std::string section;
    for (std::string line; std::getline(lines, line);) {
      const size_t equals = line.find(" = ");
      if (line.starts_with('[')) section = line.substr(1, line.size() - 2);
      if (section.empty() || equals == std::string::npos) continue;
      rotation.Configure(section, line.substr(0, equals), line.substr(equals + 3));
    }
  }
  void Pays(RawParticipant& from, RawParticipant& to) {
    const Said paid = from.Pay(to.Sell("An apple", "0.10"));
    ASSERT_EQ(paid.status, 201) << paid.code << gateway.Log();
    EXPECT_EQ(from.ReceiptIn(paid).result, protocol::PaymentResult::kCompleted);
  }

  ScratchGateway gateway;
  const std::string dir;
  const std::vector<Customer> customers;
  Rotation rotation;
  RawParticipant seller, buyer;
  const std::string gateway_id = buyer.gateway_signature->subject_id();
  int held = 0;
};

TEST_F(CeremonyForARunningGateway, RotatesItsKeysRenewsItsCaAndDestroysWhatWasReplaced) {
  const auto former = *buyer.gateway_signature;
  Hold(Head("rotation", "pki-2") + Existing("root.pem") +
       Existing("issuing-ca.pem", "gateway", "issuing-ca") +
       Next("gateway-signature-2", "gateway-signature", "sign", "issuing-ca.pem") +
       Next("gateway-encryption-2", "gateway-encryption", "decrypt", "issuing-ca.pem"));
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  Pays(buyer, seller);
  EXPECT_NE(buyer.gateway_signature->fingerprint(), former.fingerprint());

  Hold(Head("renewal", "pki-3") + Token("root", "paygate-root") +
       Existing("root.pem", "root", "root") +
       Next("issuing-ca-2", "issuing-ca", "sign", "root.pem") +
       "[[crl]]\nfile = \"root.crl\"\nissuer = \"" + dir + "/pki/root.pem\"\ndays = 365\n");
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  RawParticipant third(gateway, customers[2]), fourth(gateway, customers[3]);
  third.Register();
  fourth.Register();
  Pays(third, seller);
  const auto list = Must(buyer.transport->Get("/v1/crl/root"));
  EXPECT_EQ(list.body, Must(base::ReadFile(dir + "/pki-3/root.crl")));

  // The overlap is over: the former keys leave the file first, then the token.
  rotation.Configure("token", "signature_key", "\"gateway-signature-2\"");
  rotation.Configure("token", "encryption_key", "\"gateway-encryption-2\"");
  rotation.Configure("certificates", "gateway_encryption",
                     "\"" + dir + "/pki-2/gateway-encryption-2.pem\"");
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  Hold(Head("destruction", "pki-4") + Destroy("gateway-signature") +
       Destroy("gateway-encryption"));
  Pays(third, fourth);
  EXPECT_EQ(third.LookUp(former.fingerprint()).der(), former.der()) << "receipts stay provable";
  EXPECT_TRUE(gateway.LedgerIsRight());
}

// The configuration's word for it comes with the rotation: no restart.
TEST_F(CeremonyForARunningGateway, TakesUpAnEncryptionKeyThatHasABackup) {
  const std::string next =
      Next("gateway-encryption-2", "gateway-encryption", "decrypt", "issuing-ca.pem");
  std::string custodians = "[backup]\nthreshold = 2\nrestore_token = \"root\"\n";
  for (const std::string who : {"carol", "dave"}) {
    custodians += "[[backup.custodian]]\nname = \"" + who + "\"\npassphrase_file = \"" + dir +
                  "/token/operator.passphrase\"\n";
  }
  const std::string text = Head("rotation", "pki-2") + Token("root", "paygate-root") +
                           Existing("root.pem") +
                           Existing("issuing-ca.pem", "gateway", "issuing-ca") + next +
                           custodians;
  const std::string usage = "usage = \"decrypt\"\n";
  std::string with_backup = text;
  with_backup.insert(text.find(usage) + usage.size(), "backup = true\n");
  Hold(with_backup);
  EXPECT_THAT(rotation.ReadConfiguration(),
              HasSubstr("backed_up_keys = [\"gateway-encryption-2\"]"));
  ASSERT_TRUE(gateway.Reload()) << gateway.Log();
  RawParticipant third(gateway, customers[2]);
  third.Register();
  Pays(third, seller);
}

TEST_F(CeremonyForARunningGateway, ItsCertificatesNameTheListsThatItServes) {
  for (const char* file : {"gateway-signature.pem", "issuing-ca.pem"}) {
    const std::string text = RunProgram({"/usr/bin/openssl", "x509", "-noout", "-ext",
                                         "crlDistributionPoints", "-in",
                                         dir + "/pki/" + file});
    const size_t at = text.find("/v1/crl/");
    ASSERT_NE(at, std::string::npos) << text;
    const std::string path = text.substr(at, text.find('\n', at) - at);
    EXPECT_TRUE(Eventually([&] { return Must(buyer.transport->Get(path)).status == 200; }))
        << path;
  }
}

}  // namespace
}  // namespace paygate::integration
