#include "tools/ceremony/ceremony.h"

#include <sys/stat.h>

#include <optional>

#include "base/crypto.h"
#include "base/file.h"
#include "protocol/certificate.h"
#include "protocol/values.h"
#include "tools/ceremony/tls_key.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using hsm::KeyAdmin;
using hsm::KeyInfo;
using protocol::Certificate;
using protocol::PublicKey;
using protocol::Role;

constexpr const char* kFiles[] = {"root.pem", "issuing-ca.pem", "gateway-signature.pem",
                                  "gateway-encryption.pem", "tls.pem", "tls.key", "gateway-id"};
constexpr mode_t kPublic = 0644, kPrivate = 0600;

class Ceremony {
 public:
  Ceremony(const Plan& plan, base::UnixTime now, const Progress& progress)
      : plan_(plan), now_(now), progress_(progress) {}

  Result<Outcome> Run() {
    outcome_.gateway_id = plan_.gateway_id.empty() ? protocol::NewNonce() : plan_.gateway_id;
    RETURN_IF_ERROR(base::MakePrivateDirectory(plan_.output_directory));
    RETURN_IF_ERROR(RefuseExistingFiles());
    ASSIGN_OR_RETURN(root_token_, hsm::pkcs11::OpenKeyAdmin(plan_.root_token));
    ASSIGN_OR_RETURN(gateway_token_, hsm::pkcs11::OpenKeyAdmin(plan_.gateway_token));
    RETURN_IF_ERROR(RefuseExistingLabels(*root_token_, {kRootLabel}));
    RETURN_IF_ERROR(RefuseExistingLabels(
        *gateway_token_, {kIssuingCaLabel, kSignatureLabel, kEncryptionLabel, kStorageLabel}));
    RETURN_IF_ERROR(MakeAuthorities());
    RETURN_IF_ERROR(MakeGateway());
    RETURN_IF_ERROR(MakeTls());
    RETURN_IF_ERROR(Write("gateway-id", outcome_.gateway_id + "\n", kPublic));
    return std::move(outcome_);
  }

 private:
  Status RefuseExistingFiles() const {
    struct stat ignored;
    for (const char* file : kFiles) {
      if (::lstat(Path(file).c_str(), &ignored) == 0) {
        return Fail(ErrorCode::kAlreadyExists,
                    Path(file) + " exists; nothing is ever overwritten: choose another "
                    "output_directory");
      }
    }
    return {};
  }

  static Status RefuseExistingLabels(KeyAdmin& token, std::vector<std::string> labels) {
    ASSIGN_OR_RETURN(std::vector<KeyInfo> keys, token.List());
    for (const KeyInfo& key : keys) {
      for (const std::string& label : labels) {
        if (key.label != label) continue;
        return Fail(ErrorCode::kAlreadyExists,
                    "the token already has a key labelled '" + label + "'; nothing is ever "
                    "overwritten: use an empty token");
      }
    }
    return {};
  }

  Status MakeAuthorities() {
    ASSIGN_OR_RETURN(PublicKey root_key,
                     Generate(*root_token_, kRootLabel, plan_.root, hsm::KeyUsage::kSign));
    ASSIGN_OR_RETURN(root_signer_, root_token_->SignerFor(kRootLabel));
    ASSIGN_OR_RETURN(root_, Certify({.role = Role::kRoot,
                                     .subject_cn = "Paygate root " + outcome_.gateway_id,
                                     .subject_key = root_key,
                                     .not_before = now_,
                                     .not_after = In(plan_.root_days)},
                                    nullptr, *root_signer_, "root", "root.pem"));
    ASSIGN_OR_RETURN(PublicKey ca_key, Generate(*gateway_token_, kIssuingCaLabel, plan_.issuing_ca,
                                                hsm::KeyUsage::kSign));
    ASSIGN_OR_RETURN(ca_signer_, gateway_token_->SignerFor(kIssuingCaLabel));
    ASSIGN_OR_RETURN(
        issuing_ca_,
        Certify({.role = Role::kIssuingCa,
                 .subject_cn = "Paygate issuing CA " + outcome_.gateway_id,
                 .subject_key = ca_key,
                 .not_before = now_,
                 .not_after = In(plan_.issuing_ca_days),
                 .crl_url = plan_.public_url.empty() ? "" : plan_.public_url + "/v1/crl/root"},
                &*root_, *root_signer_, "issuing CA", "issuing-ca.pem"));
    return {};
  }

  Status MakeGateway() {
    ASSIGN_OR_RETURN(PublicKey signature,
                     Generate(*gateway_token_, kSignatureLabel, plan_.gateway_signature,
                              hsm::KeyUsage::kSign));
    RETURN_IF_ERROR(CertifyLeaf(Role::kGatewaySignature, signature, "gateway signature",
                                "gateway-signature.pem"));
    ASSIGN_OR_RETURN(PublicKey encryption,
                     Generate(*gateway_token_, kEncryptionLabel, plan_.gateway_encryption,
                              hsm::KeyUsage::kDecrypt));
    RETURN_IF_ERROR(CertifyLeaf(Role::kGatewayEncryption, encryption, "gateway encryption",
                                "gateway-encryption.pem"));
    auto storage = Generate(*gateway_token_, kStorageLabel, plan_.storage_wrapping,
                            hsm::KeyUsage::kDecrypt);
    return storage ? Status{} : std::unexpected(storage.error());
  }

  Status CertifyLeaf(Role role, const PublicKey& key, const char* what, const char* file) {
    auto made = Certify({.role = role,
                         .subject_cn = outcome_.gateway_id,
                         .subject_key = key,
                         .not_before = now_,
                         .not_after = In(plan_.gateway_days),
                         .crl_url = Url("/v1/crl"),
                         .ocsp_url = Url("/v1/ocsp")},
                        &*issuing_ca_, *ca_signer_, what, file);
    return made ? Status{} : std::unexpected(made.error());
  }

  // The front's key is a file: it guards who talks when, and nothing else (protocol.md).
  Status MakeTls() {
    ASSIGN_OR_RETURN(TlsKey key, MakeTlsKey());
    RETURN_IF_ERROR(base::WriteNewFile(Path("tls.key"), key.pkcs8_pem.view(), kPrivate));
    ASSIGN_OR_RETURN(
        Certificate leaf,
        protocol::BuildCertificate({.role = Role::kTlsServer,
                                    .subject_cn = "Paygate front",
                                    .subject_key = key.public_key,
                                    .not_before = now_,
                                    .not_after = In(plan_.tls_days),
                                    .dns_names = plan_.tls_dns_names,
                                    .ip_addresses = plan_.tls_ip_addresses},
                                   &*issuing_ca_, *ca_signer_));
    RETURN_IF_ERROR(Write("tls.pem", leaf.ToPem() + issuing_ca_->ToPem(), kPublic));
    Report("TLS server", Path("tls.pem"), leaf.fingerprint());
    return {};
  }

  Result<PublicKey> Generate(KeyAdmin& token, const char* label, hsm::KeyType type,
                             hsm::KeyUsage usage) {
    ASSIGN_OR_RETURN(KeyInfo key, token.Generate(label, type, usage));
    Report(std::string(hsm::Name(type)) + " key", std::string(label) + " in its token",
           base::Sha256Base64Url(key.public_key_der));
    return PublicKey::FromSpki(key.public_key_der);
  }

  Result<Certificate> Certify(const protocol::CertificateTemplate& what, const Certificate* issuer,
                              hsm::Signer& signer, const char* name, const char* file) {
    ASSIGN_OR_RETURN(Certificate made, protocol::BuildCertificate(what, issuer, signer));
    RETURN_IF_ERROR(CheckProfile(made, what.role));
    RETURN_IF_ERROR(Write(file, made.ToPem(), kPublic));
    Report(std::string(name) + " certificate", Path(file), made.fingerprint());
    return made;
  }

  Status CheckProfile(const Certificate& made, Role role) const {
    if (role == Role::kRoot || role == Role::kIssuingCa) {
      auto checked = protocol::CertificateChecker::Create(
          role == Role::kRoot ? made : *root_,
          role == Role::kRoot ? std::vector<Certificate>{} : std::vector<Certificate>{made});
      return checked ? Status{} : std::unexpected(checked.error());
    }
    ASSIGN_OR_RETURN(auto checker, protocol::CertificateChecker::Create(*root_, {*issuing_ca_}));
    return checker.Check(made, role, now_);
  }

  Status Write(const char* file, std::string_view bytes, mode_t mode) const {
    return base::WriteNewFile(Path(file), bytes, mode);
  }
  void Report(std::string what, std::string file, std::string fingerprint) {
    outcome_.made.push_back({std::move(what), std::move(file), std::move(fingerprint)});
    if (progress_) progress_(outcome_.made.back());
  }
  std::string Path(const char* file) const { return plan_.output_directory + "/" + file; }
  std::string Url(const char* path) const {
    return plan_.public_url.empty() ? "" : plan_.public_url + path;
  }
  base::UnixTime In(int days) const { return now_ + std::chrono::days(days); }

  const Plan& plan_;
  const base::UnixTime now_;
  const Progress& progress_;
  Outcome outcome_;
  std::unique_ptr<KeyAdmin> root_token_, gateway_token_;
  std::unique_ptr<hsm::Signer> root_signer_, ca_signer_;
  std::optional<Certificate> root_, issuing_ca_;
};

}  // namespace

Result<Outcome> RunCeremony(const Plan& plan, const base::Clock& clock, const Progress& progress) {
  return Ceremony(plan, clock.Now(), progress).Run();
}

Status MakeScratchTokens(const std::string& directory, const std::string& module_path) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory + "/tokens"));
  const std::string conf = directory + "/softhsm2.conf";
  RETURN_IF_ERROR(base::WriteNewFile(conf, "directories.tokendir = " + directory +
                                               "/tokens\nobjectstore.backend = file\n"
                                               "log.level = ERROR\n"));
  ::setenv("SOFTHSM2_CONF", conf.c_str(), 1);
  for (const char* label : {"paygate-root", "paygate"}) {
    const auto so_pin = base::SecretBytes::CopyOf(protocol::NewNonce());
    const auto pin = base::SecretBytes::CopyOf(protocol::NewNonce());
    RETURN_IF_ERROR(hsm::pkcs11::InitialiseToken(module_path, label, so_pin, pin));
    const std::string path = directory + "/" + label;
    RETURN_IF_ERROR(base::WriteNewFile(path + ".pin", pin.view(), kPrivate));
    RETURN_IF_ERROR(base::WriteNewFile(path + ".so-pin", so_pin.view(), kPrivate));
  }
  return {};
}

}  // namespace paygate::tools::ceremony
