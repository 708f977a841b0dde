// The names of hsm's enumerations, and the one default that its interfaces have.
#include "hsm/signer.h"

#include <array>

#include "hsm/decrypter.h"
#include "hsm/key_admin.h"

namespace paygate::hsm {

std::string_view JoseName(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kES256: return "ES256";
    case SignatureAlgorithm::kPS256: return "PS256";
    case SignatureAlgorithm::kEdDSA: return "EdDSA";
  }
  return "unknown";
}

std::string_view JoseName(KeyManagement algorithm) {
  switch (algorithm) {
    case KeyManagement::kEcdhEs: return "ECDH-ES";
    case KeyManagement::kRsaOaep256: return "RSA-OAEP-256";
  }
  return "unknown";
}

std::string_view Name(KeyType type) {
  switch (type) {
    case KeyType::kP256: return "P-256";
    case KeyType::kRsa2048: return "RSA-2048";
    case KeyType::kRsa3072: return "RSA-3072";
    case KeyType::kRsa4096: return "RSA-4096";
    case KeyType::kEd25519: return "Ed25519";
  }
  return "unknown";
}

base::Result<KeyType> ParseKeyType(std::string_view name) {
  constexpr std::array kAll = {KeyType::kP256, KeyType::kRsa2048, KeyType::kRsa3072,
                               KeyType::kRsa4096, KeyType::kEd25519};
  for (KeyType type : kAll) {
    if (Name(type) == name) return type;
  }
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    "unknown key type \"" + std::string(name) +
                        "\": choose P-256, RSA-2048, RSA-3072, RSA-4096 or Ed25519");
}

SignatureAlgorithm SignatureAlgorithmOf(KeyType type) {
  if (type == KeyType::kP256) return SignatureAlgorithm::kES256;
  if (type == KeyType::kEd25519) return SignatureAlgorithm::kEdDSA;
  return SignatureAlgorithm::kPS256;
}

base::Result<KeyManagement> KeyManagementOf(KeyType type) {
  if (type == KeyType::kP256) return KeyManagement::kEcdhEs;
  if (type == KeyType::kEd25519) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      "an Ed25519 key signs only: for decryption use P-256 or RSA");
  }
  return KeyManagement::kRsaOaep256;
}

base::Result<std::vector<std::string>> Signer::SignAll(std::span<const Statement> statements) {
  std::vector<std::string> signatures;
  signatures.reserve(statements.size());
  for (const Statement& statement : statements) {
    ASSIGN_OR_RETURN(std::string signature, Sign(statement));
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

}  // namespace paygate::hsm
