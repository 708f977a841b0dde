#include "tools/load/options.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "base/file.h"
#include "gateway/config.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxRootBytes = 64u << 10;

// Where its front listens, by its configuration and the port that it took.
base::Result<std::string> UrlOf(const gateway::Config& config) {
  std::string port = std::to_string(config.front.port);
  if (config.front.port == 0) {
    ASSIGN_OR_RETURN(port, base::ReadFile(config.FrontPortFile(), 64));
    while (port.ends_with('\n')) port.pop_back();
  }
  std::string host = config.front.listen_address;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.contains(':')) host = "[" + host + "]";
  return (config.front.tls ? "https://" : "http://") + host + ":" + port;
}

base::Status TakeConfig(Target& target) {
  ASSIGN_OR_RETURN(const auto config, gateway::LoadConfig(target.config_file));
  if (target.url.empty()) {
    ASSIGN_OR_RETURN(target.url, UrlOf(config));
  }
  if (target.root_file.empty()) target.root_file = config.certificates.root;
  if (target.control_socket.empty()) target.control_socket = config.ControlSocket();
  const std::string module = config.token.module;
  target.facts = {{"front processes", std::to_string(config.front.processes)},
                  {"engine workers", std::to_string(config.engine.workers)},
                  {"engine queue", std::to_string(config.engine.queue)},
                  {"token processes", std::to_string(config.token.ProcessCount())},
                  {"token module", module.substr(module.rfind('/') + 1)},
                  {"bank adapter", config.bank.name}};
  const bool embedded = config.bank.plugin.ends_with("bank_embedded.so");
  if (embedded && target.bank_config.empty() && target.bank_admin.empty()) {
    target.bank_config = config.bank.config;
  }
  return {};
}

}  // namespace

base::Status Resolve(Target& target) {
  if (!target.config_file.empty()) RETURN_IF_ERROR(TakeConfig(target));
  if (target.url.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "which gateway? Give --gateway URL, or --config FILE");
  }
  if (target.root_file.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--root is missing: the operator's root certificate, PEM");
  }
  ASSIGN_OR_RETURN(target.root_pem, base::ReadFile(target.root_file, kMaxRootBytes));
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  target.bank_tool = (self.parent_path() / "paygate-embedded-bank").string();
  return {};
}

std::unique_ptr<Bank> BankOf(const Target& target) {
  if (target.no_bank_check) return nullptr;
  if (!target.bank_admin.empty()) return SimulatedBank(target.bank_admin, target.root_pem);
  if (!target.bank_config.empty()) return EmbeddedBank(target.bank_tool, target.bank_config);
  return nullptr;
}

base::Result<std::vector<std::pair<std::string, double>>> ParseWeights(const std::string& text) {
  std::vector<std::pair<std::string, double>> weights;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    at = end + 1;
    const size_t equals = std::min(part.find('='), part.size());
    double weight = 1;
    if (equals < part.size()) {
      const char* last = part.data() + part.size();
      const auto read = std::from_chars(part.data() + equals + 1, last, weight);
      if (read.ec != std::errc() || read.ptr != last || !(weight >= 0) || weight > 1e9) {
        return Fail(ErrorCode::kInvalidArgument,
                    "'" + part + "': after '=' stands a number, as in purchase=9,mailbox=1");
      }
    }
    if (equals == 0) {
      return Fail(ErrorCode::kInvalidArgument, "a name is missing in '" + text + "'");
    }
    weights.emplace_back(part.substr(0, equals), weight);
  }
  return weights;
}

base::Result<Mix> ParseMix(const std::string& text) {
  ASSIGN_OR_RETURN(const auto weights, ParseWeights(text));
  Mix mix{};
  double sum = 0;
  for (const auto& [name, weight] : weights) {
    size_t kind = 0;
    while (kind < kKinds && Name(static_cast<Kind>(kind)) != name) ++kind;
    if (kind == kKinds) {
      return Fail(
          ErrorCode::kInvalidArgument,
          "nobody can do '" + name + "': purchase, sale, payment, mailbox, registration, hostile");
    }
    mix[kind] = weight;
    sum += weight;
  }
  if (sum <= 0) return Fail(ErrorCode::kInvalidArgument, "the mix is of nothing");
  return mix;
}

std::string Print(const Mix& mix) {
  std::string out;
  for (size_t i = 0; i < kKinds; ++i) {
    if (mix[i] <= 0) continue;
    char number[32];
    std::snprintf(number, sizeof number, "%g", mix[i]);
    out += (out.empty() ? "" : ",") + std::string(Name(static_cast<Kind>(i))) + "=" + number;
  }
  return out;
}

}  // namespace paygate::load
