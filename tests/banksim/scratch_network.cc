#include "tests/banksim/scratch_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/doubles/places.h"

namespace paygate::banksim::testing {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

ScratchNetwork::ScratchNetwork(std::function<void(const std::string&)> prepare,
                               std::string program, int customers)
    : program_(program.empty() ? doubles::Program("paygate-banksim") : std::move(program)) {
  std::string pattern = std::filesystem::temp_directory_path() / "paygate-network-XXXXXX";
  if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  const std::string command =
      doubles::Source("tools/scratch-network") + " " + directory_ + " --port 0 --customers " +
      std::to_string(customers) + " > /dev/null";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("scratch-network failed");
  if (prepare) prepare(directory_);
  Start();
}

ScratchNetwork::~ScratchNetwork() {
  if (keeper_.joinable()) {
    keeper_.request_stop();
    keeper_.join();
  }
  if (pid_ > 0) Kill();
  std::filesystem::remove_all(directory_);
}

void ScratchNetwork::Start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  std::string program = program_, flag = "--config", config = directory_ + "/banksim.toml";
  char* argv[] = {program.data(), flag.data(), config.data(), nullptr};
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that aborts leaves nothing behind
    dup2(ends[1], STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  close(ends[1]);
  std::string line;
  for (char c; line.find('\n') == line.npos && read(ends[0], &c, 1) == 1;) line += c;
  close(ends[0]);
  if (!line.starts_with("ready ")) throw std::runtime_error("paygate-banksim did not start");
  std::string admin;
  std::vector<std::string> bank_urls;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.starts_with("http://")) admin = word;
    if (word.starts_with("https://")) bank_urls.push_back(word);
  }
  // The same after every start; others may be reading them.
  if (admin_ != admin) admin_ = std::move(admin);
  if (bank_urls_ != bank_urls) bank_urls_ = std::move(bank_urls);
}

void ScratchNetwork::KeepAlive() {
  keeper_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) Start();  // on the ports that it had
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    // It dies with the thread that started it.
    if (pid_ > 0) Kill();
  });
}

void ScratchNetwork::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

int ScratchNetwork::Stop() {
  int status = 0;
  kill(pid_, SIGTERM);
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ScratchNetwork::AdapterConfig(const std::string& more) const {
  std::string config = more + ReadAll(directory_ + "/adapter.toml");
  size_t at = 0;
  const std::string open = "https://127.0.0.1:0";
  for (const std::string& url : bank_urls_) {
    at = config.find(open, at);
    if (at == config.npos) throw std::runtime_error("adapter.toml has fewer banks");
    config.replace(at, open.size(), url);
  }
  return config;
}

std::vector<std::string> ScratchNetwork::Ibans(const std::string& bank) const {
  std::vector<std::string> ibans;
  for (const auto& account : Get("/accounts"))
    if (account["bank"] == bank) ibans.push_back(account["iban"]);
  return ibans;
}

std::string ScratchNetwork::CodeOf(const std::string& iban) const {
  for (const auto& account : Get("/accounts"))
    if (account["iban"] == iban) return account["enrolment_code"];
  throw std::runtime_error("no such account");
}

std::string ScratchNetwork::BalanceOf(const std::string& iban) const {
  for (const auto& account : Get("/accounts"))
    if (account["iban"] == iban) return account["balance"];
  throw std::runtime_error("no such account");
}

std::string ScratchNetwork::TruthOf(const std::string& payment_id) const {
  int status = 0;
  const std::string body = Ask("GET", "/transactions/" + payment_id, "", &status);
  if (status == 404) return "none";
  return nlohmann::json::parse(body)["state"];
}

std::string ScratchNetwork::Ask(const std::string& method, const std::string& path,
                                const std::string& body, int* status) const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{
      .sin_family = AF_INET,
      .sin_port =
          htons(static_cast<uint16_t>(std::atoi(admin_.substr(admin_.rfind(':') + 1).c_str())))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string request = method + " " + path +
                              " HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                              "\r\n\r\n" + body;
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
    shutdown(fd, SHUT_WR);
    char chunk[16384];
    for (ssize_t n; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;)
      answer.append(chunk, static_cast<size_t>(n));
  }
  close(fd);
  const size_t head = answer.find("\r\n\r\n");
  if (head == answer.npos) throw std::runtime_error("the admin gave no answer to " + path);
  const int code = std::atoi(answer.c_str() + sizeof "HTTP/1.1");
  if (status)
    *status = code;
  else if (code != 200)
    throw std::runtime_error(path + ": " + answer);
  return answer.substr(head + 4);
}

}  // namespace paygate::banksim::testing
