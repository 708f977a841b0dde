// What hangs together in a ceremony's file, and what belongs into each kind of ceremony.

#include <algorithm>
#include <cctype>
#include <set>

#include "tools/ceremony/plan.h"
#include "tools/ceremony/steps.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Status;
using protocol::Role;

constexpr std::string_view kReserved[] = {"transcript.jsonl", "ceremony.toml", "minute.html",
                                          "gateway-id"};

auto Wrong(std::string sentence) { return Fail(ErrorCode::kInvalidArgument, std::move(sentence)); }

bool IsCa(Role role) { return role == Role::kRoot || role == Role::kIssuingCa; }

Status CheckToken(const Plan& plan, const std::string& name, const std::string& where) {
  if (plan.tokens.contains(name)) return {};
  return Wrong(where + ": there is no [token." + name + "]");
}

Status CheckFileName(const std::string& file, std::set<std::string>& seen) {
  const bool plain = file.find('/') == std::string::npos && file[0] != '.' &&
                     !file.starts_with("existing-") && !file.starts_with("backup-") &&
                     std::ranges::find(kReserved, file) == std::end(kReserved);
  if (!plain) {
    return Wrong("file '" + file + "' must be a plain name in output_directory, and none of the "
                 "ceremony's own (transcript.jsonl, ceremony.toml, minute.html, gateway-id, "
                 "existing-…, backup-…)");
  }
  if (!seen.insert(file).second) return Wrong("file '" + file + "' comes twice");
  return {};
}

// As the gateway's configuration wants it; it is part of a backup's file names too.
Status CheckLabel(const std::string& label) {
  const bool plain = label.size() <= 64 && std::ranges::all_of(label, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (plain) return {};
  return Wrong("label '" + label + "' must be 1 to 64 letters, digits, '-', '_' or '.'");
}

Status CheckKeys(const Plan& plan, std::set<std::string>& files) {
  std::set<std::string> labels;
  for (const KeyPlan& key : plan.keys) {
    if (!labels.insert(key.label).second) return Wrong("key '" + key.label + "' comes twice");
    if (!key.token.empty()) RETURN_IF_ERROR(CheckLabel(key.label));
    if (key.token.empty()) {
      RETURN_IF_ERROR(CheckFileName(key.label, files));
      continue;
    }
    RETURN_IF_ERROR(CheckToken(plan, key.token, "key '" + key.label + "'"));
    if (!key.backup) continue;
    if (key.type == hsm::KeyType::kEd25519) {
      return Wrong("key '" + key.label + "' is Ed25519, which tokens do not wrap: it can have no "
                   "backup; P-256 and RSA can");
    }
    if (!plan.backup) return Wrong("key '" + key.label + "' has a backup, but [backup] is missing");
    if (plan.backup->restore_token == key.token) {
      return Wrong("backup.restore_token must be another token than that of key '" + key.label +
                   "'");
    }
  }
  if (!plan.backup) return {};
  if (std::ranges::none_of(plan.keys, &KeyPlan::backup)) {
    return Wrong("[backup] is there, but no key has backup = true");
  }
  return CheckToken(plan, plan.backup->restore_token, "backup.restore_token");
}

// The issuer is made earlier in the file, or exists and has its key in a token.
Status CheckIssuer(const Plan& plan, const std::string& file, const std::string& issuer, int days,
                   bool must_be_root) {
  for (const CertificatePlan& each : plan.certificates) {
    if (each.file == file) break;  // only what comes before
    if (each.file != issuer) continue;
    if (!IsCa(each.role) || (must_be_root && each.role != Role::kRoot)) {
      return Wrong("'" + file + "': issuer '" + issuer + "' is not the CA that signs this");
    }
    if (days > each.days) {
      return Wrong("'" + file + "': days is more than its issuer's; a certificate may not outlive "
                   "the one that signs it");
    }
    return {};
  }
  const ExistingPlan* existing = plan.FindExisting(issuer);
  if (existing != nullptr && !existing->token.empty()) return {};
  return Wrong("'" + file + "': issuer '" + issuer + "' is neither a CA's certificate made earlier "
               "in this file nor an [[existing]] one with token and label");
}

Status CheckCertificates(const Plan& plan, std::set<std::string>& files) {
  std::set<std::string> certified;
  for (const CertificatePlan& certificate : plan.certificates) {
    RETURN_IF_ERROR(CheckFileName(certificate.file, files));
    const std::string where = "certificate '" + certificate.file + "'";
    const KeyPlan* key = plan.FindKey(certificate.key);
    if (key == nullptr) return Wrong(where + ": there is no [[key]] '" + certificate.key + "'");
    if (!certified.insert(certificate.key).second) {
      return Wrong(where + ": key '" + certificate.key + "' has a certificate already");
    }
    if (key->token.empty() != (certificate.role == Role::kTlsServer)) {
      return Wrong(where + ": the front's TLS key is a file; every other key is in a token");
    }
    const bool decrypts = certificate.role == Role::kGatewayEncryption;
    if (decrypts != (key->usage == hsm::KeyUsage::kDecrypt)) {
      return Wrong(where + ": its key must have usage \"" + (decrypts ? "decrypt" : "sign") + "\"");
    }
    if (certificate.role == Role::kRoot) continue;
    RETURN_IF_ERROR(CheckIssuer(plan, certificate.file, certificate.issuer, certificate.days,
                                certificate.role == Role::kIssuingCa));
  }
  for (const CrlPlan& crl : plan.crls) {
    RETURN_IF_ERROR(CheckFileName(crl.file, files));
    RETURN_IF_ERROR(CheckIssuer(plan, crl.file, crl.issuer, crl.days, true));
  }
  return {};
}

Status CheckOthers(const Plan& plan) {
  for (const ExistingPlan& existing : plan.existing) {
    if (existing.token.empty()) continue;
    RETURN_IF_ERROR(CheckToken(plan, existing.token, "existing '" + existing.file + "'"));
  }
  for (const DestroyPlan& each : plan.destroy) {
    RETURN_IF_ERROR(CheckToken(plan, each.token, "destroy '" + each.label + "'"));
  }
  for (const RestorePlan& each : plan.restore) {
    RETURN_IF_ERROR(CheckToken(plan, each.token, "restore '" + each.label + "'"));
    if (each.shares.empty()) return Wrong("restore '" + each.label + "': shares is missing");
    if (!each.passphrase_files.empty() && each.passphrase_files.size() != each.shares.size()) {
      return Wrong("restore '" + each.label + "': passphrase_files must name one for each share");
    }
  }
  std::set<std::string> names, keys;
  for (const SignatoryPlan& who : plan.signatories) {
    if (!names.insert(who.name).second || !keys.insert(who.public_key).second) {
      return Wrong(who.role + " '" + who.name + "': each signs with a name and key of their own");
    }
    if (!who.token.empty()) RETURN_IF_ERROR(CheckToken(plan, who.token, who.role));
  }
  return {};
}

struct KindRule {
  Kind kind;
  std::string_view name;
  std::vector<Role> must, may;
  bool crl, destroys, restores;
};
const KindRule kKinds[] = {
    {Kind::kComplete, "complete",
     {Role::kRoot, Role::kIssuingCa, Role::kGatewaySignature, Role::kGatewayEncryption},
     {Role::kTlsServer}, true, false, false},
    {Kind::kRoot, "root", {Role::kRoot}, {}, true, false, false},
    {Kind::kGateway, "gateway",
     {Role::kIssuingCa, Role::kGatewaySignature, Role::kGatewayEncryption}, {Role::kTlsServer},
     false, false, false},
    {Kind::kReplica, "replica", {Role::kGatewayEncryption}, {Role::kTlsServer}, false, false,
     false},
    {Kind::kRotation, "rotation", {},
     {Role::kGatewaySignature, Role::kGatewayEncryption, Role::kTlsServer}, false, false, false},
    {Kind::kRenewal, "renewal", {Role::kIssuingCa}, {}, true, false, false},
    {Kind::kDestruction, "destruction", {}, {}, false, true, false},
    {Kind::kRestore, "restore", {}, {}, false, false, true},
};

const KindRule& RuleOf(Kind kind) {
  return *std::ranges::find(kKinds, kind, &KindRule::kind);
}

Status CheckContents(const Plan& plan) {
  const KindRule& rule = RuleOf(plan.kind);
  const std::string name = "a " + std::string(rule.name) + " ceremony ";
  for (Role role : rule.must) {
    if (std::ranges::find(plan.certificates, role, &CertificatePlan::role) ==
        plan.certificates.end()) {
      return Wrong(name + "lacks a certificate that belongs to it (docs/ceremony.md)");
    }
  }
  for (const CertificatePlan& certificate : plan.certificates) {
    if (std::ranges::find(rule.must, certificate.role) == rule.must.end() &&
        std::ranges::find(rule.may, certificate.role) == rule.may.end()) {
      return Wrong(name + "makes no certificate of the profile of '" + certificate.file + "'");
    }
  }
  if (rule.crl == plan.crls.empty()) {
    return Wrong(name + (rule.crl ? "needs a [[crl]] of the root" : "signs no [[crl]]"));
  }
  if (rule.destroys == plan.destroy.empty() || rule.restores == plan.restore.empty()) {
    return Wrong("[[destroy]] belongs into a destruction ceremony, [[restore]] into a restore, "
                 "and neither into another");
  }
  if ((rule.destroys || rule.restores) ? !plan.keys.empty() : plan.keys.empty()) {
    return Wrong(name + (plan.keys.empty() ? "makes at least one [[key]]" : "makes no [[key]]"));
  }
  if (plan.kind != Kind::kRotation) return {};
  for (const KeyPlan& key : plan.keys) {
    if (key.replaces.empty() && !key.token.empty()) {
      return Wrong("key '" + key.label + "': a rotation says by replaces what key it takes over "
                   "from, which goes on to be used during the overlap");
    }
  }
  return {};
}

}  // namespace

std::string_view Name(Kind kind) { return RuleOf(kind).name; }

const KeyPlan* Plan::FindKey(const std::string& label) const {
  auto at = std::ranges::find(keys, label, &KeyPlan::label);
  return at == keys.end() ? nullptr : &*at;
}
const CertificatePlan* Plan::FindCertificate(const std::string& file) const {
  auto at = std::ranges::find(certificates, file, &CertificatePlan::file);
  return at == certificates.end() ? nullptr : &*at;
}
const ExistingPlan* Plan::FindExisting(const std::string& file) const {
  auto at = std::ranges::find(existing, file, &ExistingPlan::file);
  return at == existing.end() ? nullptr : &*at;
}
bool Plan::NeedsGatewayId() const {
  return std::ranges::any_of(certificates, [](const CertificatePlan& each) {
    return each.role != Role::kTlsServer;
  });
}

Status CheckKind(const Plan& plan) {
  std::set<std::string> files;
  if (plan.tokens.empty()) return Wrong("[token.…] is missing");
  RETURN_IF_ERROR(CheckKeys(plan, files));
  RETURN_IF_ERROR(CheckCertificates(plan, files));
  RETURN_IF_ERROR(CheckOthers(plan));
  RETURN_IF_ERROR(CheckContents(plan));
  std::set<std::string> steps;
  for (const Step& step : StepsOf(plan)) {
    if (!steps.insert(step.id).second) return Wrong("'" + step.id + "' is to be done twice");
  }
  const bool draws = plan.kind == Kind::kComplete || plan.kind == Kind::kRoot;
  if (plan.NeedsGatewayId() && plan.gateway_id.empty() && !draws) {
    return Wrong("gateway_id is missing: it was drawn in the root ceremony (its file gateway-id)");
  }
  return {};
}

}  // namespace paygate::tools::ceremony
