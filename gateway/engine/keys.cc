#include "gateway/engine/keys.h"

#include <algorithm>

#include "base/file.h"
#include "hsm/token/client.h"
#include "protocol/crl.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::PublicKey;
using protocol::Role;

constexpr size_t kMaxRootCrlBytes = 1u << 20;

Result<Certificate> LoadCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(path));
  auto certificate = Certificate::ParsePem(pem);
  if (!certificate) {
    return Fail(ErrorCode::kInvalidArgument,
                path + " is no certificate: " + certificate.error().message);
  }
  return certificate;
}

Result<std::vector<Certificate>> LoadCertificates(const std::vector<std::string>& paths) {
  std::vector<Certificate> certificates;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(Certificate certificate, LoadCertificate(path));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

Result<PublicKey> TokenKey(hsm::token::TokenClient& token, const std::string& label) {
  for (const hsm::KeyInfo& key : token.Keys()) {
    if (key.label == label) return PublicKey::FromSpki(key.public_key_der);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "the token offers no key labelled '" + label + "': run the ceremony, or mend the "
              "label in [token]");
}

// For each certificate, in their order, the label whose key it certifies; empty: none of these.
Result<std::vector<std::string>> MatchKeys(hsm::token::TokenClient& token,
                                           const std::vector<std::string>& labels,
                                           const std::vector<Certificate>& certificates,
                                           const std::vector<std::string>& paths) {
  std::vector<std::string> matched(certificates.size());
  for (const std::string& label : labels) {
    ASSIGN_OR_RETURN(const PublicKey key, TokenKey(token, label));
    bool found = false;
    for (size_t i = 0; i < certificates.size(); ++i) {
      if (certificates[i].key() != key) continue;
      matched[i] = label;
      found = true;
    }
    if (found) continue;
    return Fail(ErrorCode::kInvalidArgument,
                paths.front() + (paths.size() > 1 ? " and the others certify" : " certifies") +
                    " another key than the token's '" + label +
                    "': use the certificate that the ceremony made for this token");
  }
  if (matched.front() == labels.front()) return matched;
  return Fail(ErrorCode::kInvalidArgument,
              paths.front() + " certifies another key than the token's '" + labels.front() +
                  "': name the preferred certificate and its key first");
}

// The first must be good now; a former one must have been good at its end.
Status CheckOwn(const protocol::CertificateChecker& checker, const std::string& id,
                const std::vector<Certificate>& certificates,
                const std::vector<std::string>& paths, Role role, base::UnixTime now) {
  for (size_t i = 0; i < certificates.size(); ++i) {
    const base::UnixTime at = i == 0 ? now : std::min(now, certificates[i].not_after());
    if (auto good = checker.Check(certificates[i], role, at); !good) {
      return Fail(ErrorCode::kInvalidArgument, paths[i] + ": " + good.error().message);
    }
    if (certificates[i].subject_id() == id) continue;
    return Fail(ErrorCode::kInvalidArgument,
                paths[i] + " names another gateway than gateway_id in the configuration");
  }
  return {};
}

Result<std::unique_ptr<hsm::Signer>> KeyFor(hsm::token::TokenClient& token,
                                            const std::string& label, const hsm::Signer*) {
  return token.SignerFor(label);
}
Result<std::unique_ptr<hsm::Decrypter>> KeyFor(hsm::token::TokenClient& token,
                                               const std::string& label, const hsm::Decrypter*) {
  return token.DecrypterFor(label);
}

// What one kind of key needs to be put together.
struct Kind {
  const std::vector<std::string>& labels;
  const std::vector<std::string>& paths;
  std::vector<Certificate> certificates;
};

template <typename Key>
Result<std::vector<GatewayKeys::Certified<Key>>> Assemble(
    hsm::token::TokenClient& token, const Kind& kind,
    const protocol::CertificateChecker& checker) {
  ASSIGN_OR_RETURN(const auto labels,
                   MatchKeys(token, kind.labels, kind.certificates, kind.paths));
  std::vector<GatewayKeys::Certified<Key>> all;
  for (size_t i = 0; i < labels.size(); ++i) {
    ASSIGN_OR_RETURN(Certificate issuer, checker.IssuerOf(kind.certificates[i]));
    std::unique_ptr<Key> key;
    if (!labels[i].empty()) {
      ASSIGN_OR_RETURN(key, KeyFor(token, labels[i], static_cast<const Key*>(nullptr)));
    }
    all.push_back({kind.certificates[i], std::move(issuer), std::move(key)});
  }
  return all;
}

template <typename Key>
const GatewayKeys::Certified<Key>* FindIn(const std::vector<GatewayKeys::Certified<Key>>& all,
                                          std::string_view fingerprint) {
  for (const auto& each : all) {
    if (each.certificate.fingerprint() == fingerprint) return &each;
  }
  return nullptr;
}

}  // namespace

const GatewayKeys::Certified<hsm::Signer>* GatewayKeys::FindSignature(
    std::string_view fingerprint) const {
  return FindIn(signature, fingerprint);
}

const GatewayKeys::Certified<hsm::Decrypter>* GatewayKeys::FindEncryption(
    std::string_view fingerprint) const {
  return FindIn(encryption, fingerprint);
}

Result<std::shared_ptr<const GatewayKeys>> GatewayKeys::Load(const Config& config,
                                                             hsm::token::TokenClient& token,
                                                             base::UnixTime now) {
  const auto& files = config.certificates;
  ASSIGN_OR_RETURN(Certificate root, LoadCertificate(files.root));
  Kind issuing{config.token.issuing_ca_key, files.issuing_ca, {}};
  Kind signature{config.token.signature_key, files.gateway_signature, {}};
  Kind encryption{config.token.encryption_key, files.gateway_encryption, {}};
  for (Kind* kind : {&issuing, &signature, &encryption}) {
    ASSIGN_OR_RETURN(kind->certificates, LoadCertificates(kind->paths));
  }
  ASSIGN_OR_RETURN(auto checker,
                   protocol::CertificateChecker::Create(root, issuing.certificates));
  const Certificate& ca = issuing.certificates.front();
  if (now < ca.not_before() || now > ca.not_after()) {
    return Fail(ErrorCode::kInvalidArgument,
                files.issuing_ca.front() + " is not valid now: name a valid issuing CA first");
  }
  RETURN_IF_ERROR(CheckOwn(checker, config.gateway_id, signature.certificates, signature.paths,
                           Role::kGatewaySignature, now));
  RETURN_IF_ERROR(CheckOwn(checker, config.gateway_id, encryption.certificates, encryption.paths,
                           Role::kGatewayEncryption, now));

  ASSIGN_OR_RETURN(auto signers, Assemble<hsm::Signer>(token, signature, checker));
  ASSIGN_OR_RETURN(auto decrypters, Assemble<hsm::Decrypter>(token, encryption, checker));
  for (size_t i = 0; i < decrypters.size(); ++i) {
    if (decrypters[i].key) continue;
    return Fail(ErrorCode::kInvalidArgument,
                files.gateway_encryption[i] + ": its key is not in encryption_key, so that nothing "
                "encrypted to it could be opened; name the key too, or remove the certificate");
  }
  ASSIGN_OR_RETURN(auto issuers, Assemble<hsm::Signer>(token, issuing, checker));
  std::string root_crl;
  if (!files.root_crl.empty()) {
    ASSIGN_OR_RETURN(const std::string file, base::ReadFile(files.root_crl, kMaxRootCrlBytes));
    auto read = protocol::ReadCrl(file, root);
    if (!read) {
      return Fail(ErrorCode::kInvalidArgument, files.root_crl + ": " + read.error().message);
    }
    root_crl = std::move(*read);
  }
  std::optional<Certificate> bank;
  if (!files.bank.empty()) {
    ASSIGN_OR_RETURN(bank, LoadCertificate(files.bank));
    if (!bank->key().key_management()) {
      return Fail(ErrorCode::kInvalidArgument,
                  files.bank + ": nothing can be encrypted to its key; the bank's must be P-256 "
                               "or RSA");
    }
  }
  ASSIGN_OR_RETURN(auto storage, token.DecrypterFor(config.token.storage_key));
  ASSIGN_OR_RETURN(PublicKey storage_key, TokenKey(token, config.token.storage_key));
  return std::make_shared<const GatewayKeys>(GatewayKeys{
      .id = config.gateway_id,
      .checker = std::move(checker),
      .signature = std::move(signers),
      .encryption = std::move(decrypters),
      .issuing = std::move(issuers),
      .bank = std::move(bank),
      .root_crl = std::move(root_crl),
      .storage = std::move(storage),
      .storage_public_key = std::move(storage_key),
      .available = [&token] { return token.Healthy(); }});
}

}  // namespace paygate::gateway::engine
