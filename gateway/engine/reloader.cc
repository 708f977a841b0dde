#include "gateway/engine/reloader.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "hsm/token/client.h"

namespace paygate::gateway::engine {
namespace {

using base::Status;

std::vector<std::string> Labels(const Config& config) {
  std::vector<std::string> labels;
  for (const KeySpec& key : config.token.Keys()) labels.push_back(key.label);
  return labels;
}

}  // namespace

Reloader::Reloader(std::string config_path, Config running, hsm::token::TokenClient& token,
                   KeysInForce& keys, const base::Clock& clock)
    : config_path_(std::move(config_path)),
      running_(std::move(running)),
      token_(token),
      keys_(keys),
      clock_(clock) {}

Reloader::~Reloader() {
  if (thread_.joinable()) thread_.join();
}

void Reloader::Start() {
  if (busy_.exchange(true)) return base::LogWarning("reload.busy");
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this] {
    Run();
    busy_ = false;
  });
}

void Reloader::Run() {
  const Status done = TakeUp();
  std::string line(kReloadDone);
  if (done) {
    const auto keys = keys_.Get();
    base::LogInfo("reload.done",
                  {{"signature", keys->Signature().certificate.fingerprint()},
                   {"encryption", keys->Encryption().certificate.fingerprint()},
                   {"issuing_ca", keys->Issuing().certificate.fingerprint()}});
  } else {
    base::LogError("reload.refused", {{"why", done.error().message}});
    line = std::string(kReloadRefused) + done.error().message;
  }
  if (auto said = base::ReplaceFile(running_.ReloadOutcomeFile(), line + "\n"); !said) {
    base::LogError("reload.unsaid", {{"why", said.error().message}});
  }
}

Status Reloader::TakeUp() {
  ASSIGN_OR_RETURN(Config wanted, LoadConfig(config_path_));
  RETURN_IF_ERROR(CheckReloadable(running_, wanted));
  // Until the change-over has happened the former keys are in use too.
  std::vector<std::string> both = Labels(wanted);
  for (const std::string& label : Labels(running_)) {
    if (std::ranges::find(both, label) == both.end()) both.push_back(label);
  }
  const auto load = [&]() -> base::Result<std::shared_ptr<const GatewayKeys>> {
    RETURN_IF_ERROR(token_.Require(both));
    return GatewayKeys::Load(wanted, token_, clock_.Now());
  };
  auto keys = load();
  if (!keys) {
    (void)token_.Require(Labels(running_));  // all offer these
    return std::unexpected(keys.error());
  }
  keys_.Replace(std::move(*keys));
  running_ = std::move(wanted);
  return token_.Require(Labels(running_));  // all offer these, and perhaps more
}

}  // namespace paygate::gateway::engine
