#include "tools/ceremony/rehearse.h"

#include <toml++/toml.h>

#include <map>
#include <memory>
#include <sstream>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "protocol/software_key.h"
#include "protocol/values.h"
#include "tools/ceremony/ceremony.h"
#include "tools/ceremony/key_backup.h"
#include "tools/ceremony/share_words.h"
#include "tools/ceremony/signatory.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::Role;

constexpr const char* kPassphraseFile = "/passphrase";
constexpr const char* kSource = "rehearsal-source";  // where a restored key's stand-in comes from

// A CA that stands in for an existing one: same names and dates, another key.
struct StandIn {
  std::unique_ptr<hsm::Signer> signer;
  std::optional<Certificate> certificate;
  std::string path;
};

struct Rehearsal {
  const Plan& plan;
  const std::string directory, module;
  std::map<std::string, std::string> labels;  // of the scratch token that a [token.…] becomes
  std::map<std::string, std::unique_ptr<hsm::KeyAdmin>> tokens;
  std::map<std::string, StandIn> cas;             // by the existing certificate's path
  std::map<std::string, std::string> revoked;     // path of the stand-in, by the real one's
  std::map<size_t, std::string> destroyed;        // public key of [[destroy]] number i
  std::vector<SignatoryPlan> signatories;

  std::string Path(const std::string& name) const { return directory + "/" + name; }
  std::string PinFile(const std::string& label) const { return Path("token/" + label + ".pin"); }
};

Result<Certificate> ReadCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(path, 1u << 20));
  auto certificate = Certificate::ParsePem(pem);
  if (!certificate) {
    return Fail(certificate.error().code, path + ": " + certificate.error().message);
  }
  return certificate;
}

hsm::KeyType TypeOf(const Certificate& certificate) {
  const auto algorithm = certificate.key().signature_algorithm();
  if (!algorithm || *algorithm == hsm::SignatureAlgorithm::kES256) return hsm::KeyType::kP256;
  return *algorithm == hsm::SignatureAlgorithm::kEdDSA ? hsm::KeyType::kEd25519
                                                       : hsm::KeyType::kRsa2048;
}

Status OpenTokens(Rehearsal& rehearsal) {
  std::map<std::string, std::string> by_uri;  // two names of one token stay one token
  std::vector<std::string> labels;
  for (const auto& [name, location] : rehearsal.plan.tokens) {
    std::string& label = by_uri[location.module_path + " " + location.token_uri];
    if (label.empty()) {
      label = "rehearsal-" + std::to_string(labels.size() + 1);
      labels.push_back(label);
    }
    rehearsal.labels[name] = label;
  }
  if (!rehearsal.plan.restore.empty()) labels.push_back(kSource);
  RETURN_IF_ERROR(MakeScratchTokens(rehearsal.Path("token"), rehearsal.module, labels));
  for (const std::string& label : labels) {
    hsm::pkcs11::TokenLocation location{.module_path = rehearsal.module,
                                        .token_uri = "pkcs11:token=" + label,
                                        .pin_file = rehearsal.PinFile(label)};
    for (const RestorePlan& each : rehearsal.plan.restore) {
      location.backed_up_keys.push_back(each.label);
    }
    ASSIGN_OR_RETURN(rehearsal.tokens[label], hsm::pkcs11::OpenKeyAdmin(location));
  }
  return {};
}

// A key of the label in the scratch token, made unless it is there.
Result<hsm::KeyInfo> KeyIn(Rehearsal& rehearsal, const std::string& token, const std::string& label,
                           hsm::KeyType type, hsm::KeyUsage usage) {
  hsm::KeyAdmin& admin = *rehearsal.tokens.at(rehearsal.labels.at(token));
  auto there = admin.Describe(label);
  if (there) return there->info;
  return admin.Generate(label, type, usage);
}

Status StandInFor(Rehearsal& rehearsal, const ExistingPlan& existing, const Certificate& real,
                  const StandIn* issuer) {
  StandIn& made = rehearsal.cas[existing.file];
  made.path = rehearsal.Path("existing-" + std::to_string(rehearsal.cas.size()) + ".pem");
  std::optional<protocol::PublicKey> key;
  if (existing.token.empty()) {
    ASSIGN_OR_RETURN(auto software,
                     protocol::SoftwareKey::Generate(TypeOf(real), hsm::KeyUsage::kSign));
    ASSIGN_OR_RETURN(made.signer, software.AsSigner());
    key = software.public_key();
  } else {
    ASSIGN_OR_RETURN(const hsm::KeyInfo info, KeyIn(rehearsal, existing.token, existing.label,
                                                    TypeOf(real), hsm::KeyUsage::kSign));
    ASSIGN_OR_RETURN(made.signer, rehearsal.tokens.at(rehearsal.labels.at(existing.token))
                                      ->SignerFor(existing.label));
    ASSIGN_OR_RETURN(key, protocol::PublicKey::FromSpki(info.public_key_der));
  }
  ASSIGN_OR_RETURN(made.certificate,
                   protocol::BuildCertificate({.role = issuer ? Role::kIssuingCa : Role::kRoot,
                                               .subject_cn = real.subject_id(),
                                               .subject_key = *key,
                                               .not_before = real.not_before(),
                                               .not_after = real.not_after()},
                                              issuer ? &*issuer->certificate : nullptr,
                                              issuer ? *issuer->signer : *made.signer));
  return base::WriteNewFile(made.path, made.certificate->ToPem());
}

// Roots first, then what they signed.
Status StandInForCas(Rehearsal& rehearsal) {
  std::map<std::string, Certificate> roots;
  for (const ExistingPlan& each : rehearsal.plan.existing) {
    ASSIGN_OR_RETURN(const Certificate real, ReadCertificate(each.file));
    if (!protocol::CertificateChecker::Create(real, {})) continue;
    roots.emplace(each.file, real);
    RETURN_IF_ERROR(StandInFor(rehearsal, each, real, nullptr));
  }
  for (const ExistingPlan& each : rehearsal.plan.existing) {
    if (roots.contains(each.file)) continue;
    ASSIGN_OR_RETURN(const Certificate real, ReadCertificate(each.file));
    const StandIn* issuer = nullptr;
    for (const auto& [file, root] : roots) {
      if (protocol::CertificateChecker::Create(root, {real})) issuer = &rehearsal.cas.at(file);
    }
    if (issuer == nullptr) {
      return Fail(ErrorCode::kInvalidArgument,
                  "[[existing]] " + each.file + " is no root, and no other [[existing]] "
                  "certificate is the root that signed it: add that root (without token)");
    }
    RETURN_IF_ERROR(StandInFor(rehearsal, each, real, issuer));
  }
  return {};
}

Status StandInForRevoked(Rehearsal& rehearsal) {
  for (const CrlPlan& crl : rehearsal.plan.crls) {
    const auto issuer = rehearsal.cas.find(crl.issuer);
    for (const RevokedPlan& each : crl.revoked) {
      ASSIGN_OR_RETURN(const Certificate real, ReadCertificate(each.certificate));
      const auto existing = rehearsal.cas.find(each.certificate);
      if (existing != rehearsal.cas.end()) {
        rehearsal.revoked[each.certificate] = existing->second.path;
        continue;
      }
      if (issuer == rehearsal.cas.end()) continue;
      ASSIGN_OR_RETURN(auto key, protocol::SoftwareKey::Generate(hsm::KeyType::kP256,
                                                                 hsm::KeyUsage::kSign));
      ASSIGN_OR_RETURN(const Certificate made,
                       protocol::BuildCertificate({.role = Role::kIssuingCa,
                                                   .subject_cn = real.subject_id(),
                                                   .subject_key = key.public_key(),
                                                   .not_before = real.not_before(),
                                                   .not_after = real.not_after()},
                                                  &*issuer->second.certificate,
                                                  *issuer->second.signer));
      std::string& path = rehearsal.revoked[each.certificate];
      path = rehearsal.Path("revoked-" + std::to_string(rehearsal.revoked.size()) + ".pem");
      RETURN_IF_ERROR(base::WriteNewFile(path, made.ToPem()));
    }
  }
  return {};
}

Status StandInForDestroyed(Rehearsal& rehearsal) {
  for (size_t i = 0; i < rehearsal.plan.destroy.size(); ++i) {
    const DestroyPlan& each = rehearsal.plan.destroy[i];
    ASSIGN_OR_RETURN(const hsm::KeyInfo key, KeyIn(rehearsal, each.token, each.label,
                                                   hsm::KeyType::kP256, hsm::KeyUsage::kSign));
    rehearsal.destroyed[i] = key.public_key_der;
  }
  return {};
}

std::string ShareOf(size_t restore, size_t share) {
  return "share-" + std::to_string(restore + 1) + "-" + std::to_string(share + 1) + ".txt";
}

// A backup of a stand-in, of the same threshold and as many custodians as the real one.
Status StandInForBackups(Rehearsal& rehearsal, const base::SecretBytes& passphrase) {
  for (size_t i = 0; i < rehearsal.plan.restore.size(); ++i) {
    const RestorePlan& each = rehearsal.plan.restore[i];
    ASSIGN_OR_RETURN(const std::string json, base::ReadFile(each.wrapped_key, 64u << 10));
    auto real = ParseKeyBackup(json);
    if (!real) return Fail(real.error().code, each.wrapped_key + ": " + real.error().message);
    hsm::KeyAdmin& source = *rehearsal.tokens.at(kSource);
    ASSIGN_OR_RETURN(const hsm::KeyInfo key, source.Generate(each.label, real->key.type,
                                                             real->key.usage,
                                                             {.id = {}, .exportable = true}));
    std::vector<std::string> custodians;
    for (const CommittedShare& share : real->shares) custodians.push_back(share.custodian);
    ASSIGN_OR_RETURN(SplitBackup split, SplitForBackup(key, real->threshold, custodians));
    ASSIGN_OR_RETURN(split.backup.wrapped, source.ExportWrapped(each.label, split.wrapping_key));
    RETURN_IF_ERROR(base::WriteNewFile(rehearsal.Path("backup-" + std::to_string(i + 1) + ".json"),
                                       PrintKeyBackup(split.backup)));
    for (size_t j = 0; j < each.shares.size() && j < split.shares.size(); ++j) {
      ASSIGN_OR_RETURN(const std::string sealed,
                       SealShare(split.backup, split.shares[j], passphrase));
      RETURN_IF_ERROR(base::WriteNewFile(rehearsal.Path(ShareOf(i, j)), ToWords(sealed)));
    }
  }
  return {};
}

Status StandInForPeople(Rehearsal& rehearsal, const base::SecretBytes& passphrase) {
  for (const SignatoryPlan& real : rehearsal.plan.signatories) {
    SignatoryPlan who;
    who.key_file = rehearsal.Path("signatory-" + std::to_string(rehearsal.signatories.size()) +
                                  ".pem");
    ASSIGN_OR_RETURN(who.public_key, MakeKeyFile(who.key_file, passphrase));
    who.name = real.name;
    rehearsal.signatories.push_back(std::move(who));
  }
  return {};
}

// The tables of an array of tables, or none.
std::vector<toml::table*> TablesOf(toml::table& top, const char* name) {
  std::vector<toml::table*> tables;
  if (toml::array* array = top[name].as_array()) {
    for (toml::node& each : *array) {
      if (toml::table* table = each.as_table()) tables.push_back(table);
    }
  }
  return tables;
}

// Replaces a path that has a stand-in.
void Redirect(toml::table& table, const char* key, const std::map<std::string, std::string>& to) {
  const auto at = to.find(table[key].value_or(std::string()));
  if (at != to.end()) table.insert_or_assign(key, at->second);
}

void RewriteCas(const Rehearsal& rehearsal, toml::table& top) {
  std::map<std::string, std::string> cas;
  for (const auto& [file, stand_in] : rehearsal.cas) cas[file] = stand_in.path;
  for (toml::table* each : TablesOf(top, "existing")) Redirect(*each, "certificate", cas);
  for (toml::table* each : TablesOf(top, "certificate")) Redirect(*each, "issuer", cas);
  for (toml::table* each : TablesOf(top, "crl")) {
    Redirect(*each, "issuer", cas);
    for (toml::table* revoked : TablesOf(*each, "revoked")) {
      Redirect(*revoked, "certificate", rehearsal.revoked);
    }
  }
}

void RewriteKeys(const Rehearsal& rehearsal, toml::table& top) {
  size_t i = 0;
  for (toml::table* each : TablesOf(top, "destroy")) {
    each->erase("certificate");
    each->insert_or_assign("public_key", base::Base64Encode(rehearsal.destroyed.at(i++)));
  }
  i = 0;
  for (toml::table* each : TablesOf(top, "restore")) {
    toml::array shares, passphrases;
    for (size_t j = 0; j < rehearsal.plan.restore[i].shares.size(); ++j) {
      shares.push_back(rehearsal.Path(ShareOf(i, j)));
      passphrases.push_back(rehearsal.directory + kPassphraseFile);
    }
    each->insert_or_assign("wrapped_key",
                           rehearsal.Path("backup-" + std::to_string(++i) + ".json"));
    each->insert_or_assign("shares", std::move(shares));
    each->insert_or_assign("passphrase_files", std::move(passphrases));
  }
  if (toml::table* backup = top["backup"].as_table()) {
    for (toml::table* custodian : TablesOf(*backup, "custodian")) {
      custodian->insert_or_assign("passphrase_file", rehearsal.directory + kPassphraseFile);
    }
  }
}

void RewritePeople(const Rehearsal& rehearsal, toml::table& top) {
  std::vector<toml::table*> people = TablesOf(top, "witness");
  people.insert(people.begin(), top["operator"].as_table());
  for (size_t i = 0; i < people.size(); ++i) {
    people[i]->erase("token");
    people[i]->erase("label");
    people[i]->insert_or_assign("key_file", rehearsal.signatories[i].key_file);
    people[i]->insert_or_assign("passphrase_file", rehearsal.directory + kPassphraseFile);
    people[i]->insert_or_assign("public_key", rehearsal.signatories[i].public_key);
  }
}

std::string Rewritten(const Rehearsal& rehearsal) {
  toml::table top = toml::parse(rehearsal.plan.text);  // LoadPlan parsed it before
  top.insert_or_assign("output_directory", rehearsal.Path("output"));
  for (const auto& [name, label] : rehearsal.labels) {
    toml::table& token = *top["token"][name].as_table();
    token.insert_or_assign("module", rehearsal.module);
    token.insert_or_assign("uri", "pkcs11:token=" + label);
    token.insert_or_assign("pin_file", rehearsal.PinFile(label));
  }
  RewriteCas(rehearsal, top);
  RewriteKeys(rehearsal, top);
  RewritePeople(rehearsal, top);
  std::ostringstream text;
  text << top << "\n";
  return text.str();
}

}  // namespace

Result<Plan> PrepareRehearsal(const Plan& plan, const std::string& directory,
                              const std::string& module_path) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  Rehearsal rehearsal{.plan = plan, .directory = directory, .module = module_path};
  const auto passphrase = base::SecretBytes::CopyOf(protocol::NewNonce());
  RETURN_IF_ERROR(base::WriteNewFile(directory + kPassphraseFile, passphrase.view()));
  RETURN_IF_ERROR(OpenTokens(rehearsal));
  RETURN_IF_ERROR(StandInForCas(rehearsal));
  RETURN_IF_ERROR(StandInForRevoked(rehearsal));
  RETURN_IF_ERROR(StandInForDestroyed(rehearsal));
  RETURN_IF_ERROR(StandInForBackups(rehearsal, passphrase));
  RETURN_IF_ERROR(StandInForPeople(rehearsal, passphrase));
  const std::string file = rehearsal.Path("rehearsal.toml");
  RETURN_IF_ERROR(base::WriteNewFile(file, Rewritten(rehearsal)));
  return LoadPlan(file);
}

}  // namespace paygate::tools::ceremony
