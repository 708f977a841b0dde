// Which gateway a wallet's directory belongs to: wallet.json, written by `register`.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "participant/disk.h"

namespace paygate::wallet {

struct WalletConfig {
  std::string gateway_url;
  std::string root_pem;
  bool plain_http = false;
};

base::Result<std::optional<WalletConfig>> LoadConfig(participant::Disk& disk);
base::Status SaveConfig(participant::Disk& disk, const WalletConfig& config);

// $XDG_DATA_HOME/paygate if that variable is set, otherwise ~/.paygate; empty without a home.
std::string DefaultDirectory();

}  // namespace paygate::wallet
