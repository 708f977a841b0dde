// ScratchToken: a real SoftHSM token in a temporary directory of its own, and TokenProcess: real
// paygate-token processes that serve it. For tests; aborts with a message where set-up fails.
//
// One ScratchToken at a time in a process: SOFTHSM2_CONF is the process' environment.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "hsm/key_admin.h"
#include "hsm/pkcs11/key_admin.h"

namespace paygate::doubles {

extern const char* const kSoftHsmModule;

class ScratchToken {
 public:
  explicit ScratchToken(const std::string& label = "paygate");
  ~ScratchToken();  // removes the directory
  ScratchToken(const ScratchToken&) = delete;

  const std::string& directory() const { return directory_; }
  std::string config_file() const { return directory_ + "/softhsm2.conf"; }
  const std::string& pin() const { return pin_; }
  hsm::pkcs11::TokenLocation location() const;
  // Generates through KeyAdmin.
  hsm::KeyInfo Generate(const std::string& label, hsm::KeyType type, hsm::KeyUsage usage);

 private:
  std::string directory_;
  std::string label_;
  std::string pin_;
};

// One paygate-token. Restart() is what its supervisor would do.
class TokenProcess {
 public:
  // `keys` as --key takes them. Waits for nothing: TokenClient does.
  TokenProcess(const ScratchToken& token, std::string socket, std::vector<std::string> keys,
               std::vector<std::string> environment = {}, std::string module = {});
  ~TokenProcess();  // kills and reaps
  TokenProcess(const TokenProcess&) = delete;

  const std::string& socket() const { return socket_; }
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Reaps; the wait status as waitpid gives it.
  int Wait();
  void Start();
  void AddKey(const std::string& key);  // from its next Start() on

 private:
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  const std::string socket_;
  pid_t pid_ = -1;
};

// Runs a program to its end.
struct Ran {
  int exit_code;       // 128 + signal where one ended it
  std::string output;  // standard output and standard error
};
Ran RunProgram(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment = {});

}  // namespace paygate::doubles
