#include "tools/wallet/terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxSecretBytes = 1024;
constexpr std::chrono::seconds kSilence{2};

class Tty {
 public:
  Tty() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
  ~Tty() {
    if (!silent_) {
      if (fd_ >= 0) close(fd_);
      return;
    }
    tcsetattr(fd_, TCSAFLUSH, &before_);
    Say("\n");
    close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  void Silence() {
    if (tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent_ = tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  bool silent() const { return silent_; }
  void Say(const std::string& text) {
    if (write(fd_, text.data(), text.size()) < 0) return;
  }
  // One line without its line feed, straight into locked memory.
  base::SecretBytes ReadLine() {
    base::SecretBytes line(kMaxSecretBytes);
    size_t n = 0;
    char c = 0;
    while (read(fd_, &c, 1) == 1 && c != '\n') {
      if (n < kMaxSecretBytes) line.data()[n++] = static_cast<uint8_t>(c);
    }
    base::Cleanse(&c, 1);
    line.Truncate(n);
    return line;
  }

 private:
  const int fd_;
  bool silent_ = false;
  termios before_{};
};

// Runs `request` and speaks up while it takes long.
template <typename F>
auto Patiently(F request) {
  std::mutex mutex;
  std::condition_variable done_or_late;
  bool done = false;
  std::thread watcher([&] {
    std::unique_lock lock(mutex);
    auto waited = kSilence;
    while (!done_or_late.wait_for(lock, waited, [&] { return done; })) {
      Note("waiting for the gateway's answer …");
      waited = std::chrono::seconds(10);
    }
  });
  auto answer = request();
  {
    std::lock_guard lock(mutex);
    done = true;
  }
  done_or_late.notify_all();
  watcher.join();
  return answer;
}

}  // namespace

base::Result<base::SecretBytes> AskSecret(const std::string& prompt) {
  Tty tty;
  if (!tty.ok()) {
    return Fail(ErrorCode::kInvalidArgument, "there is no terminal to ask for: " + prompt);
  }
  tty.Silence();
  if (!tty.silent()) return Fail(ErrorCode::kInvalidArgument, "the terminal cannot hide its input");
  tty.Say(prompt + ": ");
  return tty.ReadLine();
}

base::Result<bool> AskYesNo(const std::string& question) {
  Tty tty;
  if (!tty.ok()) {
    return Fail(ErrorCode::kInvalidArgument, "there is no terminal to ask on; say --yes to go on");
  }
  tty.Say(question + " [y/N] ");
  const base::SecretBytes line = tty.ReadLine();
  return line.view() == "y" || line.view() == "yes" || line.view() == "Y";
}

void Note(const std::string& sentence) { std::fprintf(stderr, "%s\n", sentence.c_str()); }

base::Result<participant::HttpAnswer> PatientTransport::Post(const std::string& path,
                                                             const std::string& body) {
  return Patiently([&] { return real_.Post(path, body); });
}

base::Result<participant::HttpAnswer> PatientTransport::Get(const std::string& path) {
  return Patiently([&] { return real_.Get(path); });
}

}  // namespace paygate::wallet
