#include "tests/doubles/places.h"
#include "tests/integration/scratch_gateway.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/doubles/spawn.h"

namespace paygate::integration {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kStartLimit{60}, kStopLimit{30};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

pid_t ParentOf(const fs::path& proc) {
  const std::string stat = ReadAll(proc / "stat");  // pid (command) state ppid …
  const size_t end = stat.rfind(')');
  return end == stat.npos ? 0 : std::atoi(stat.c_str() + end + 4);
}

// The programs of a process's children.
std::vector<std::pair<pid_t, std::string>> Children(pid_t parent) {
  std::vector<std::pair<pid_t, std::string>> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || ParentOf(entry.path()) != parent) continue;
    const std::string command = ReadAll(entry.path() / "cmdline");
    if (!command.empty()) found.emplace_back(pid, command.substr(0, command.find('\0')));
  }
  return found;
}

int64_t MinorUnits(const std::string& amount) {
  std::string digits;
  for (char c : amount) {
    if (c != '.') digits += c;
  }
  return std::stoll(digits);
}

// The ceremony's own tests look for leaks in it. In the set-up of every other test, to see which of
// them are SoftHSM's would be much of the time that a small test takes.
std::string SanitizerWithoutLeaks() {
  const char* options = getenv("ASAN_OPTIONS");
  return std::string("ASAN_OPTIONS=") + (options == nullptr ? "" : options) +
         ":detect_leaks=0:fast_unwind_on_malloc=1";
}

}  // namespace

std::string RunProgram(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const pid_t pid = doubles::Spawn(command, {.out = ends[1], .own_group = true});
  close(ends[1]);
  std::string out;
  char chunk[4096];
  for (ssize_t n; (n = read(ends[0], chunk, sizeof chunk)) > 0;) out.append(chunk, n);
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error(command[0] + " failed: " + out);
  return out;
}

ScratchGateway::ScratchGateway(Options options) {
  std::string pattern = (fs::temp_directory_path() / "paygate-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  const std::string made = directory_ + "/gateway";
  if (options.engine_program.empty())
    options.engine_program = doubles::Program("engine_with_clock");
  std::vector<std::string> command{
      "/usr/bin/env", SanitizerWithoutLeaks(), doubles::Source("tools/scratch-gateway"), made,
      "--bin", doubles::BinDir(), "--program", "engine = \"" + options.engine_program + "\""};
  // Those that tests/integration/scratch_keys made for this run of ctest, if they will do.
  const std::string keys = doubles::BinDir() + "/../scratch-keys";
  if (std::ranges::count(options.arguments, "--key-type") == 0 && fs::exists(keys)) {
    command.insert(command.end(), {"--keys", keys});
  }
  for (const std::string& line : options.engine) command.insert(command.end(), {"--engine", line});
  for (const std::string& line : options.token) command.insert(command.end(), {"--token", line});
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  RunProgram(command);
  directory_ = made;
  const int64_t offset = 0;
  std::ofstream(directory_ + "/clock-offset", std::ios::binary)
      .write(reinterpret_cast<const char*>(&offset), sizeof offset);
  setenv("SOFTHSM2_CONF", (directory_ + "/token/softhsm2.conf").c_str(), 1);
  if (options.prepare) options.prepare(directory_);
  Start();
}

ScratchGateway::~ScratchGateway() {
  Stop();
  fs::remove_all(fs::path(directory_).parent_path());
}

void ScratchGateway::Start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const int log = open((directory_ + "/log").c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC,
                       0600);
  paygated_ = doubles::Spawn(
      {doubles::Program("paygated"), "--config", directory_ + "/gateway.toml"},
      {.out = ends[1], .err = log, .own_group = true});
  close(ends[1]);
  close(log);
  output_ = ends[0];
  // "ready https://127.0.0.1:PORT"
  std::string line;
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (line.find('\n') == line.npos) {
    pollfd readable{.fd = output_, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    char c;
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0 ||
        read(output_, &c, 1) != 1) {
      throw std::runtime_error("the gateway did not start: " + line + Log());
    }
    line += c;
  }
  url_ = line.substr(line.find("http"), line.find('\n') - line.find("http"));
}

void ScratchGateway::Stop() {
  if (paygated_ == 0) return;
  kill(paygated_, SIGTERM);
  const bool ended = Eventually([&] { return waitpid(paygated_, nullptr, WNOHANG) == paygated_; },
                                kStopLimit);
  if (!ended) kill(-paygated_, SIGKILL);
  if (!ended) waitpid(paygated_, nullptr, 0);
  close(output_);
  if (!ended) std::fprintf(stderr, "paygated did not stop in time\n%s", Log().c_str());
  paygated_ = 0;
}

bool ScratchGateway::Reload() {
  const auto count = [this](const char* what) {
    const std::string log = Log(), line = std::string(" paygated ") + what;
    size_t n = 0;
    for (size_t at = log.find(line); at != log.npos; at = log.find(line, at + 1)) ++n;
    return n;
  };
  const size_t done = count("reload.done"), refused = count("reload.refused");
  kill(paygated_, SIGHUP);
  const bool answered = Eventually([&] {
    return count("reload.done") > done || count("reload.refused") > refused;
  }, kStartLimit * 2);
  if (!answered) throw std::runtime_error("no answer to SIGHUP: " + Log());
  return count("reload.done") > done;
}

void ScratchGateway::TurnClock(std::chrono::seconds by) {
  const int fd = open((directory_ + "/clock-offset").c_str(), O_RDWR | O_CLOEXEC);
  void* page = mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  *static_cast<std::atomic<int64_t>*>(page) += by.count();
  munmap(page, sizeof(int64_t));
}

std::vector<std::pair<pid_t, std::string>> ScratchGateway::Processes() const {
  auto found = Children(paygated_);
  for (auto& [pid, command] : found) command = fs::path(command).filename();
  return found;
}

pid_t ScratchGateway::PidOf(const std::string& program) const {
  for (const auto& [pid, name] : Processes()) {
    if (name == program) return pid;
  }
  return 0;
}

void ScratchGateway::Kill(const std::string& program, int signal) {
  const pid_t pid = PidOf(program);
  if (pid == 0) throw std::runtime_error("no process " + program);
  kill(pid, signal);
}

std::string ScratchGateway::RootPem() const { return ReadAll(directory_ + "/pki/root.pem"); }
std::string ScratchGateway::Log() const { return ReadAll(directory_ + "/log"); }

std::vector<Customer> ScratchGateway::Customers() const {
  const auto list = nlohmann::json::parse(
      RunProgram({doubles::Program("paygate-embedded-bank"), "--config",
                  directory_ + "/bank/bank.toml", "accounts", "--json"}));
  std::vector<Customer> customers;
  for (const auto& each : list) {
    customers.push_back({.name = each["name"],
                         .iban = each["iban"],
                         .currency = each["currency"],
                         .enrolment_code = each["enrolment_code"],
                         .balance = MinorUnits(each["balance"].get<std::string>()),
                         .enrolled = each["enrolled"]});
  }
  return customers;
}

int64_t ScratchGateway::BalanceOf(const std::string& iban) const {
  for (const Customer& customer : Customers()) {
    if (customer.iban == iban) return customer.balance;
  }
  throw std::runtime_error("no such customer");
}

int64_t ScratchGateway::TotalMoney() const {
  int64_t total = 0;
  for (const Customer& customer : Customers()) total += customer.balance;
  return total;
}

doubles::ShellRan ScratchGateway::Reconcile(const std::string& arguments) const {
  return doubles::Shell(doubles::Program("paygatectl") + " --json --config " + directory_ +
                        "/gateway.toml reconcile " + arguments);
}

std::string ScratchGateway::Differences() const {
  if (paygated_ == 0) return "";
  constexpr int kNoEngine = 3, kNotReconciled = 5;
  doubles::ShellRan found;
  (void)Eventually([&] {
    found = Reconcile();
    return found.code != kNoEngine && found.code != kNotReconciled;
  });
  return found.code == 0 ? "" : found.out;
}

bool ScratchGateway::LedgerIsRight() const {
  RunProgram({doubles::Program("paygate-embedded-bank"), "--config", directory_ + "/bank/bank.toml",
              "check"});
  return true;  // RunProgram throws otherwise
}

}  // namespace paygate::integration
