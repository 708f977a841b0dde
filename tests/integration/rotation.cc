#include "tests/integration/rotation.h"

#include "base/file.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using protocol::Certificate;
using protocol::Role;

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

std::unique_ptr<hsm::KeyAdmin> OpenToken(const std::string& directory, const std::string& label) {
  return Must(hsm::pkcs11::OpenKeyAdmin({.module_path = kModule,
                                         .token_uri = "pkcs11:token=" + label,
                                         .pin_file = directory + "/token/" + label + ".pin"}));
}

base::UnixTime Now() { return base::SystemClock().Now(); }

}  // namespace

Rotation::Rotation(const ScratchGateway& gateway)
    : directory_(gateway.directory()),
      token_(OpenToken(directory_, "paygate")),
      root_token_(OpenToken(directory_, "paygate-root")) {}

Certificate Rotation::Read(const std::string& file) const {
  return Must(Certificate::ParsePem(Must(base::ReadFile(directory_ + "/pki/" + file))));
}

void Rotation::Certify(const protocol::CertificateTemplate& what, const Certificate& issuer,
                       hsm::Signer& signer, const std::string& file) {
  const Certificate made = Must(protocol::BuildCertificate(what, &issuer, signer));
  Must(base::WriteNewFile(directory_ + "/pki/" + file, made.ToPem()));
}

void Rotation::MakeLeaf(Role role, hsm::KeyUsage usage, const std::string& label,
                        const std::string& file) {
  const hsm::KeyInfo key = Must(token_->Generate(label, hsm::KeyType::kP256, usage));
  const auto signer = Must(token_->SignerFor(ca_label_));
  Certify({.role = role,
           .subject_cn = Read("gateway-signature.pem").subject_id(),
           .subject_key = Must(protocol::PublicKey::FromSpki(key.public_key_der)),
           .not_before = Now() - std::chrono::minutes(5),
           .not_after = Now() + std::chrono::days(365)},
          Read(ca_file_), *signer, file);
}

void Rotation::MakeSignature(const std::string& label, const std::string& file) {
  MakeLeaf(Role::kGatewaySignature, hsm::KeyUsage::kSign, label, file);
}

void Rotation::MakeEncryption(const std::string& label, const std::string& file) {
  MakeLeaf(Role::kGatewayEncryption, hsm::KeyUsage::kDecrypt, label, file);
}

void Rotation::MakeIssuingCa(const std::string& label, const std::string& file) {
  const hsm::KeyInfo key =
      Must(token_->Generate(label, hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  const auto signer = Must(root_token_->SignerFor("root"));
  Certify({.role = Role::kIssuingCa,
           .subject_cn = "Paygate issuing CA " + label,
           .subject_key = Must(protocol::PublicKey::FromSpki(key.public_key_der)),
           .not_before = Now() - std::chrono::minutes(5),
           .not_after = Now() + std::chrono::days(3650)},
          Read("root.pem"), *signer, file);
  ca_label_ = label;
  ca_file_ = file;
}

std::string Rotation::ReadConfiguration() const {
  return Must(base::ReadFile(directory_ + "/gateway.toml"));
}

void Rotation::WriteConfiguration(const std::string& text) const {
  Must(base::ReplaceFile(directory_ + "/gateway.toml", text));
}

void Rotation::Configure(const std::string& section, const std::string& key,
                         const std::string& value) {
  std::string text = ReadConfiguration();
  const size_t begin = text.find("[" + section + "]\n") + section.size() + 3;
  const size_t end = std::min(text.find("\n[", begin), text.size());
  size_t line = text.find("\n" + key + " ", begin - 1);
  if (line < end) {
    ++line;
    text.erase(line, text.find('\n', line) + 1 - line);
  } else {
    line = begin;
  }
  text.insert(line, key + " = " + value + "\n");
  WriteConfiguration(text);
}

std::string Rotation::Files(const std::vector<std::string>& files) const {
  std::string list;
  for (const std::string& file : files) {
    list += (list.empty() ? "\"" : ", \"") + directory_ + "/pki/" + file + "\"";
  }
  return "[" + list + "]";
}

}  // namespace paygate::integration
