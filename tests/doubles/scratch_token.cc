#include "tests/doubles/scratch_token.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "tests/doubles/places.h"
#include "tests/doubles/spawn.h"

namespace paygate::doubles {
namespace {

template <typename T>
T Must(base::Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>) return;
    else return std::move(*result);
  }
  std::cerr << "scratch token: " << result.error().ToString() << std::endl;
  std::abort();
}

}  // namespace

const char* const kSoftHsmModule = "/usr/lib/softhsm/libsofthsm2.so";

ScratchToken::ScratchToken(const std::string& label) : label_(label) {
  std::string pattern = (std::filesystem::temp_directory_path() / "paygate-token-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("scratch token: mkdtemp");
    std::abort();
  }
  directory_ = pattern;
  pin_ = base::HexEncode(base::RandomBytes(8));
  std::filesystem::create_directory(directory_ + "/tokens");
  Must(base::WriteNewFile(config_file(), "directories.tokendir = " + directory_ +
                                             "/tokens\nobjectstore.backend = file\n"
                                             "log.level = ERROR\nslots.removable = false\n"));
  Must(base::WriteNewFile(directory_ + "/pin", pin_));
  setenv("SOFTHSM2_CONF", config_file().c_str(), 1);
  Must(hsm::pkcs11::InitialiseToken(kSoftHsmModule, label_,
                                    base::SecretBytes::CopyOf("security officer"),
                                    base::SecretBytes::CopyOf(pin_)));
}

ScratchToken::~ScratchToken() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

hsm::pkcs11::TokenLocation ScratchToken::location() const {
  return {kSoftHsmModule, "pkcs11:token=" + label_, directory_ + "/pin"};
}

hsm::KeyInfo ScratchToken::Generate(const std::string& label, hsm::KeyType type,
                                    hsm::KeyUsage usage) {
  return Must(Must(hsm::pkcs11::OpenKeyAdmin(location()))->Generate(label, type, usage));
}

TokenProcess::TokenProcess(const ScratchToken& token, std::string socket,
                           std::vector<std::string> keys, std::vector<std::string> environment,
                           std::string module)
    : environment_(std::move(environment)), socket_(std::move(socket)) {
  auto location = token.location();
  if (!module.empty()) location.module_path = module;
  arguments_ = {doubles::Program("paygate-token"), "--module", location.module_path,
                "--token-uri", location.token_uri, "--pin-file", location.pin_file,
                "--socket", socket_, "--log-level", "warning"};
  for (const std::string& key : keys) {
    arguments_.push_back("--key");
    arguments_.push_back(key);
  }
  Start();
}

TokenProcess::~TokenProcess() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  Wait();
}

void TokenProcess::AddKey(const std::string& key) {
  arguments_.push_back("--key");
  arguments_.push_back(key);
}

void TokenProcess::Start() { pid_ = Spawn(arguments_, {.environment = environment_}); }

void TokenProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

int TokenProcess::Wait() {
  int status = 0;
  while (pid_ > 0 && waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

Ran RunProgram(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) std::abort();
  const pid_t pid =
      Spawn(arguments, {.environment = environment, .out = fds[1], .err = fds[1]});
  close(fds[1]);
  Ran ran{0, {}};
  char buffer[4096];
  for (ssize_t n; (n = read(fds[0], buffer, sizeof buffer)) > 0;) ran.output.append(buffer, n);
  close(fds[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace paygate::doubles
