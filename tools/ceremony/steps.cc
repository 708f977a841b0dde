#include "tools/ceremony/steps.h"

namespace paygate::tools::ceremony {
namespace {

using protocol::Role;

std::string_view Describe(Role role) {
  switch (role) {
    case Role::kRoot:
      return "root certificate";
    case Role::kIssuingCa:
      return "issuing CA's certificate (path length 0)";
    case Role::kGatewaySignature:
      return "gateway signature certificate";
    case Role::kGatewayEncryption:
      return "gateway encryption certificate";
    case Role::kTlsServer:
      return "front's TLS certificate";
    default:
      return "certificate";
  }
}

std::string TokenWords(const Plan& plan, const std::string& name) {
  const auto at = plan.tokens.find(name);
  return "token '" + name + "'" +
         (at == plan.tokens.end() ? "" : " (" + at->second.token_uri + ")");
}

std::string KeyWords(const Plan& plan, const KeyPlan& key) {
  if (key.token.empty()) {
    return "Generate the front's TLS key (P-256) into the file " + key.label +
           ", mode 0600: the one private key that is a file, since it guards only who talks when.";
  }
  std::string words = "Generate key '" + key.label + "' (" + std::string(hsm::Name(key.type)) +
                      ", to " + (key.usage == hsm::KeyUsage::kSign ? "sign" : "decrypt") +
                      " and nothing else) in " + TokenWords(plan, key.token) + ": private, "
                      "sensitive, ";
  words += key.backup ? "EXPORTABLE, wrapped, until the backup that follows"
                      : "never extractable, no backup";
  words += ". It is proved by use, and its attributes are read back.";
  if (!key.replaces.empty()) words += " It takes over from '" + key.replaces + "'.";
  return words;
}

std::string CertificateWords(const CertificatePlan& c) {
  std::string words = "Certify key '" + c.key + "': " + std::string(Describe(c.role)) + " " +
                      c.file + ", for " + std::to_string(c.days) + " days";
  if (!c.subject.empty()) words += ", subject '" + c.subject + "'";
  for (const std::string& name : c.dns_names) words += ", DNS " + name;
  for (const std::string& address : c.ip_addresses) words += ", IP " + address;
  words += c.issuer.empty() ? ", signed by itself" : ", signed by the key of " + c.issuer;
  words += ". The same is signed by a throw-away key and linted first.";
  if (!c.replaces.empty()) words += " It takes over from " + c.replaces + ".";
  return words;
}

std::string CrlWords(const CrlPlan& crl) {
  std::string words = "Sign the certificate revocation list " + crl.file + " with the key of " +
                      crl.issuer + ", for " + std::to_string(crl.days) + " days, ";
  if (crl.revoked.empty()) return words + "with nothing revoked.";
  words += "revoking";
  for (const RevokedPlan& each : crl.revoked) {
    words += " " + each.certificate + " (reason " + std::to_string(each.reason) + ")";
  }
  return words + ".";
}

std::string BackupWords(const Plan& plan, const KeyPlan& key) {
  std::string words =
      "Back up key '" + key.label + "': wrap it with a fresh AES-256 key, split the wrapping key "
      "into " + std::to_string(plan.backup->custodians.size()) +
      " shares of which " + std::to_string(plan.backup->threshold) + " restore it, one for each of";
  for (const Custodian& each : plan.backup->custodians) words += " " + each.name + ",";
  return words + " encrypted to their passphrases; then restore it from the shares, as written, "
                 "into " + TokenWords(plan, plan.backup->restore_token) +
         " and prove it there by use; then make it not extractable in its own token, for good.";
}

}  // namespace

std::vector<Step> StepsOf(const Plan& plan) {
  std::vector<Step> steps;
  const auto add = [&](Action action, size_t index, std::string id, std::string words) {
    steps.push_back({action, index, std::move(id), std::move(words)});
  };
  // A key and what is certified of it stand together, in the order of the file.
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const KeyPlan& key = plan.keys[i];
    add(Action::kGenerate, i, "key " + key.label, KeyWords(plan, key));
  }
  for (size_t i = 0; i < plan.certificates.size(); ++i) {
    add(Action::kCertify, i, "certificate " + plan.certificates[i].file,
        CertificateWords(plan.certificates[i]));
  }
  for (size_t i = 0; i < plan.crls.size(); ++i) {
    add(Action::kListRevoked, i, "crl " + plan.crls[i].file, CrlWords(plan.crls[i]));
  }
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    if (!plan.keys[i].backup) continue;
    add(Action::kBackUp, i, "backup " + plan.keys[i].label, BackupWords(plan, plan.keys[i]));
  }
  for (size_t i = 0; i < plan.restore.size(); ++i) {
    const RestorePlan& each = plan.restore[i];
    add(Action::kRestore, i, "restore " + each.label,
        "Restore key '" + each.label + "' into " + TokenWords(plan, each.token) + " from " +
            each.wrapped_key + " and " + std::to_string(each.shares.size()) +
            " shares, and prove it by use.");
  }
  for (size_t i = 0; i < plan.destroy.size(); ++i) {
    const DestroyPlan& each = plan.destroy[i];
    add(Action::kDestroy, i, "destroy " + each.token + " " + each.label,
        "DESTROY key '" + each.label + "' in " + TokenWords(plan, each.token) +
            ", if it is the key that the file names. It is used once more to prove that it is, "
            "destroyed, and looked for. This cannot be undone.");
  }
  add(Action::kClose, 0, "close", "Close the transcript: record every file with its SHA-256.");
  for (size_t i = 0; i < plan.signatories.size(); ++i) {
    const SignatoryPlan& who = plan.signatories[i];
    add(Action::kSign, i, "sign " + who.name,
        "Sign the transcript as " + who.role + ", " + who.name + ", with " +
            (who.token.empty() ? "the key file " + who.key_file
                               : "key '" + who.label + "' in " + TokenWords(plan, who.token)) +
            ".");
  }
  return steps;
}

}  // namespace paygate::tools::ceremony
