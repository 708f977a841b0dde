// orders = line…
// line   = "close " IBAN "\n" | "revoke " IBAN " " participant " " reason "\n"
// A last line without its "\n" is being written, or was torn: the next one begins after a "\n".
#include "bank/adapters/embedded/order_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <vector>

#include "base/file.h"

namespace paygate::bank::embedded {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxFileBytes = 64u << 20;

std::optional<Order> ParseOrder(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(std::move(word));
  if (words.size() == 2 && words[0] == "close") return Order{.close = true, .account = words[1]};
  if (words.size() != 4 || words[0] != "revoke") return std::nullopt;
  if (words[3] != "keyCompromise" && words[3] != "cessationOfOperation" &&
      words[3] != "superseded")
    return std::nullopt;
  return Order{.account = words[1], .participant = words[2], .reason = words[3]};
}

std::string Print(const Order& order) {
  if (order.close) return "close " + order.account;
  return "revoke " + order.account + " " + order.participant + " " + order.reason;
}

base::Status Failed(const char* what) {
  return Fail(ErrorCode::kIo, std::string("the order was not written: ") + what + ": " +
                                  strerror(errno));
}

}  // namespace

base::Status AppendOrder(const std::string& ledger, const Order& order) {
  std::string line = Print(order);
  if (!ParseOrder(line)) return Fail(ErrorCode::kInvalidArgument, "that is no order");
  const int fd =
      open((ledger + ".orders").c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("open");
  base::Status status;
  struct stat s {};
  char last = '\n';
  if (flock(fd, LOCK_EX) != 0 || fstat(fd, &s) != 0 ||
      (s.st_size > 0 && pread(fd, &last, 1, s.st_size - 1) != 1)) {
    status = Failed("read");
  } else {
    line = (last == '\n' ? "" : "\n") + line + "\n";
    if (write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        fdatasync(fd) != 0)
      status = Failed("write");
  }
  close(fd);
  return status;
}

std::vector<Order> OrderFile::ReadNew() {
  std::vector<Order> orders;
  struct stat s {};
  if (stat(path_.c_str(), &s) != 0 || static_cast<uint64_t>(s.st_size) <= read_) return orders;
  const auto text = base::ReadFile(path_, kMaxFileBytes);
  if (!text) return orders;
  for (;;) {
    const size_t end = text->find('\n', read_);
    if (end == text->npos) return orders;
    const std::string line = text->substr(read_, end - read_);
    read_ = end + 1;
    if (auto order = ParseOrder(line)) {
      orders.push_back(std::move(*order));
    } else if (!line.empty()) {
      ++unreadable_;
    }
  }
}

}  // namespace paygate::bank::embedded
