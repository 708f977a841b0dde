#include "tests/gateway/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/doubles/spawn.h"

namespace paygate::gateway::testing {

Scratch::Scratch() {
  char name[] = "/tmp/paygate-test-XXXXXX";
  path_ = mkdtemp(name);
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Scratch::Write(const std::string& name, const std::string& text, int mode) const {
  const std::string file = path_ + "/" + name;
  std::ofstream(file) << text;
  chmod(file.c_str(), static_cast<mode_t>(mode));
  return file;
}

void Scratch::MakeTls() const {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
      "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout " +
      path_ + "/tls.key -out " + path_ + "/tls.pem 2>/dev/null && chmod 600 " + path_ + "/tls.key";
  if (std::system(command.c_str()) != 0) std::abort();
}

std::string Scratch::Configuration(const std::string& front, const std::string& more) const {
  const std::string& d = path_;
  return Write("paygate.toml", R"(gateway_id = "AAAAAAAAAAAAAAAAAAAAAA"
state_directory = ")" + d + R"(/state"
runtime_directory = ")" + d + R"(/run"
[front]
tls_certificate = ")" + d + R"(/tls.pem"
tls_key = ")" + d + R"(/tls.key"
)" + front + R"(
[engine]
public_url = "https://127.0.0.1:8443"
[certificates]
root = ")" + d + R"(/root.pem"
issuing_ca = ")" + d + R"(/root.pem"
gateway_signature = ")" + d + R"(/root.pem"
gateway_encryption = ")" + d + R"(/root.pem"
[token]
module = "/usr/lib/softhsm/libsofthsm2.so"
uri = "pkcs11:token=paygate"
pin_file = ")" + d + R"(/pin"
processes = 2
[bank]
plugin = ")" + d + R"(/plugin.so"
config = ")" + d + R"(/bank.toml"
)" + more);
}

Program::Program(std::vector<std::string> words, std::vector<std::string> environment) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  pid_ = doubles::Spawn(words, {.environment = std::move(environment), .out = ends[1]});
  close(ends[1]);
  out_ = ends[0];
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
  close(out_);
}

void Program::Signal(int signal) const { kill(pid_, signal); }

int Program::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string Program::ReadLine() {
  while (buffer_.find('\n') == std::string::npos) {
    char bytes[512];
    const ssize_t n = read(out_, bytes, sizeof(bytes));
    if (n <= 0) return "";
    buffer_.append(bytes, static_cast<size_t>(n));
  }
  const size_t end = buffer_.find('\n');
  const std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

}  // namespace paygate::gateway::testing
