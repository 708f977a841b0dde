// wallet.json: {"version":1,"gateway":URL,"root":PEM,"plain_http":0|1}
#include "tools/wallet/config.h"

#include <cstdlib>

#include "protocol/json.h"

namespace paygate::wallet {
namespace {
constexpr char kFile[] = "wallet.json";
}

base::Result<std::optional<WalletConfig>> LoadConfig(participant::Disk& disk) {
  ASSIGN_OR_RETURN(auto text, disk.Read(kFile));
  if (!text) return std::optional<WalletConfig>();
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(*text));
  WalletConfig config;
  const int64_t version = o.TakeInteger("version");
  config.gateway_url = o.TakeString("gateway");
  config.root_pem = o.TakeString("root");
  config.plain_http = o.TakeInteger("plain_http") != 0;
  RETURN_IF_ERROR(o.Finish());
  if (version != 1) {
    return base::Fail(base::ErrorCode::kMalformed,
                      "wallet.json was written by a newer program; update this one");
  }
  return std::optional<WalletConfig>(std::move(config));
}

base::Status SaveConfig(participant::Disk& disk, const WalletConfig& config) {
  return disk.Replace(kFile, protocol::JsonWriter()
                                 .Integer("version", 1)
                                 .String("gateway", config.gateway_url)
                                 .String("root", config.root_pem)
                                 .Integer("plain_http", config.plain_http ? 1 : 0)
                                 .Take());
}

std::string DefaultDirectory() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::string(data) + "/paygate";
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.paygate" : std::string();
}

}  // namespace paygate::wallet
