// CeremonyFixture: paygate-ceremony as an operator runs it, with SoftHSM tokens of each test's own.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/doubles/places.h"
#include "tests/doubles/shell.h"

namespace paygate::tools {

struct Said {
  int status;
  std::string text;  // both streams
};

inline std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

inline void Write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

inline std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

inline std::string Key(const std::string& label, const std::string& token,
                       const std::string& usage, const std::string& more = "") {
  return "[[key]]\nlabel = \"" + label + "\"\ntoken = \"" + token + "\"\nusage = \"" + usage +
         "\"\n" + more;
}

inline std::string CertificateOf(const std::string& file, const std::string& profile,
                                 const std::string& key, const std::string& issuer, int days,
                                 const std::string& more = "") {
  return "[[certificate]]\nfile = \"" + file + "\"\nprofile = \"" + profile + "\"\nkey = \"" + key +
         "\"\n" + (issuer.empty() ? "" : "issuer = \"" + issuer + "\"\n") +
         "days = " + std::to_string(days) + "\n" + more;
}

inline std::string Crl(const std::string& issuer = "root.pem") {
  return "[[crl]]\nfile = \"root.crl\"\nissuer = \"" + issuer + "\"\ndays = 365\n";
}

struct CeremonyFixture : testing::Test {
  const std::string kProgram = doubles::Program("paygate-ceremony");
  const std::string kModule = "/usr/lib/softhsm/libsofthsm2.so";

  CeremonyFixture() {
    std::string pattern = testing::TempDir() + "/ceremony-XXXXXX";
    dir = ::mkdtemp(pattern.data());
    EXPECT_EQ(Run(kProgram + " scratch-tokens --dir " + dir + "/token --label paygate-root " +
                  "--label paygate --label spare")
                  .status,
              0);
    for (const char* who : {"ada", "bob"}) {
      const std::string base = dir + "/" + who;
      Write(base + ".passphrase", std::string("the passphrase of ") + who);
      std::filesystem::permissions(base + ".passphrase", std::filesystem::perms::owner_read);
      const Said made = Run(kProgram + " signatory --out " + base + ".pem --passphrase-file " +
                            base + ".passphrase");
      EXPECT_EQ(made.status, 0) << made.text;
      public_keys[who] = made.text;
    }
  }
  ~CeremonyFixture() override { std::filesystem::remove_all(dir); }

  Said Run(const std::string& command, const std::string& input = "") const {
    Write(dir + "/input", input);
    const auto ran = doubles::Shell("export SOFTHSM2_CONF=" + dir + "/token/softhsm2.conf; { " +
                                    command + "; } <" + dir + "/input");
    return {ran.code, ran.out};
  }

  std::string Signatory(const std::string& table, const std::string& who) const {
    return table + "\nname = \"" + who + "\"\nkey_file = \"" + dir + "/" + who +
           ".pem\"\npassphrase_file = \"" + dir + "/" + who + ".passphrase\"\n" +
           public_keys.at(who);
  }
  std::string Tokens(const std::vector<std::string>& names = {"root", "gateway"}) const {
    const std::map<std::string, std::string> labels = {
        {"root", "paygate-root"}, {"gateway", "paygate"}, {"spare", "spare"}};
    std::string text;
    for (const std::string& name : names) {
      text += "[token." + name + "]\nmodule = \"" + kModule + "\"\nuri = \"pkcs11:token=" +
              labels.at(name) + "\"\npin_file = \"" + dir + "/token/" + labels.at(name) +
              ".pin\"\n";
    }
    return text;
  }
  // The first lines of a file: kind and where it writes.
  std::string Head(const std::string& kind, const std::string& output) const {
    return "ceremony = \"" + kind + "\"\noutput_directory = \"" + dir + "/" + output +
           "\"\npublic_url = \"https://pay.example\"\n";
  }
  std::string People() const {
    return Signatory("[operator]", "ada") + Signatory("[[witness]]", "bob");
  }
  std::string GatewayId() const {
    std::string id = Read(dir + "/pki/gateway-id");
    if (!id.empty()) id.pop_back();
    return "gateway_id = \"" + id + "\"\n";
  }
  // Everything that a gateway needs, in one ceremony.
  std::string Complete(const std::string& output = "pki") const {
    return Head("complete", output) + Tokens() + Key("root", "root", "sign") +
           Key("issuing-ca", "gateway", "sign") + Key("gateway-signature", "gateway", "sign") +
           Key("gateway-encryption", "gateway", "decrypt") +
           Key("storage-wrapping", "gateway", "decrypt") + "[[key]]\nfile = \"tls.key\"\n" +
           CertificateOf("root.pem", "root", "root", "", 7300) +
           CertificateOf("issuing-ca.pem", "issuing-ca", "issuing-ca", "root.pem", 3650) +
           CertificateOf("gateway-signature.pem", "gateway-signature", "gateway-signature",
                         "issuing-ca.pem", 1095) +
           CertificateOf("gateway-encryption.pem", "gateway-encryption", "gateway-encryption",
                         "issuing-ca.pem", 1095) +
           CertificateOf("tls.pem", "tls", "tls.key", "issuing-ca.pem", 365,
                         "dns_names = [\"pay.example\"]\n") +
           Crl() + People();
  }
  // A small one: the root alone.
  std::string RootAlone(const std::string& output = "pki") const {
    return Head("root", output) + Tokens({"root"}) + Key("root", "root", "sign") +
           CertificateOf("root.pem", "root", "root", "", 7300) + Crl() + People();
  }

  Said Hold(const std::string& text, const std::string& options = "--yes",
            const std::string& input = "", const std::string& command = "run") const {
    Write(dir + "/ceremony.toml", text);
    return Run(kProgram + " " + command + " " + options + " " + dir + "/ceremony.toml", input);
  }
  Said Verify(const std::string& output = "pki") const {
    return Run(kProgram + " verify " + dir + "/" + output);
  }
  // Every file below `part` with its bytes: what a refusal must leave alone.
  std::map<std::string, std::string> Everything(const std::string& part) const {
    std::map<std::string, std::string> files;
    if (!std::filesystem::exists(dir + part)) return files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir + part)) {
      if (entry.is_regular_file()) files[entry.path()] = Read(entry.path());
    }
    files.erase(dir + "/ceremony.toml");
    files.erase(dir + "/input");
    return files;
  }
  std::string Objects(const std::string& label, const std::string& type) const {
    // By slot: pkcs11-tool takes the first token whose label only begins as --token-label says.
    const std::string tool = "pkcs11-tool --module " + kModule;
    std::string slot = Run(tool + " --list-slots | awk '/^Slot/ { slot = $2 } " +
                           "/token label/ && $NF == \"" + label + "\" { print slot }'")
                           .text;
    if (!slot.empty()) slot.pop_back();
    const Said said = Run(tool + " --slot-index " + slot + " --login --pin $(cat " + dir +
                          "/token/" + label + ".pin) --list-objects --type " + type);
    EXPECT_EQ(said.status, 0) << said.text;
    return said.text;
  }
  // What `openssl verify -x509_strict` says of a certificate under pki/.
  Said OpensslVerify(const std::string& certificate, const std::string& issuing_ca) const {
    return Run("openssl verify -x509_strict -CAfile " + dir + "/pki/root.pem -untrusted " +
               issuing_ca + " " + certificate);
  }

  std::string dir;
  std::map<std::string, std::string> public_keys;
};

}  // namespace paygate::tools
