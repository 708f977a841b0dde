// paygated --config FILE [--check]: see docs/man/paygated.8.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>

#include "base/clock.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/reload.h"
#include "gateway/supervisor/supervisor.h"

namespace paygate::gateway {
using supervisor::ChildSpec;
using supervisor::Stage;

namespace {

constexpr int kStopped = 0, kFailed = 1, kConfigurationWrong = 2;

// What a program gets of our environment: where programs are, how logs are read, and what the
// sanitizers of a test build want.
constexpr const char* kInherited[] = {
    "PATH",          "TZ",           "JOURNAL_STREAM", "ASAN_OPTIONS",
    "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"};
// Where the token's module finds its token; the token process's alone.
constexpr const char* kTokenInherited[] = {"SOFTHSM2_CONF"};

// A token process ends when the module hangs or crashes, and its next start is the probe of whether
// the token is back; the gateway is to be back within two seconds of it.
constexpr std::chrono::milliseconds kLongestTokenDelay{500};

void Inherit(const char* name, std::vector<std::string>& environment) {
  if (const char* value = getenv(name)) environment.push_back(std::string(name) + "=" + value);
}

std::vector<std::string> Environment() {
  std::vector<std::string> environment;
  for (const char* name : kInherited) Inherit(name, environment);
  return environment;
}

// Who is woken does not interrupt who runs, in any of the gateway's processes: docs/decisions/0024.
void ScheduleAsBatch() {
  if (sched_getscheduler(0) != SCHED_OTHER) return;  // the operator has chosen
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_BATCH, &none) != 0) {
    base::LogWarning("scheduling.unchanged", {{"why", std::strerror(errno)}});
  }
}

std::string Beside(const std::string& configured, const char* name) {
  if (!configured.empty()) return configured;
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  const std::string path(self, size > 0 ? static_cast<size_t>(size) : 0);
  return path.substr(0, path.rfind('/') + 1) + name;
}

std::function<bool()> Answers(const std::string& socket) {
  return [socket] { return base::Channel::Connect(socket).has_value(); };
}

// The port the front took; empty: none yet.
std::string FrontPort(const Config& config) {
  auto text = base::ReadFile(config.FrontPortFile(), 16);
  if (!text) return "";
  while (text->ends_with('\n')) text->pop_back();
  return *text;
}

// True if programs can be run; otherwise says which cannot.
base::Status CheckPrograms(const std::vector<Stage>& stages) {
  for (const Stage& stage : stages) {
    for (const ChildSpec& child : stage) {
      if (access(child.program.c_str(), X_OK) == 0) continue;
      return base::Fail(
          base::ErrorCode::kNotFound,
          "cannot run " + child.program + "; install it beside paygated or name it in [programs]");
    }
  }
  return {};
}

ChildSpec TokenSpec(const Config& config, uint32_t index) {
  ChildSpec spec{"token-" + std::to_string(index),
                 Beside(config.programs.token, "paygate-token"),
                 {"--module", config.token.module, "--token-uri", config.token.uri, "--pin-file",
                  config.token.pin_file, "--socket", config.TokenSocket(index), "--sessions",
                  std::to_string(config.token.sessions), "--deadline-ms",
                  std::to_string(config.token.operation_deadline_ms.count())},
                 Environment(),
                 Answers(config.TokenSocket(index))};
  if (!config.token.pin_record.empty()) {
    spec.arguments.insert(spec.arguments.end(), {"--pin-record", config.token.pin_record});
  }
  for (const KeySpec& key : config.token.Keys()) {
    spec.arguments.push_back("--key");
    spec.arguments.push_back(key.label + ":" + key.purpose);
  }
  for (const std::string& label : config.token.backed_up_keys) {
    spec.arguments.insert(spec.arguments.end(), {"--backed-up-key", label});
  }
  for (const char* name : kTokenInherited) Inherit(name, spec.environment);
  spec.longest_delay = kLongestTokenDelay;
  return spec;
}

// In the order of starting: the engine needs token and bank, the front needs the engine.
std::vector<Stage> Stages(const Config& config, const std::string& file) {
  Stage first, engine, fronts;
  for (uint32_t i = 0; i < config.token.ProcessCount(); ++i) first.push_back(TokenSpec(config, i));
  first.push_back({"bank",
                   Beside(config.programs.bank, "paygate-bank"),
                   {"--plugin", config.bank.plugin, "--adapter-config", config.bank.config,
                    "--socket", config.BankSocket()},
                   Environment(),
                   Answers(config.BankSocket())});
  engine.push_back({"engine",
                    Beside(config.programs.engine, "paygate-engine"),
                    {"--config", file},
                    Environment(),
                    Answers(config.EngineSocket())});
  const auto front = [&](uint32_t index) {
    return ChildSpec{"front-" + std::to_string(index),
                     Beside(config.programs.front, "paygate-front"),
                     {"--config", file, "--index", std::to_string(index)},
                     Environment(),
                     [config] { return !FrontPort(config).empty(); }};
  };
  // The first decides the port; the others share it.
  Stage others;
  fronts.push_back(front(0));
  for (uint32_t i = 1; i < config.front.processes; ++i) others.push_back(front(i));
  std::vector<Stage> stages{std::move(first), std::move(engine), std::move(fronts),
                            std::move(others)};
  for (Stage& stage : stages) {
    for (ChildSpec& child : stage) {
      child.longest_delay = std::min(child.longest_delay, config.programs.longest_restart_delay_ms);
    }
  }
  return stages;
}

std::string Url(const Config& config) {
  std::string host = config.front.listen_address;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return (config.front.tls ? "https://" : "http://") + host + ":" + FrontPort(config);
}

// One gateway in a runtime directory: held by a lock on its file of the process's id.
class PidFile {
 public:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  ~PidFile() {
    if (fd_ < 0) return;
    if (locked_) unlink(path_.c_str());
    close(fd_);
  }
  base::Status Take() {
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      return base::Fail(
          base::ErrorCode::kAlreadyExists,
          "another paygated holds " + path_ + "; stop it, or set another runtime_directory");
    }
    locked_ = true;
    const std::string text = std::to_string(getpid()) + "\n";
    if (ftruncate(fd_, 0) != 0 || write(fd_, text.data(), text.size()) < 0) {
      return base::Fail(base::ErrorCode::kIo, "cannot write " + path_);
    }
    return {};
  }

 private:
  const std::string path_;
  int fd_ = -1;
  bool locked_ = false;
};

void RemoveLeftovers(const Config& config) {
  unlink(config.FrontPortFile().c_str());
  unlink(config.EngineSocket().c_str());
  unlink(config.BankSocket().c_str());
  unlink(config.ReloadOutcomeFile().c_str());
  for (uint32_t i = 0; i < config.token.ProcessCount(); ++i) {
    unlink(config.TokenSocket(i).c_str());
  }
}

// systemd wants to know when a reload begins, by which clock, and that it is over.
void Reload(Reloading& reloading) {
  const auto now = base::SystemClock().Monotonic().time_since_epoch();  // CLOCK_MONOTONIC
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
             static_cast<long long>(
                 std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
  const base::Status done = reloading.Run();
  if (done) {
    base::LogInfo("reload.done");
  } else {
    base::LogError("reload.refused", {{"why", done.error().message}});
  }
  sd_notifyf(0, "READY=1\nSTATUS=%s",
             done ? "" : ("Reload refused: " + done.error().message).c_str());
}

int Serve(const Config& config, const std::string& file, const std::vector<Stage>& stages) {
  const auto report = [](const base::Error& error) {
    base::LogError("cannot-serve", {{"error", error.message}});
    return kFailed;
  };
  if (auto made = base::MakePrivateDirectory(config.runtime_directory); !made) {
    return report(made.error());
  }
  if (auto made = base::MakePrivateDirectory(config.state_directory); !made) {
    return report(made.error());
  }
  PidFile pid_file(config.runtime_directory + "/paygated.pid");
  if (auto taken = pid_file.Take(); !taken) return report(taken.error());
  RemoveLeftovers(config);  // of a gateway that was killed
  const base::SystemClock clock;
  const auto supervisor = supervisor::Supervisor::Create(stages, clock);
  Reloading reloading(file, config, *supervisor, TokenSpec);
  const auto served = supervisor->Run(
      [&] {
        std::cout << "ready " << Url(config) << std::endl;
        sd_notify(0, "READY=1");
      },
      [&] { Reload(reloading); });
  sd_notify(0, "STOPPING=1");
  RemoveLeftovers(config);
  if (!served) return report(served.error());
  base::LogInfo("stopped");
  return kStopped;
}

}  // namespace
}  // namespace paygate::gateway

int main(int argc, char** argv) {
  using namespace paygate;
  using namespace paygate::gateway;
  CLI::App app(
      "Starts, watches and stops the gateway's processes. SIGHUP has it take up new keys and "
      "certificates from its configuration without a stop (docs/operations/rotation.md).");
  std::string file;
  bool check = false;
  app.add_option("--config", file, "the gateway's configuration")->required();
  app.add_flag("--check", check, "only say whether the configuration is right");
  CLI11_PARSE(app, argc, argv);

  const auto config = LoadConfig(file);
  if (!config) {
    std::cerr << config.error().message << "\n";
    return kConfigurationWrong;
  }
  const std::vector<Stage> stages = Stages(*config, file);
  base::Status files = CheckFiles(*config);
  if (files) files = CheckPrograms(stages);
  if (!files) {
    std::cerr << files.error().message << "\n";
    return kConfigurationWrong;
  }
  if (check) {
    std::cout << file << " is right\n";
    return 0;
  }
  base::InitLog("paygated", *base::ParseLogLevel(config->log_level));
  ScheduleAsBatch();
  return Serve(*config, file, stages);
}
