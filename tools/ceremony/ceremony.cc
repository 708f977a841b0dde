#include "tools/ceremony/ceremony.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/values.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/minute.h"
#include "tools/ceremony/signatory.h"

namespace paygate::tools::ceremony {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::Role;

Result<hsm::KeyAdmin*> Hall::Token(const std::string& name) {
  const auto at = tokens.find(name);
  if (at != tokens.end()) return at->second.get();
  return Fail(ErrorCode::kInvalidArgument, "there is no [token." + name + "]");
}

Result<Certificate> Hall::CertificateOf(const std::string& file) const {
  const bool ours = plan.FindCertificate(file) != nullptr;
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(ours ? plan.Path(file) : file, 1u << 20));
  ASSIGN_OR_RETURN(Certificate certificate, Certificate::ParsePem(pem));
  if (!ours) return certificate;
  const Record* done = transcript->Last("done", "certificate " + file);
  if (done != nullptr && done->Text("sha256") == certificate.fingerprint()) return certificate;
  return Fail(ErrorCode::kCertificateInvalid,
              plan.Path(file) + " is not the certificate that this ceremony made");
}

Result<protocol::PublicKey> Hall::PublicKeyOf(const std::string& label) const {
  const Record* done = transcript->Last("done", "key " + label);
  ASSIGN_OR_RETURN(std::string spki,
                   base::Base64Decode(done != nullptr ? done->Text("public_key") : ""));
  return protocol::PublicKey::FromSpki(spki);
}

Result<std::unique_ptr<hsm::Signer>> Hall::SignerOf(const std::string& file) {
  std::string token, label;
  if (const CertificatePlan* made = plan.FindCertificate(file)) {
    const KeyPlan* key = plan.FindKey(made->key);
    token = key->token;
    label = key->label;
  } else if (const ExistingPlan* existing = plan.FindExisting(file)) {
    token = existing->token;
    label = existing->label;
  }
  ASSIGN_OR_RETURN(hsm::KeyAdmin * admin, Token(token));
  return admin->SignerFor(label);
}

Result<Hall::Path> Hall::PathOf(const CertificatePlan& certificate) const {
  Path path;
  if (certificate.role == Role::kRoot) return path;
  ASSIGN_OR_RETURN(Certificate issuer, CertificateOf(certificate.issuer));
  if (certificate.role == Role::kIssuingCa) {
    path.anchor = std::move(issuer);
    return path;
  }
  // The issuing CA's own issuer: made here, or the existing certificate that verifies it.
  const CertificatePlan* made = plan.FindCertificate(certificate.issuer);
  std::vector<std::string> candidates;
  if (made != nullptr) candidates.push_back(made->issuer);
  if (made == nullptr) {
    for (const ExistingPlan& each : plan.existing) candidates.push_back(each.file);
  }
  for (const std::string& file : candidates) {
    ASSIGN_OR_RETURN(Certificate root, CertificateOf(file));
    if (!protocol::CertificateChecker::Create(root, {issuer})) continue;
    path.between.push_back(std::move(issuer));
    path.anchor = std::move(root);
    return path;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no [[existing]] certificate is the root of " + certificate.issuer + ": add the root "
              "there (without token)");
}

Status Hall::Begin(const Step& step, const std::string& answer, ordered_json more) {
  ordered_json all = {
      {"event", "begun"}, {"step", step.id}, {"words", step.words}, {"answer", answer}};
  if (more.is_object()) all.update(more);
  // A certificate's lint is recorded next, and durable before anything is signed.
  return transcript->Append(all, step.action == Action::kCertify
                                     ? Transcript::Durability::kWithTheNext
                                     : Transcript::Durability::kNow);
}

Status Hall::Done(const Step& step, ordered_json more) {
  ordered_json all = {{"event", "done"}, {"step", step.id}};
  all.update(more);
  return transcript->Append(all, Transcript::Durability::kWithTheNext);
}

ordered_json AttributesOf(const hsm::KeyDescription& key) {
  ordered_json attributes = ordered_json::object();
  for (const auto& [name, value] : key.attributes) attributes[name] = value;
  return attributes;
}

void Hall::Report(std::string what, std::string where, std::string fingerprint) {
  outcome.made.push_back({std::move(what), std::move(where), std::move(fingerprint)});
  if (options.progress) options.progress(outcome.made.back());
}

Status DoDestroy(Hall& hall, const Step& step, const std::string& answer) {
  const DestroyPlan& plan = hall.plan.destroy[step.index];
  std::string spki = plan.public_key;
  if (spki.empty()) {
    ASSIGN_OR_RETURN(std::string pem, base::ReadFile(plan.certificate, 1u << 20));
    ASSIGN_OR_RETURN(Certificate certificate, Certificate::ParsePem(pem));
    spki = certificate.key().ToSpki();
  }
  ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(plan.token));
  const std::string fingerprint = base::Sha256Base64Url(spki);
  auto before = token->Describe(plan.label);
  const bool gone = !before && before.error().code == ErrorCode::kNotFound;
  if (gone && !hall.Interrupted(step)) return std::unexpected(before.error());
  if (!gone) {
    if (!before) return std::unexpected(before.error());
    RETURN_IF_ERROR(hall.Begin(step, answer,
                               {{"public_key", base::Base64Encode(spki)},
                                {"sha256", fingerprint},
                                {"key_id", base::HexEncode(before->id)},
                                {"attributes", AttributesOf(*before)},
                                {"proved_by", "use, before it was destroyed"}}));
    RETURN_IF_ERROR(token->Destroy(plan.label, spki));
  }
  ASSIGN_OR_RETURN(std::vector<std::string> left, token->Labels());
  if (std::ranges::find(left, plan.label) != left.end()) {
    return Fail(ErrorCode::kInternal, "the token still has a key '" + plan.label + "'");
  }
  hall.Report("destroyed", plan.label + " in token " + plan.token, fingerprint);
  return hall.Done(step, {{"token", plan.token},
                          {"label", plan.label},
                          {"sha256", fingerprint},
                          {"keys_left", left},
                          {"adopted", gone}});
}

Status DoClose(Hall& hall, const Step& step, const std::string& answer) {
  RETURN_IF_ERROR(hall.Begin(step, answer));
  ordered_json files = ordered_json::array();
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(hall.plan.output_directory, error)) {
    const std::string name = entry.path().filename();
    if (name != "transcript.jsonl" && name != kMinuteFile) names.push_back(name);
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::string hash, HashOfFile(hall.plan.Path(name)));
    files.push_back({{"file", name}, {"sha256", hash}});
  }
  return hall.transcript->Append({{"event", "closed"},
                                  {"step", step.id},
                                  {"files", files},
                                  {"configuration", ConfigurationLines(hall.plan)}});
}

Status DoSign(Hall& hall, const Step& step, const std::string& answer) {
  const SignatoryPlan& who = hall.plan.signatories[step.index];
  RETURN_IF_ERROR(hall.Begin(step, answer));
  const Record* closed = hall.transcript->Last("closed");
  if (closed == nullptr) return Fail(ErrorCode::kInternal, "signed before it was closed");
  ASSIGN_OR_RETURN(auto signer, [&]() -> Result<std::unique_ptr<hsm::Signer>> {
    if (who.token.empty()) return OpenKeyFile(who);
    ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(who.token));
    return token->SignerFor(who.label);
  }());
  const Attestation what{.role = who.role,
                         .name = who.name,
                         .closed = closed->hash,
                         .prev = hall.transcript->records().back().hash,
                         .time = hall.transcript->NextTime()};
  ASSIGN_OR_RETURN(std::string jws, SignTranscript(what, *signer, who.public_key));
  return hall.transcript->Append(SignedMembers(what, jws));
}

namespace {

Status Do(Hall& hall, const Step& step, const std::string& answer) {
  switch (step.action) {
    case Action::kGenerate:
      return DoGenerate(hall, step, answer);
    case Action::kCertify:
      return DoCertify(hall, step, answer);
    case Action::kListRevoked:
      return DoListRevoked(hall, step, answer);
    case Action::kBackUp:
      return DoBackUp(hall, step, answer);
    case Action::kRestore:
      return DoRestore(hall, step, answer);
    case Action::kDestroy:
      return DoDestroy(hall, step, answer);
    case Action::kClose:
      return DoClose(hall, step, answer);
    case Action::kSign:
      return DoSign(hall, step, answer);
  }
  return Fail(ErrorCode::kInternal, "unknown step");
}

}  // namespace

Result<Outcome> HoldCeremony(const Plan& plan, const base::Clock& clock, const Options& options) {
  Hall hall{plan, options, nullptr, {}, {}, {}, {}};
  RETURN_IF_ERROR(OpenHall(hall, clock));
  const std::vector<Step> steps = StepsOf(plan);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (IsDone(hall.transcript->records(), steps[i])) continue;
    ASSIGN_OR_RETURN(std::string answer, options.confirm(steps[i], i + 1, steps.size()));
    auto done = Do(hall, steps[i], answer);
    if (!done) {
      // Recorded so that the minute can say why there was an interruption; best effort.
      (void)hall.transcript->Append(
          {{"event", "failed"}, {"step", steps[i].id}, {"why", done.error().message}});
      return Fail(done.error().code, steps[i].id + ": " + done.error().message);
    }
  }
  const std::string minute = plan.Path(kMinuteFile);
  if (!FileExists(minute)) {
    RETURN_IF_ERROR(base::WriteNewFile(minute, PrintMinute(hall.transcript->records()), 0644));
  }
  hall.outcome.gateway_id = hall.gateway_id;
  hall.outcome.configuration = ConfigurationLines(plan);
  hall.outcome.transcript_hash = hall.transcript->Last("closed")->hash;
  return std::move(hall.outcome);
}

}  // namespace paygate::tools::ceremony
