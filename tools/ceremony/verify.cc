// Everything again, from the files alone.
#include "tools/ceremony/verify.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/crl.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/key_backup.h"
#include "tools/ceremony/lint.h"
#include "tools/ceremony/minute.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::Role;

struct Archive {
  std::string directory;
  const Plan& plan;
  std::vector<Record> records;

  std::string Path(const std::string& file) const { return directory + "/" + file; }
  const Record* Done(const std::string& step) const { return FindLast(records, "done", step); }
};

auto Bad(std::string sentence) { return Fail(ErrorCode::kMalformed, std::move(sentence)); }

Result<Certificate> ReadCertificate(const std::string& path) {
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(path, 1u << 20));
  return Certificate::ParsePem(pem);
}

// A file of this ceremony, or the copy of an existing one.
Result<Certificate> CertificateOf(const Archive& archive, const std::string& file) {
  if (archive.plan.FindCertificate(file) != nullptr) return ReadCertificate(archive.Path(file));
  for (size_t i = 0; i < archive.plan.existing.size(); ++i) {
    if (archive.plan.existing[i].file == file) {
      return ReadCertificate(archive.Path(ExistingCopy(i)));
    }
  }
  return Bad("no certificate " + file);
}

Status CheckKey(const Archive& archive, const KeyPlan& key) {
  const Record* done = archive.Done("key " + key.label);
  if (done == nullptr) return Bad("was not made");
  ASSIGN_OR_RETURN(std::string spki, base::Base64Decode(done->Text("public_key")));
  ASSIGN_OR_RETURN(auto public_key, protocol::PublicKey::FromSpki(spki));
  if (done->Text("sha256") != base::Sha256Base64Url(spki)) return Bad("its fingerprint is wrong");
  if (key.token.empty()) return {};
  if (done->Text("type") != hsm::Name(key.type)) return Bad("is of another type than planned");
  const ordered_json attributes = ordered_json::parse(done->Json("attributes"), nullptr, false);
  const auto is = [&](const char* name, bool wanted) {
    const auto at = attributes.is_object() ? attributes.find(name) : attributes.end();
    return at != attributes.end() && at->is_boolean() && at->get<bool>() == wanted;
  };
  const bool sign = key.usage == hsm::KeyUsage::kSign;
  const bool rsa = key.type != hsm::KeyType::kP256 && key.type != hsm::KeyType::kEd25519;
  if (!is("CKA_PRIVATE", true) || !is("CKA_SENSITIVE", true) || !is("CKA_LOCAL", true) ||
      !is("CKA_ALWAYS_SENSITIVE", true) || !is("CKA_EXTRACTABLE", key.backup) ||
      !is("CKA_NEVER_EXTRACTABLE", !key.backup)) {
    return Bad("its recorded attributes let it out of the token");
  }
  if (!is("CKA_SIGN", sign) || !is("CKA_DECRYPT", !sign && rsa) ||
      !is("CKA_DERIVE", !sign && !rsa) || !is("CKA_UNWRAP", false)) {
    return Bad("its recorded usages are not the planned one alone");
  }
  return {};
}

Status CheckPath(const Archive& archive, const CertificatePlan& plan, const Certificate& made,
                 const Certificate* issuer) {
  const base::UnixTime at = made.not_before();
  if (issuer == nullptr) {
    RETURN_IF_ERROR(VerifyStrictly(made, {}, made, at));
    auto checked = protocol::CertificateChecker::Create(made, {});
    return checked ? Status{} : std::unexpected(checked.error());
  }
  if (plan.role == Role::kIssuingCa) {
    RETURN_IF_ERROR(VerifyStrictly(made, {}, *issuer, at));
    auto checked = protocol::CertificateChecker::Create(*issuer, {made});
    return checked ? Status{} : std::unexpected(checked.error());
  }
  std::vector<std::string> roots;
  for (const auto& each : archive.plan.certificates) {
    if (each.role == Role::kRoot) roots.push_back(each.file);
  }
  for (const auto& each : archive.plan.existing) roots.push_back(each.file);
  for (const std::string& file : roots) {
    ASSIGN_OR_RETURN(Certificate root, CertificateOf(archive, file));
    auto checker = protocol::CertificateChecker::Create(root, {*issuer});
    if (!checker) continue;
    RETURN_IF_ERROR(VerifyStrictly(made, {*issuer}, root, at));
    return checker->Check(made, plan.role, at);
  }
  return Bad("there is no root for its path");
}

Status CheckCertificate(const Archive& archive, const CertificatePlan& plan) {
  const Record* done = archive.Done("certificate " + plan.file);
  const Record* linted = FindLast(archive.records, "linted", "certificate " + plan.file);
  const Record* key = archive.Done("key " + plan.key);
  if (done == nullptr || linted == nullptr || key == nullptr) return Bad("was not made");
  ASSIGN_OR_RETURN(Certificate made, ReadCertificate(archive.Path(plan.file)));
  if (base::Base64Encode(made.der()) != done->Text("certificate")) {
    return Bad("is not the certificate that the transcript has");
  }
  if (base::Base64Encode(TbsOf(made)) != linted->Text("tbs")) {
    return Bad("what was signed is not what was linted");
  }
  if (base::Base64Encode(made.key().ToSpki()) != key->Text("public_key")) {
    return Bad("certifies another key than the one that was made");
  }
  std::optional<Certificate> issuer;
  if (plan.role != Role::kRoot) {
    ASSIGN_OR_RETURN(issuer, CertificateOf(archive, plan.issuer));
  }
  auto rules = LintCertificate(made, issuer ? &*issuer : nullptr, plan.role);
  if (!rules) return std::unexpected(rules.error());
  return CheckPath(archive, plan, made, issuer ? &*issuer : nullptr);
}

Status CheckRevocationList(const Archive& archive, const CrlPlan& plan) {
  const Record* done = archive.Done("crl " + plan.file);
  if (done == nullptr) return Bad("was not made");
  ASSIGN_OR_RETURN(std::string der, base::ReadFile(archive.Path(plan.file), 1u << 20));
  if (base::Sha256Base64Url(der) != done->Text("sha256")) return Bad("was changed");
  ASSIGN_OR_RETURN(Certificate issuer, CertificateOf(archive, plan.issuer));
  auto list = protocol::ReadCrl(der, issuer);
  return list ? Status{} : std::unexpected(list.error());
}

Status CheckDestruction(const Archive& archive, const DestroyPlan& plan) {
  const std::string step = "destroy " + plan.token + " " + plan.label;
  const Record* done = archive.Done(step);
  const Record* begun = FindLast(archive.records, "begun", step);
  if (done == nullptr || begun == nullptr) return Bad("was not destroyed");
  const auto left = done->Texts("keys_left");
  if (std::ranges::find(left, plan.label) != left.end()) return Bad("is still in the token");
  ASSIGN_OR_RETURN(std::string spki, base::Base64Decode(begun->Text("public_key")));
  if (base::Sha256Base64Url(spki) != done->Text("sha256") ||
      (!plan.public_key.empty() && plan.public_key != spki)) {
    return Bad("another key was destroyed than planned");
  }
  return {};
}

// That the backup's file is what was made, that it was restored, and that the key was closed.
Status CheckBackup(const Archive& archive, const KeyPlan& key) {
  const Record* done = archive.Done("backup " + key.label);
  const Record* made = archive.Done("key " + key.label);
  if (done == nullptr || made == nullptr) return Bad("was not made");
  ASSIGN_OR_RETURN(const std::string json,
                   base::ReadFile(archive.Path(BackupFile(key.label)), 1u << 16));
  ASSIGN_OR_RETURN(const KeyBackup backup, ParseKeyBackup(json));
  const std::string spki = base::Base64Encode(backup.key.public_key_der);
  if (spki != made->Text("public_key") || spki != done->Text("public_key")) {
    return Bad("is of another key, or another key was restored from it");
  }
  if (backup.threshold != archive.plan.backup->threshold ||
      backup.shares.size() != archive.plan.backup->custodians.size()) {
    return Bad("has another threshold or other custodians than planned");
  }
  const ordered_json attributes = ordered_json::parse(done->Json("attributes"), nullptr, false);
  if (attributes.is_object() && attributes.value("CKA_EXTRACTABLE", ordered_json()) == false) {
    return {};
  }
  return Bad("was not closed afterwards: the key can still leave its token");
}

Status CheckRestored(const Archive& archive, const RestorePlan& plan) {
  const Record* done = archive.Done("restore " + plan.label);
  if (done == nullptr) return Bad("was not restored");
  ASSIGN_OR_RETURN(std::string spki, base::Base64Decode(done->Text("public_key")));
  if (base::Sha256Base64Url(spki) == done->Text("sha256")) return {};
  return Bad("its fingerprint is wrong");
}

// Every file as it was when the transcript was closed, and none besides.
void CheckFiles(const Archive& archive, Verdict& verdict) {
  const Record* closed = FindLast(archive.records, "closed", {});
  if (closed == nullptr) return;
  const ordered_json files = ordered_json::parse(closed->Json("files"), nullptr, false);
  std::set<std::string> known = {"transcript.jsonl", kMinuteFile};
  size_t same = 0;
  for (const ordered_json& each : files.is_array() ? files : ordered_json::array()) {
    const bool fits = each.is_object() && each.contains("file") && each["file"].is_string() &&
                      each.contains("sha256") && each["sha256"].is_string();
    if (!fits) continue;
    const std::string name = each["file"].get<std::string>();
    known.insert(name);
    if (name.find('/') != std::string::npos) continue;
    auto hash = HashOfFile(archive.Path(name));
    if (!hash && !FileExists(archive.Path(name))) {
      verdict.Note(name + " is not here: it was not checked");
    } else if (!hash || *hash != each["sha256"].get<std::string>()) {
      verdict.Bad(name + " was changed since the ceremony, or cannot be read");
    } else {
      ++same;
    }
  }
  verdict.Good(std::to_string(same) + " files have the SHA-256 that was recorded");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(archive.directory, error)) {
    const std::string name = entry.path().filename();
    if (!known.contains(name)) verdict.Bad(name + " was not there when the ceremony was closed");
  }
}

void CheckMinute(const Archive& archive, Verdict& verdict) {
  if (!FileExists(archive.Path(kMinuteFile))) {
    return verdict.Note("minute.html is not here: `paygate-ceremony minute` prints it again");
  }
  auto minute = base::ReadFile(archive.Path(kMinuteFile));
  if (minute && *minute == PrintMinute(archive.records)) {
    return verdict.Good("minute.html says what the transcript says");
  }
  verdict.Bad("minute.html is not what this program prints of the transcript: it was changed, or "
              "printed by another version of it");
}

void Tell(Verdict& verdict, const std::string& what, const std::string& good,
          const Status& status) {
  if (status) return verdict.Good(what + good);
  verdict.Bad(what + ": " + status.error().message);
}

void CheckThings(const Archive& archive, Verdict& verdict) {
  std::vector<std::string> expected;
  for (const Step& step : StepsOf(archive.plan)) expected.push_back(step.id);
  if (archive.records.front().Texts("steps") != expected) {
    verdict.Bad("the steps are not those of the ceremony's file");
  }
  for (const KeyPlan& key : archive.plan.keys) {
    Tell(verdict, "key " + key.label,
         key.token.empty() ? ", a file"
         : key.backup      ? ": made in its token, sensitive, one usage; has a backup"
                           : ": made in its token, sensitive, never extractable, one usage",
         CheckKey(archive, key));
  }
  for (const auto& each : archive.plan.certificates) {
    Tell(verdict, each.file, ": what was linted was signed; RFC 5280 and its path hold",
         CheckCertificate(archive, each));
  }
  for (const auto& each : archive.plan.crls) {
    Tell(verdict, each.file, ": signed by its issuer", CheckRevocationList(archive, each));
  }
  for (const auto& each : archive.plan.destroy) {
    Tell(verdict, "key " + each.label, ": proved by use, destroyed, and not found again",
         CheckDestruction(archive, each));
  }
  for (const KeyPlan& key : archive.plan.keys) {
    if (!key.backup) continue;
    Tell(verdict, "backup of " + key.label, ": restored into a second token, proved by use; closed",
         CheckBackup(archive, key));
  }
  for (const auto& each : archive.plan.restore) {
    Tell(verdict, "key " + each.label, ": restored, proved by use", CheckRestored(archive, each));
  }
  for (size_t i = 0; i < archive.plan.existing.size(); ++i) {
    auto certificate = ReadCertificate(archive.Path(ExistingCopy(i)));
    if (!certificate) {
      verdict.Bad(ExistingCopy(i) + ": " + certificate.error().message);
      continue;
    }
    verdict.Note(ExistingCopy(i) + " was there before and is taken as it is: compare its SHA-256 " +
                 "with the one that you know, " + certificate->fingerprint());
  }
  CheckFiles(archive, verdict);
}

}  // namespace

Verdict VerifyArtefacts(const std::string& directory, const Plan* reviewed) {
  Verdict verdict;
  auto text = base::ReadFile(directory + "/transcript.jsonl");
  auto copy = LoadPlan(directory + "/ceremony.toml");
  if (!text) verdict.Bad("transcript.jsonl: " + text.error().message);
  if (!copy) verdict.Bad("ceremony.toml: " + copy.error().message);
  if (!text || !copy) return verdict;
  verdict = VerifyTranscript(*text, reviewed);
  auto records = ParseTranscript(*text);
  if (!records) return verdict;
  if (records->front().Text("file_sha256") != base::Sha256Base64Url(copy->text)) {
    verdict.Bad("ceremony.toml is not the file by which the ceremony was held");
    return verdict;
  }
  const Archive archive{directory, *copy, std::move(*records)};
  CheckThings(archive, verdict);
  CheckMinute(archive, verdict);
  return verdict;
}

}  // namespace paygate::tools::ceremony
