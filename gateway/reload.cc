#include "gateway/reload.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/file.h"

namespace paygate::gateway {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Status;

constexpr std::chrono::seconds kProveKeys{30};
constexpr std::chrono::seconds kEngineAnswers{90};
constexpr size_t kMaxOutcomeBytes = 4096;

void AddNew(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& each : from) {
    if (std::ranges::find(to, each) == to.end()) to.push_back(each);
  }
}

// `config` with the keys of `former` too: what token processes offer during the change-over.
Config WithKeysOf(Config config, const Config& former) {
  AddNew(config.token.signature_key, former.token.signature_key);
  AddNew(config.token.encryption_key, former.token.encryption_key);
  AddNew(config.token.issuing_ca_key, former.token.issuing_ca_key);
  AddNew(config.token.backed_up_keys, former.token.backed_up_keys);
  return config;
}

}  // namespace

Reloading::Reloading(std::string file, Config running, supervisor::Supervisor& supervisor,
                     TokenSpec token_spec)
    : file_(std::move(file)),
      running_(std::move(running)),
      supervisor_(supervisor),
      token_spec_(std::move(token_spec)) {}

base::Result<Config> Reloading::Read() const {
  ASSIGN_OR_RETURN(Config config, LoadConfig(file_));
  RETURN_IF_ERROR(CheckFiles(config));
  RETURN_IF_ERROR(CheckReloadable(running_, config));
  return config;
}

// A process of its own, so that a label that is not there costs none of those that serve.
Status Reloading::ProveKeys(const Config& config) const {
  supervisor::ChildSpec spec = token_spec_(config, 0);
  spec.name = "token-check";
  spec.arguments.push_back("--check");
  const auto status = supervisor_.RunOnce(spec, kProveKeys);
  if (status == 0) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "the keys named in [token] cannot be used; the log lines of paygate-token above say "
              "why");
}

void Reloading::StartTokensWith(const Config& config) const {
  for (uint32_t i = 0; i < config.token.ProcessCount(); ++i) {
    supervisor_.Change(token_spec_(config, i));
  }
}

Status Reloading::TellEngine() const {
  const std::string outcome = running_.ReloadOutcomeFile();
  RETURN_IF_ERROR(base::RemoveFileDurably(outcome));
  if (!supervisor_.Signal("engine", SIGHUP)) {
    return Fail(ErrorCode::kInvalidArgument, "the engine does not run now; try again");
  }
  const auto answered = [&] { return access(outcome.c_str(), F_OK) == 0; };
  if (!supervisor_.Await(answered, kEngineAnswers)) {
    return Fail(ErrorCode::kInvalidArgument, "the engine did not answer in time");
  }
  ASSIGN_OR_RETURN(std::string line, base::ReadFile(outcome, kMaxOutcomeBytes));
  while (line.ends_with('\n')) line.pop_back();
  if (line == kReloadDone) return {};
  if (line.starts_with(kReloadRefused)) line.erase(0, kReloadRefused.size());
  return Fail(ErrorCode::kInvalidArgument, line);
}

Status Reloading::Run() {
  auto wanted = Read();
  if (!wanted) return std::unexpected(wanted.error());
  RETURN_IF_ERROR(ProveKeys(*wanted));
  StartTokensWith(WithKeysOf(*wanted, running_));
  if (Status told = TellEngine(); !told) {
    StartTokensWith(running_);
    return told;
  }
  running_ = std::move(*wanted);
  StartTokensWith(running_);
  return {};
}

}  // namespace paygate::gateway
