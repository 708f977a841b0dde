// The opening of a ceremony: everything is looked at before anything is made.

#include <sys/stat.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "protocol/values.h"
#include "tools/ceremony/hall.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

constexpr mode_t kPublic = 0644;

// Where the plan writes, apart from the ceremony's own files.
std::vector<std::pair<std::string, std::string>> FilesOf(const Plan& plan) {  // file, step
  std::vector<std::pair<std::string, std::string>> files;
  for (const KeyPlan& key : plan.keys) {
    if (key.token.empty()) files.emplace_back(key.label, "key " + key.label);
  }
  for (const auto& each : plan.certificates) {
    files.emplace_back(each.file, "certificate " + each.file);
  }
  for (const auto& each : plan.crls) files.emplace_back(each.file, "crl " + each.file);
  for (const KeyPlan& key : plan.keys) {
    if (!key.backup) continue;
    const std::string step = "backup " + key.label;
    files.emplace_back(BackupFile(key.label), step);
    for (int i = 1; i <= static_cast<int>(plan.backup->custodians.size()); ++i) {
      files.emplace_back(ShareFile(key.label, i) + ".txt", step);
      files.emplace_back(ShareFile(key.label, i) + ".html", step);
    }
  }
  return files;
}

Status RefuseExistingFiles(const Plan& plan, const Transcript* transcript) {
  std::vector<std::pair<std::string, std::string>> files = FilesOf(plan);
  if (transcript == nullptr) {
    for (size_t i = 0; i < plan.existing.size(); ++i) files.emplace_back(ExistingCopy(i), "");
    for (const char* own : {"ceremony.toml", "gateway-id", "minute.html"}) {
      files.emplace_back(own, "");
    }
  }
  for (const auto& [file, step] : files) {
    if (transcript != nullptr && transcript->Last("begun", step) != nullptr) continue;
    if (FileExists(plan.Path(file))) {
      return Fail(ErrorCode::kAlreadyExists,
                  plan.Path(file) + " exists; nothing is ever overwritten: choose another "
                  "output_directory");
    }
  }
  return {};
}

Status RefuseExistingLabels(Hall& hall, const std::string& token, hsm::KeyAdmin& admin) {
  ASSIGN_OR_RETURN(std::vector<std::string> labels, admin.Labels());
  const auto refuse = [&](const std::string& label, const std::string& step) -> Status {
    if (hall.transcript && hall.transcript->Last("begun", step) != nullptr) return {};
    if (std::ranges::find(labels, label) == labels.end()) return {};
    return Fail(ErrorCode::kAlreadyExists, "token '" + token + "' already has a key labelled '" +
                                               label + "'; nothing is ever overwritten: choose "
                                               "another label or another token");
  };
  for (const KeyPlan& key : hall.plan.keys) {
    if (key.token == token) RETURN_IF_ERROR(refuse(key.label, "key " + key.label));
    if (key.backup && hall.plan.backup->restore_token == token) {
      RETURN_IF_ERROR(refuse(key.label, "backup " + key.label));
    }
  }
  for (const RestorePlan& each : hall.plan.restore) {
    if (each.token == token) RETURN_IF_ERROR(refuse(each.label, "restore " + each.label));
  }
  return {};
}

// The key of this label in the token, if it is this one: looked at before anything is made.
Status CheckKeyThere(Hall& hall, const std::string& token, const std::string& label,
                     const std::string& spki, const std::string& what) {
  ASSIGN_OR_RETURN(hsm::KeyAdmin * admin, hall.Token(token));
  auto there = admin->Describe(label);
  if (!there) {
    return Fail(there.error().code, what + ": token '" + token + "': " + there.error().message);
  }
  if (there->info.public_key_der == spki) return {};
  return Fail(ErrorCode::kInvalidArgument, what + ": key '" + label + "' in token '" + token +
                                               "' is another key");
}

Status CheckKeysOfOthers(Hall& hall) {
  for (const ExistingPlan& each : hall.plan.existing) {
    if (each.token.empty()) continue;
    ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(each.file, 1u << 20));
    auto certificate = protocol::Certificate::ParsePem(pem);
    if (!certificate) {
      return Fail(ErrorCode::kInvalidArgument, each.file + ": " + certificate.error().message);
    }
    RETURN_IF_ERROR(CheckKeyThere(hall, each.token, each.label, certificate->key().ToSpki(),
                                  each.file));
  }
  for (const SignatoryPlan& who : hall.plan.signatories) {
    if (who.token.empty()) continue;
    RETURN_IF_ERROR(CheckKeyThere(hall, who.token, who.label, who.public_key,
                                  who.role + " '" + who.name + "'"));
  }
  return {};
}

Status OpenTokens(Hall& hall) {
  for (const auto& [name, location] : hall.plan.tokens) {
    hsm::pkcs11::TokenLocation with_backups = location;
    for (const KeyPlan& key : hall.plan.keys) {
      if (key.backup) with_backups.backed_up_keys.push_back(key.label);
    }
    for (const RestorePlan& each : hall.plan.restore) {
      with_backups.backed_up_keys.push_back(each.label);
    }
    auto admin = hsm::pkcs11::OpenKeyAdmin(with_backups);
    if (!admin) {
      return Fail(admin.error().code, "token '" + name + "': " + admin.error().message);
    }
    RETURN_IF_ERROR(RefuseExistingLabels(hall, name, **admin));
    hall.tokens[name] = std::move(*admin);
  }
  return CheckKeysOfOthers(hall);
}

Status RecordTokens(Hall& hall) {
  for (const auto& [name, admin] : hall.tokens) {
    const auto& location = hall.plan.tokens.at(name);
    ASSIGN_OR_RETURN(hsm::TokenDescription token, admin->DescribeToken());
    ASSIGN_OR_RETURN(std::vector<std::string> labels, admin->Labels());
    ASSIGN_OR_RETURN(std::string module_hash, HashOfFile(location.module_path));
    RETURN_IF_ERROR(hall.transcript->Append({{"event", "token"},
                                             {"token", name},
                                             {"uri", location.token_uri},
                                             {"module", location.module_path},
                                             {"module_sha256", module_hash},
                                             {"library", token.library},
                                             {"library_version", token.library_version},
                                             {"label", token.label},
                                             {"manufacturer", token.manufacturer},
                                             {"model", token.model},
                                             {"serial", token.serial},
                                             {"hardware_version", token.hardware_version},
                                             {"firmware_version", token.firmware_version},
                                             {"keys", labels}},
                                            Transcript::Durability::kWithTheNext));
  }
  return {};
}

// Copies of the CAs that were there before, so that the artefacts can be verified by themselves.
Status CopyExisting(const Plan& plan) {
  for (size_t i = 0; i < plan.existing.size(); ++i) {
    const std::string copy = plan.Path(ExistingCopy(i));
    if (FileExists(copy)) continue;
    ASSIGN_OR_RETURN(std::string pem, base::ReadFile(plan.existing[i].file, 1u << 20));
    auto certificate = protocol::Certificate::ParsePem(pem);
    if (!certificate) {
      return Fail(ErrorCode::kInvalidArgument,
                  plan.existing[i].file + ": " + certificate.error().message);
    }
    RETURN_IF_ERROR(base::WriteNewFile(copy, certificate->ToPem(), kPublic));
  }
  return {};
}

ordered_json Signatories(const Plan& plan) {
  ordered_json all = ordered_json::array();
  for (const SignatoryPlan& who : plan.signatories) {
    all.push_back({{"role", who.role},
                   {"name", who.name},
                   {"public_key", base::Base64Encode(who.public_key)}});
  }
  return all;
}

Status Open(Hall& hall, const base::Clock& clock) {
  const Plan& plan = hall.plan;
  RETURN_IF_ERROR(base::MakePrivateDirectory(plan.output_directory));
  if (FileExists(plan.Path("transcript.jsonl"))) {
    return Fail(ErrorCode::kAlreadyExists,
                plan.Path("transcript.jsonl") + " exists: a ceremony was begun here. "
                "`paygate-ceremony resume` goes on with it; for another choose another "
                "output_directory");
  }
  RETURN_IF_ERROR(RefuseExistingFiles(plan, nullptr));
  RETURN_IF_ERROR(OpenTokens(hall));
  ASSIGN_OR_RETURN(std::string tool, HashOfFile("/proc/self/exe"));
  std::vector<std::string> steps;
  for (const Step& step : StepsOf(plan)) steps.push_back(step.id);
  hall.opened_at = clock.Now();
  if (plan.NeedsGatewayId()) {
    hall.gateway_id = plan.gateway_id.empty() ? protocol::NewNonce() : plan.gateway_id;
  }
  ASSIGN_OR_RETURN(hall.transcript, Transcript::Create(plan.Path("transcript.jsonl"), clock));
  RETURN_IF_ERROR(
      hall.transcript->Append({{"event", "opened"},
                               {"ceremony", Name(plan.kind)},
                               {"title", plan.title},
                               {"file_sha256", base::Sha256Base64Url(plan.text)},
                               {"tool_sha256", tool},
                               {"gateway_id", hall.gateway_id},
                               {"clock", PrintTime(hall.opened_at)},
                               {"steps", steps},
                               {"signatories", Signatories(plan)}}));
  RETURN_IF_ERROR(base::WriteNewFile(plan.Path("ceremony.toml"), plan.text, kPublic));
  if (!hall.gateway_id.empty()) {
    RETURN_IF_ERROR(base::WriteNewFile(plan.Path("gateway-id"), hall.gateway_id + "\n", kPublic));
  }
  RETURN_IF_ERROR(CopyExisting(plan));
  return RecordTokens(hall);
}

// The opening may itself have been interrupted.
Status FinishOpening(Hall& hall) {
  const Plan& plan = hall.plan;
  if (!FileExists(plan.Path("ceremony.toml"))) {
    RETURN_IF_ERROR(base::WriteNewFile(plan.Path("ceremony.toml"), plan.text, kPublic));
  }
  if (!hall.gateway_id.empty() && !FileExists(plan.Path("gateway-id"))) {
    RETURN_IF_ERROR(base::WriteNewFile(plan.Path("gateway-id"), hall.gateway_id + "\n", kPublic));
  }
  return CopyExisting(plan);
}

Status Resume(Hall& hall, const base::Clock& clock) {
  const Plan& plan = hall.plan;
  ASSIGN_OR_RETURN(hall.transcript, Transcript::Resume(plan.Path("transcript.jsonl"), clock));
  const Record& opened = hall.transcript->records().front();
  if (opened.event != "opened" ||
      opened.Text("file_sha256") != base::Sha256Base64Url(plan.text)) {
    return Fail(ErrorCode::kInvalidArgument,
                plan.path + " is not the file with which the ceremony in " +
                    plan.output_directory + " was begun; that one is beside the transcript, as "
                    "ceremony.toml");
  }
  hall.gateway_id = opened.Text("gateway_id");
  ASSIGN_OR_RETURN(hall.opened_at, ParseTime(opened.Text("clock")));
  RETURN_IF_ERROR(RefuseExistingFiles(plan, hall.transcript.get()));
  RETURN_IF_ERROR(OpenTokens(hall));
  ASSIGN_OR_RETURN(std::string tool, HashOfFile("/proc/self/exe"));
  RETURN_IF_ERROR(hall.transcript->Append({{"event", "resumed"}, {"tool_sha256", tool}}));
  RETURN_IF_ERROR(FinishOpening(hall));
  return RecordTokens(hall);
}

}  // namespace

Status OpenHall(Hall& hall, const base::Clock& clock) {
  return hall.options.resume ? Resume(hall, clock) : Open(hall, clock);
}

Result<std::string> HashOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string bytes, base::ReadFile(path, 256u << 20));
  return base::Sha256Base64Url(bytes);
}

bool IsDone(const std::vector<Record>& records, const Step& step) {
  return std::ranges::any_of(records, [&](const Record& record) {
    return record.step == step.id && (record.event == "done" || record.event == "closed" ||
                                      record.event == "signed");
  });
}

std::string ExistingCopy(size_t index) {
  return "existing-" + std::to_string(index + 1) + ".pem";
}

bool FileExists(const std::string& path) {
  struct stat ignored;
  return ::lstat(path.c_str(), &ignored) == 0;
}

}  // namespace paygate::tools::ceremony
