// What the tests of the bank room share: a private directory, a small bank's files, a real host.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "bank/adapters/embedded/config.h"
#include "bank/adapters/embedded/transfer.h"
#include "bank/bank.h"
#include "base/crypto.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/doubles/eventually.h"
#include "tests/doubles/places.h"
#include "tests/doubles/spawn.h"

namespace paygate::bank::testing {

constexpr char kAlice[] = "GB33BUKB20201555555555";
constexpr char kSue[] = "GB94BARC10201530093459";
constexpr char kEve[] = "DE89370400440532013000";  // in EUR
constexpr char kClosed[] = "GB82WEST12345698765432";
constexpr char kSlow[] = "FR1420041010050500013M02606";  // pending
constexpr char kRefuser[] = "NL91ABNA0417164300";        // reject:AC06
constexpr char kMute[] = "BE68539007547034";             // no-answer
constexpr char kCode[] = "ALICE-CODE-0123456789";

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "paygate-bank-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string AccountText(const std::string& iban, const std::string& balance,
                               const std::string& more, const std::string& currency = "GBP") {
  return "[[account]]\nname = \"Somebody\"\niban = \"" + iban + "\"\ncurrency = \"" + currency +
         "\"\nbalance = \"" + balance + "\"\n" + more + "\n";
}

inline std::string AccountsText() {
  return AccountText(kAlice, "1000.00", std::string("enrolment_code = \"") + kCode + "\"") +
         AccountText(kSue, "0.00", "overdraft = \"5.00\"") + AccountText(kEve, "10.00", "", "EUR") +
         AccountText(kClosed, "1.00", "closed = true") +
         AccountText(kSlow, "0.00", "behaviour = \"pending\"") +
         AccountText(kRefuser, "0.00", "behaviour = \"reject:AC06\"") +
         AccountText(kMute, "0.00", "behaviour = \"no-answer\"");
}

// Writes accounts.toml and bank.toml into `dir`; returns bank.toml's text.
inline std::string WriteBankFiles(const TempDir& dir) {
  std::ofstream(dir / "accounts.toml") << AccountsText();
  const std::string config = "ledger = \"" + (dir / "bank.ledger") + "\"\naccounts = \"" +
                             (dir / "accounts.toml") + "\"\n";
  std::ofstream(dir / "bank.toml") << config;
  return config;
}

inline embedded::Config SmallBank(const TempDir& dir) {
  auto config = embedded::ParseConfig(WriteBankFiles(dir));
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return std::move(*config);
}

inline std::string PaymentId(int n) {
  return base::Sha256Base64Url("payment " + std::to_string(n));
}

constexpr int64_t kNow = 1'790'000'000;

inline std::string Prepared(int n, int64_t amount = 100, const std::string& debtor = kAlice,
                            const std::string& creditor = kSue, int64_t deadline = kNow + 3600) {
  auto bytes = embedded::PrepareOrder({.payment_id = PaymentId(n),
                                       .debtor = debtor,
                                       .creditor = creditor,
                                       .amount = amount,
                                       .currency = "GBP",
                                       .fraction_digits = 2,
                                       .remittance = "a book",
                                       .deadline = deadline,
                                       .created = kNow - 10});
  EXPECT_TRUE(bytes.has_value());
  return *bytes;
}

inline std::string PreparedReturn(int n, int of, const std::string& reference, int64_t amount,
                                  int64_t deadline = kNow + 3600,
                                  const std::string& currency = "GBP") {
  auto bytes = embedded::PrepareOrder({.payment_id = PaymentId(n),
                                       .returns = PaymentId(of),
                                       .bank_reference = reference,
                                       .amount = amount,
                                       .currency = currency,
                                       .fraction_digits = 2,
                                       .deadline = deadline,
                                       .created = kNow - 10});
  EXPECT_TRUE(bytes.has_value());
  return *bytes;
}

// A real paygate-bank; killed at the end if it still runs.
class HostProcess {
 public:
  HostProcess(const TempDir& dir, const std::string& plugin, std::vector<std::string> more = {}) {
    std::vector<std::string> args = {doubles::Program("paygate-bank"),
                                     "--plugin",
                                     doubles::Library(plugin),
                                     "--adapter-config",
                                     dir / "bank.toml",
                                     "--socket",
                                     dir / "bank.sock"};
    args.insert(args.end(), more.begin(), more.end());
    const int log =
        open((dir / "host.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_ = doubles::Spawn(args, {.err = log});
    close(log);
  }
  ~HostProcess() {
    if (pid_ > 0) Kill();
  }
  void Signal(int number) const { kill(pid_, number); }
  void Kill() {
    Signal(SIGKILL);
    Wait();
  }
  int Wait() {  // the exit code, or minus the signal
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

using doubles::Eventually;

inline std::unique_ptr<Bank> ConnectedClient(const TempDir& dir, BankClientOptions options = {}) {
  static const base::SystemClock clock;
  options.socket = dir / "bank.sock";
  auto bank = OpenBankClient(options, clock);
  EXPECT_TRUE(Eventually([&] { return bank->GetCapabilities().has_value(); }));
  return bank;
}

inline Answer SubmitAndWait(Bank& bank, const std::string& prepared) {
  std::promise<Answer> promise;
  bank.Submit(prepared, [&](Answer a) { promise.set_value(std::move(a)); });
  return promise.get_future().get();
}

inline Answer StatusAndWait(Bank& bank, const std::string& prepared) {
  std::promise<Answer> promise;
  bank.Status(prepared, [&](Answer a) { promise.set_value(std::move(a)); });
  return promise.get_future().get();
}

}  // namespace paygate::bank::testing
