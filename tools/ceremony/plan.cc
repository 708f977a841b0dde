// Grammar (TOML 1.0; docs/ceremony.md says what each key means):
//   ceremony, output_directory, title?, gateway_id?, public_url?
//   [token.NAME] module uri pin_file backed_up_keys?
//   [[existing]] certificate token? label?
//   [[key]] label token type? usage backup? replaces?   or   file
//   [[certificate]] file profile key issuer? subject? days dns_names? ip_addresses? replaces?
//   [[crl]] file issuer days  [[crl.revoked]] certificate reason?
//   [[destroy]] token label, and certificate or public_key
//   [[restore]] label token wrapped_key shares passphrase_files?
//   [backup] threshold restore_token  [[backup.custodian]] name passphrase_file?
//   [operator] and [[witness]] name public_key, and key_file passphrase_file? or token label
#include "tools/ceremony/plan.h"

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "base/file.h"
#include "protocol/values.h"
#include "tools/ceremony/toml_table.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Role;

constexpr int kMostDays = 40 * 365;

struct NamedRole {
  std::string_view name;
  Role role;
};
constexpr NamedRole kProfiles[] = {{"root", Role::kRoot},
                                   {"issuing-ca", Role::kIssuingCa},
                                   {"gateway-signature", Role::kGatewaySignature},
                                   {"gateway-encryption", Role::kGatewayEncryption},
                                   {"tls", Role::kTlsServer}};

struct NamedReason {
  std::string_view name;
  int reason;
};
constexpr NamedReason kReasons[] = {{"keyCompromise", 1}, {"cACompromise", 2},
                                    {"affiliationChanged", 3}, {"superseded", 4},
                                    {"cessationOfOperation", 5}};

Status ReadTokens(Table tokens, Plan& plan) {
  for (const std::string& name : tokens.Names()) {
    ASSIGN_OR_RETURN(Table token, tokens.Sub(name.c_str()));
    hsm::pkcs11::TokenLocation& location = plan.tokens[name];
    RETURN_IF_ERROR(token.Text("module", location.module_path, true));
    RETURN_IF_ERROR(token.Text("uri", location.token_uri, true));
    if (auto uri = hsm::pkcs11::CheckTokenUri(location.token_uri); !uri) {
      return token.Bad("uri", "is wrong: " + uri.error().message);
    }
    RETURN_IF_ERROR(token.Text("pin_file", location.pin_file, true));
    RETURN_IF_ERROR(token.Texts("backed_up_keys", location.backed_up_keys));
    RETURN_IF_ERROR(token.Finish());
  }
  return tokens.Finish();
}

Status ReadKey(Table& table, KeyPlan& key) {
  std::string usage, file;
  RETURN_IF_ERROR(table.Text("file", file, false));
  if (!file.empty()) {
    key.label = file;
    return table.Finish();
  }
  RETURN_IF_ERROR(table.Text("label", key.label, true));
  RETURN_IF_ERROR(table.Text("token", key.token, true));
  RETURN_IF_ERROR(table.Key("type", key.type));
  RETURN_IF_ERROR(table.Text("usage", usage, true));
  RETURN_IF_ERROR(table.Flag("backup", key.backup));
  RETURN_IF_ERROR(table.Text("replaces", key.replaces, false));
  if (usage != "sign" && usage != "decrypt") {
    return table.Bad("usage", "must be \"sign\" or \"decrypt\"");
  }
  key.usage = usage == "sign" ? hsm::KeyUsage::kSign : hsm::KeyUsage::kDecrypt;
  if (key.usage == hsm::KeyUsage::kDecrypt && key.type == hsm::KeyType::kEd25519) {
    return table.Bad("type", "is Ed25519, which cannot decrypt; use P-256 or RSA");
  }
  return table.Finish();
}

Status ReadCertificate(Table& table, CertificatePlan& certificate) {
  std::string profile;
  RETURN_IF_ERROR(table.Text("file", certificate.file, true));
  RETURN_IF_ERROR(table.Text("profile", profile, true));
  const auto* found = std::ranges::find(kProfiles, profile, &NamedRole::name);
  if (found == std::end(kProfiles)) {
    return table.Bad("profile", "must be root, issuing-ca, gateway-signature, gateway-encryption "
                                "or tls");
  }
  certificate.role = found->role;
  RETURN_IF_ERROR(table.Text("key", certificate.key, true));
  RETURN_IF_ERROR(table.Text("issuer", certificate.issuer, found->role != Role::kRoot));
  RETURN_IF_ERROR(table.Text("subject", certificate.subject, false));
  RETURN_IF_ERROR(table.Number("days", 1, kMostDays, certificate.days, true));
  RETURN_IF_ERROR(table.Texts("dns_names", certificate.dns_names));
  RETURN_IF_ERROR(table.Texts("ip_addresses", certificate.ip_addresses));
  RETURN_IF_ERROR(table.Text("replaces", certificate.replaces, false));
  if (found->role == Role::kTlsServer && certificate.dns_names.empty() &&
      certificate.ip_addresses.empty()) {
    return table.Bad("dns_names", "and ip_addresses are missing: name the front, or no client can "
                                  "check it");
  }
  return table.Finish();
}

Status ReadCrl(Table& table, CrlPlan& crl) {
  RETURN_IF_ERROR(table.Text("file", crl.file, true));
  RETURN_IF_ERROR(table.Text("issuer", crl.issuer, true));
  RETURN_IF_ERROR(table.Number("days", 1, kMostDays, crl.days, true));
  ASSIGN_OR_RETURN(auto all, table.Tables("revoked"));
  for (Table& each : all) {
    RevokedPlan revoked;
    std::string reason = "superseded";
    RETURN_IF_ERROR(each.Text("certificate", revoked.certificate, true));
    RETURN_IF_ERROR(each.Text("reason", reason, false));
    const auto* found = std::ranges::find(kReasons, reason, &NamedReason::name);
    if (found == std::end(kReasons)) {
      return each.Bad("reason", "must be keyCompromise, cACompromise, affiliationChanged, "
                                "superseded or cessationOfOperation");
    }
    revoked.reason = found->reason;
    RETURN_IF_ERROR(each.Finish());
    crl.revoked.push_back(std::move(revoked));
  }
  return table.Finish();
}

// A public key as standard base64 of its SubjectPublicKeyInfo (what `paygate-ceremony signatory`
// and `openssl pkey -pubout -outform DER | base64 -w0` print).
Status ReadPublicKey(Table& table, bool required, std::string& spki) {
  std::string text;
  RETURN_IF_ERROR(table.Text("public_key", text, required));
  if (text.empty()) return {};
  auto der = base::Base64Decode(text);
  if (!der || !protocol::PublicKey::FromSpki(*der)) {
    return table.Bad("public_key", "must be base64 of a SubjectPublicKeyInfo (P-256, RSA or "
                                   "Ed25519)");
  }
  spki = std::move(*der);
  return {};
}

Status ReadDestroy(Table& table, DestroyPlan& destroy) {
  RETURN_IF_ERROR(table.Text("token", destroy.token, true));
  RETURN_IF_ERROR(table.Text("label", destroy.label, true));
  RETURN_IF_ERROR(table.Text("certificate", destroy.certificate, false));
  RETURN_IF_ERROR(ReadPublicKey(table, destroy.certificate.empty(), destroy.public_key));
  return table.Finish();
}

Status ReadBackup(Table table, Plan& plan) {
  if (!table.present()) return {};
  BackupPlan backup;
  ASSIGN_OR_RETURN(auto custodians, table.Tables("custodian"));
  for (Table& each : custodians) {
    Custodian custodian;
    RETURN_IF_ERROR(each.Text("name", custodian.name, true));
    RETURN_IF_ERROR(each.Text("passphrase_file", custodian.passphrase_file, false));
    RETURN_IF_ERROR(each.Finish());
    backup.custodians.push_back(std::move(custodian));
  }
  const auto most = static_cast<int64_t>(backup.custodians.size());
  if (most < 2 || most > 16) return table.Bad("custodian", "must be there 2 to 16 times");
  std::set<std::string> names;
  for (const Custodian& each : backup.custodians) {
    if (!names.insert(each.name).second) return table.Bad("custodian", "'" + each.name + "' twice");
  }
  RETURN_IF_ERROR(table.Number("threshold", 2, most, backup.threshold, true));
  RETURN_IF_ERROR(table.Text("restore_token", backup.restore_token, true));
  RETURN_IF_ERROR(table.Finish());
  plan.backup = std::move(backup);
  return {};
}

Status ReadSignatory(Table& table, const char* role, SignatoryPlan& who) {
  who.role = role;
  RETURN_IF_ERROR(table.Text("name", who.name, true));
  RETURN_IF_ERROR(ReadPublicKey(table, true, who.public_key));
  RETURN_IF_ERROR(table.Text("token", who.token, false));
  const bool in_token = !who.token.empty();
  RETURN_IF_ERROR(table.Text("label", who.label, in_token));
  RETURN_IF_ERROR(table.Text("key_file", who.key_file, !in_token));
  RETURN_IF_ERROR(table.Text("passphrase_file", who.passphrase_file, false));
  return table.Finish();
}

// [[key]] and the like: one struct for each table.
template <typename Entry, typename Read>
Status ReadAll(Table& top, const char* key, std::vector<Entry>& out, Read read) {
  ASSIGN_OR_RETURN(auto tables, top.Tables(key));
  for (Table& table : tables) RETURN_IF_ERROR(read(table, out.emplace_back()));
  return {};
}

Status ReadLists(Table& top, Plan& plan) {
  RETURN_IF_ERROR(ReadAll(top, "existing", plan.existing, [](Table& t, ExistingPlan& e) -> Status {
    RETURN_IF_ERROR(t.Text("certificate", e.file, true));
    RETURN_IF_ERROR(t.Text("token", e.token, false));
    RETURN_IF_ERROR(t.Text("label", e.label, !e.token.empty()));
    return t.Finish();
  }));
  RETURN_IF_ERROR(ReadAll(top, "key", plan.keys, ReadKey));
  RETURN_IF_ERROR(ReadAll(top, "certificate", plan.certificates, ReadCertificate));
  RETURN_IF_ERROR(ReadAll(top, "crl", plan.crls, ReadCrl));
  RETURN_IF_ERROR(ReadAll(top, "destroy", plan.destroy, ReadDestroy));
  return ReadAll(top, "restore", plan.restore, [](Table& t, RestorePlan& r) -> Status {
    RETURN_IF_ERROR(t.Text("label", r.label, true));
    RETURN_IF_ERROR(t.Text("token", r.token, true));
    RETURN_IF_ERROR(t.Text("wrapped_key", r.wrapped_key, true));
    RETURN_IF_ERROR(t.Texts("shares", r.shares));
    RETURN_IF_ERROR(t.Texts("passphrase_files", r.passphrase_files));
    return t.Finish();
  });
}

Status ReadSignatories(Table& top, Plan& plan) {
  ASSIGN_OR_RETURN(Table table, top.Sub("operator"));
  if (!table.present()) return top.Bad("operator", "is missing: who closes the transcript?");
  RETURN_IF_ERROR(ReadSignatory(table, "operator", plan.signatories.emplace_back()));
  ASSIGN_OR_RETURN(auto witnesses, top.Tables("witness"));
  for (Table& each : witnesses) {
    RETURN_IF_ERROR(ReadSignatory(each, "witness", plan.signatories.emplace_back()));
  }
  return {};
}

Result<Plan> Read(const toml::table& root) {
  Plan plan;
  Table top(&root, "");
  std::string kind;
  RETURN_IF_ERROR(top.Text("ceremony", kind, true));
  bool known = false;
  for (Kind each : {Kind::kRoot, Kind::kGateway, Kind::kComplete, Kind::kReplica, Kind::kRotation,
                    Kind::kRenewal, Kind::kDestruction, Kind::kRestore}) {
    if (Name(each) != kind) continue;
    plan.kind = each;
    known = true;
  }
  if (!known) {
    return std::unexpected(top.Bad("ceremony", "must be complete, root, gateway, replica, "
                                               "rotation, renewal, destruction or restore")
                               .error());
  }
  RETURN_IF_ERROR(top.Text("title", plan.title, false));
  RETURN_IF_ERROR(top.Text("output_directory", plan.output_directory, true));
  RETURN_IF_ERROR(top.Text("gateway_id", plan.gateway_id, false));
  RETURN_IF_ERROR(top.Text("public_url", plan.public_url, false));
  if (!plan.gateway_id.empty() && !protocol::IsNonce(plan.gateway_id)) {
    return Fail(ErrorCode::kInvalidArgument,
                "gateway_id must be 16 bytes as 22 base64url characters; leave it out to have one "
                "drawn");
  }
  ASSIGN_OR_RETURN(Table tokens, top.Sub("token"));
  RETURN_IF_ERROR(ReadTokens(std::move(tokens), plan));
  RETURN_IF_ERROR(ReadLists(top, plan));
  ASSIGN_OR_RETURN(Table backup, top.Sub("backup"));
  RETURN_IF_ERROR(ReadBackup(std::move(backup), plan));
  RETURN_IF_ERROR(ReadSignatories(top, plan));
  RETURN_IF_ERROR(top.Finish());
  RETURN_IF_ERROR(CheckKind(plan));
  return plan;
}

}  // namespace

Result<Plan> ParsePlan(const std::string& text, const std::string& path) {
  toml::table root;
  try {  // toml++ reports by exception; none leaves this function
    root = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Fail(ErrorCode::kInvalidArgument, path + ", line " +
                                                 std::to_string(e.source().begin.line) + ": " +
                                                 std::string(e.description()));
  }
  auto plan = Read(root);
  if (!plan) return Fail(plan.error().code, path + ": " + plan.error().message);
  plan->path = path;
  plan->text = text;
  return plan;
}

Result<Plan> LoadPlan(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(path, 1u << 20));
  return ParsePlan(text, path);
}

}  // namespace paygate::tools::ceremony
