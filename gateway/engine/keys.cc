#include "gateway/engine/keys.h"

#include "base/file.h"
#include "hsm/token/client.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Result;
using protocol::Certificate;
using protocol::PublicKey;

Result<Certificate> LoadCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(path));
  auto certificate = Certificate::ParsePem(pem);
  if (!certificate) {
    return base::Fail(ErrorCode::kInvalidArgument,
                      path + " is no certificate: " + certificate.error().message);
  }
  return certificate;
}

Result<PublicKey> TokenKey(hsm::token::TokenClient& token, const std::string& label) {
  for (const hsm::KeyInfo& key : token.Keys()) {
    if (key.label == label) return PublicKey::FromSpki(key.public_key_der);
  }
  return base::Fail(ErrorCode::kInvalidArgument,
                    "the token offers no key labelled '" + label + "': run the ceremony, or mend "
                    "the label in [token]");
}

base::Status CheckCertifies(hsm::token::TokenClient& token, const std::string& label,
                            const Certificate& certificate, const std::string& path) {
  ASSIGN_OR_RETURN(PublicKey key, TokenKey(token, label));
  if (key == certificate.key()) return {};
  return base::Fail(ErrorCode::kInvalidArgument,
                    path + " certifies another key than the token's '" + label +
                        "': use the certificate that the ceremony made for this token");
}

base::Status CheckOwn(const GatewayKeys& keys, const Certificate& certificate, protocol::Role role,
                      base::UnixTime now, const std::string& path) {
  if (auto good = keys.checker.Check(certificate, role, now); !good) {
    return base::Fail(ErrorCode::kInvalidArgument, path + ": " + good.error().message);
  }
  if (certificate.subject_id() == keys.id) return {};
  return base::Fail(ErrorCode::kInvalidArgument,
                    path + " names another gateway than gateway_id in the configuration");
}

}  // namespace

Result<std::unique_ptr<GatewayKeys>> GatewayKeys::Load(const Config& config,
                                                       hsm::token::TokenClient& token,
                                                       base::UnixTime now) {
  const auto& files = config.certificates;
  ASSIGN_OR_RETURN(Certificate root, LoadCertificate(files.root));
  ASSIGN_OR_RETURN(Certificate issuing_ca, LoadCertificate(files.issuing_ca));
  ASSIGN_OR_RETURN(Certificate signature, LoadCertificate(files.gateway_signature));
  ASSIGN_OR_RETURN(Certificate encryption, LoadCertificate(files.gateway_encryption));
  ASSIGN_OR_RETURN(auto checker, protocol::CertificateChecker::Create(root, {issuing_ca}));
  ASSIGN_OR_RETURN(auto signer, token.SignerFor(config.token.signature_key));
  ASSIGN_OR_RETURN(auto issuer, token.SignerFor(config.token.issuing_ca_key));
  ASSIGN_OR_RETURN(auto decrypter, token.DecrypterFor(config.token.encryption_key));
  ASSIGN_OR_RETURN(auto storage, token.DecrypterFor(config.token.storage_key));
  ASSIGN_OR_RETURN(PublicKey storage_key, TokenKey(token, config.token.storage_key));

  auto keys = std::make_unique<GatewayKeys>(GatewayKeys{
      .id = config.gateway_id,
      .checker = std::move(checker),
      .signature_certificate = signature,
      .encryption_certificate = encryption,
      .issuing_ca = issuing_ca,
      .signature = std::move(signer),
      .issuing = std::move(issuer),
      .encryption = std::move(decrypter),
      .storage = std::move(storage),
      .storage_public_key = std::move(storage_key)});
  RETURN_IF_ERROR(CheckOwn(*keys, signature, protocol::Role::kGatewaySignature, now,
                           files.gateway_signature));
  RETURN_IF_ERROR(CheckOwn(*keys, encryption, protocol::Role::kGatewayEncryption, now,
                           files.gateway_encryption));
  RETURN_IF_ERROR(CheckCertifies(token, config.token.signature_key, signature,
                                 files.gateway_signature));
  RETURN_IF_ERROR(CheckCertifies(token, config.token.encryption_key, encryption,
                                 files.gateway_encryption));
  RETURN_IF_ERROR(CheckCertifies(token, config.token.issuing_ca_key, issuing_ca,
                                 files.issuing_ca));
  return keys;
}

}  // namespace paygate::gateway::engine
