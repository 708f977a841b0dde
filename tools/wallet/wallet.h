// Wallet: the directory, the connection and the client of one run of the program.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "participant/client.h"
#include "participant/transport.h"
#include "tools/wallet/commands.h"
#include "tools/wallet/config.h"
#include "tools/wallet/terminal.h"

namespace paygate::wallet {

class Wallet {
 public:
  // `must_be_registered`: kNotFound, with what to do, in a directory that never was.
  static base::Result<std::unique_ptr<Wallet>> Open(const Options& options,
                                                    bool must_be_registered);

  participant::Client& client() { return *client_; }
  participant::Disk& disk() { return *disk_; }
  const base::Clock& clock() const { return clock_; }
  const WalletConfig& config() const { return config_; }

  // Opens the keys and sends again whatever is out, telling the person what came of it.
  base::Result<std::vector<participant::Resumed>> UnlockAndResume(const Options& options);
  base::Result<std::vector<participant::Resumed>> UnlockAndResume(
      const base::SecretBytes& passphrase);
  // How many messages are out; 0 if that cannot be read.
  size_t OpenMessages();

 private:
  Wallet() = default;
  base::SystemClock clock_;
  WalletConfig config_;
  std::unique_ptr<participant::Disk> disk_;
  std::unique_ptr<participant::Transport> https_;
  std::unique_ptr<PatientTransport> transport_;
  std::unique_ptr<participant::Client> client_;
};

// The gateway and root that the options name, or else `kept`.
base::Result<WalletConfig> ChooseConfig(const Options& options,
                                        const std::optional<WalletConfig>& kept);
base::Result<std::unique_ptr<participant::Transport>> Connect(const WalletConfig& config);
// The CSBLK itself, a file that holds it, or '-' for standard input.
base::Result<std::string> ReadCsblk(const std::string& argument);
// What `sell` promises, by its options; nullopt: nothing. kInvalidArgument.
base::Result<std::optional<participant::Undertaking>> UndertakingOf(const Options& options,
                                                                    int64_t now);
base::Result<base::SecretBytes> Passphrase(const Options& options);

// Prints what happened to a message, in words or JSON, and gives its exit code.
int Report(const Options& options, const participant::Resumed& resumed);
// What a command that sends one message does: opens the wallet, sends again what is out and tells
// the person what came of it. If that very message, of this kind and subject, was out and has not
// lapsed, it is the command's; otherwise `send` goes on.
int RunOnce(const Options& options, participant::MessageKind kind, const std::string& subject,
            const std::function<int(Wallet&)>& send);
int ReportRefusal(const Options& options, const participant::Refusal& refusal);
int ReportRenewed(const Options& options, const participant::Identity& identity);
int ReportRevoked(const Options& options, const participant::Revoked& revoked);
int ReportRefund(const Options& options, const participant::RefundRecord& record);
int ReportClaim(const Options& options, const participant::ClaimRecord& record);
int ReportPayment(const Options& options, const participant::PaymentRecord& record);
// `open_messages`: whether something is out decides between kUndecided and kUnreachable.
int ReportError(const Options& options, const base::Error& error, size_t open_messages);

}  // namespace paygate::wallet
